//! What one finished call says about the upstream.

use std::time::Duration;

/// What one finished call says about the upstream's health.
///
/// ```
/// use resilience::Verdict;
///
/// assert_eq!(Verdict::failure_if(true), Verdict::Failure(None));
/// assert_eq!(Verdict::failure_if(false), Verdict::Success);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The upstream is healthy.
    Success,
    /// The upstream is unhealthy; it may have said when to come back.
    Failure(Option<Hint>),
    /// The upstream answered, but not in a way that proves its health (a `404`, say). It clears no failures; in
    /// half-open it counts like a success, so that a service whose traffic is all `404` is not refused for ever.
    Reachable,
    /// Says nothing about the upstream: the call never reached it. Its permit is given back, nothing else happens.
    Ignore,
    /// The upstream limits its callers and said for how long, with a status that is not itself counted as a failure.
    /// A failure that trips at once where the policy obeys hints ([`Hints::Obey`](crate::Hints::Obey)); [`Reachable`](Verdict::Reachable) everywhere else.
    Limited(Duration),
    /// A breaker between here and the upstream, one that is trusted by name, refused the call. Ignored while closed, so
    /// that stacked breakers do not trip one another; in half-open a failure with its hint, because the probe did not get through.
    Relayed(Option<Duration>),
}

impl Verdict {
    /// [`Failure`](Verdict::Failure) without a hint if `failed`, else [`Success`](Verdict::Success).
    #[must_use]
    pub const fn failure_if(failed: bool) -> Self {
        if failed { Self::Failure(None) } else { Self::Success }
    }
}

/// When the upstream asked not to be called before, counted from the answer that carried it.
///
/// How far a hint is followed is the policy's choice: see [`Hints`](crate::Hints) and `max_hint`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hint {
    after: Duration,
    limiting: bool,
}

impl Hint {
    /// Come back after this long; it can only lengthen the time the breaker stays open.
    #[must_use]
    pub const fn after(after: Duration) -> Self {
        Self { after, limiting: false }
    }

    /// The upstream limits its callers (a `503` or `429` with `Retry-After`): where the policy obeys hints, this trips at once.
    #[must_use]
    pub const fn limiting(after: Duration) -> Self {
        Self { after, limiting: true }
    }

    /// The wait that the upstream asked for.
    #[must_use]
    pub const fn wait(self) -> Duration {
        self.after
    }

    /// Whether the upstream said that it limits its callers.
    #[must_use]
    pub const fn is_limiting(self) -> bool {
        self.limiting
    }
}
