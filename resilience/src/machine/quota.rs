//! The upstream's limit: a bucket of tokens, and what the server says of its own count.

use super::{Context, Machine, Ticket};
use crate::clock::{Instant, nanos};
use crate::policy::{Pace, Rules};
use std::time::Duration;

/// What a quota leaves to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaLeft {
    /// Calls that would be admitted at once, as far as the bucket goes.
    pub tokens: u32,
    /// Calls admitted that no answer has come to.
    pub in_flight: u32,
    /// What the server said: so many more, calls that it may not have counted yet taken off, until that instant.
    pub server: Option<(u64, Instant)>,
}

/// The account of one upstream's limit. It is the upstream's, and no matter of health: it outlives trips and epochs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct QuotaGuard {
    /// When the bucket will be full, in nanoseconds on the breaker's clock: the one number that a token bucket needs.
    full_at: u128,
    /// Calls admitted since `counted_from` that no answer has come to.
    out: u32,
    /// The epoch from which on calls are counted: those of earlier ones are another owner's, or were made before there was
    /// a quota. (Where a quota is put in force while calls are out, these give back what they did not take. So `out` may
    /// be too small until they have ended; the bucket is not concerned.)
    counted_from: u64,
    server: Option<Server>,
}

/// What the server said of its present window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Server {
    /// The least that any of its answers told.
    remaining: u64,
    /// Calls that it may have counted after that answer, or may still count.
    uncounted: u64,
    /// Calls no longer among those although their own answers have not come: that one told that they were counted.
    credited: u64,
    until: Instant,
}

impl Server {
    fn left(&self) -> u64 {
        self.remaining.saturating_sub(self.uncounted)
    }
}

impl QuotaGuard {
    fn new(epoch: u64) -> Self {
        Self { counted_from: epoch, ..Self::default() }
    }

    /// For how many nanoseconds no call is admitted; 0: one is.
    pub(super) fn wait(&self, pace: &Pace, now: Instant) -> u64 {
        let now_nanos = u128::from(now.as_nanos());
        // A token is there when the bucket lacks no more than all the others.
        let others = pace.fills_in() - pace.interval;
        let token = self.full_at.saturating_sub(others).saturating_sub(now_nanos);
        let reset = self.server.filter(|server| server.left() == 0).map_or(0, |server| server.until.since(now));
        u64::try_from(token).unwrap_or(u64::MAX).max(reset)
    }

    /// Takes a token for a call that [`wait`](Self::wait) lets pass.
    pub(super) fn take(&mut self, pace: &Pace, now: Instant) {
        self.full_at = self.full_at.max(u128::from(now.as_nanos())) + pace.interval;
        self.out = self.out.saturating_add(1);
        self.forget_past(now);
        if let Some(server) = &mut self.server {
            server.uncounted = server.uncounted.saturating_add(1);
        }
    }

    /// The server answered a call, and said what remains until then.
    ///
    /// Answers may overtake one another, but within a window the server's count only goes on. So the answer that told
    /// least is the newest, and `uncounted` are the calls that may have come after it: at first all that are out; then
    /// each that is admitted. An answer that tells less by `d` has counted `d` of them, so the answers of the `d − 1`
    /// others change nothing when they come. One that tells as much or more, and is none of those, is the answer to a call
    /// that was out at first and had been counted before. Calls that came to no answer stay in: they may have been counted.
    fn learn(&mut self, remaining: u64, until: Instant, now: Instant) {
        self.forget_past(now);
        let out = u64::from(self.out);
        let Some(server) = &mut self.server else {
            self.server = Some(Server { remaining, uncounted: out, credited: 0, until });
            return;
        };
        let newly = server.remaining.saturating_sub(remaining);
        if newly > 0 {
            server.credited = server.credited.saturating_add(newly - 1);
            server.uncounted = server.uncounted.saturating_sub(newly);
            (server.remaining, server.until) = (remaining, until);
        } else if server.credited > 0 {
            server.credited -= 1;
        } else {
            server.uncounted = server.uncounted.saturating_sub(1);
        }
        // Others may use the same quota, so what was counted need not have been ours.
        server.uncounted = server.uncounted.max(out);
        if remaining == server.remaining {
            server.until = server.until.max(until);
        }
    }

    /// A window of the server that is over says nothing about the next one.
    fn forget_past(&mut self, now: Instant) {
        self.server = self.server.filter(|server| server.until > now);
    }

    /// A new pace, a new longest hint: nobody waits longer than these would ever have them wait.
    fn clamp(&mut self, pace: &Pace, longest: u64, now: Instant) {
        self.full_at = self.full_at.min(u128::from(now.as_nanos()) + pace.fills_in());
        if let Some(server) = &mut self.server {
            server.until = server.until.min(now.plus(longest));
        }
    }

    fn left(&self, pace: &Pace, now: Instant) -> QuotaLeft {
        let lacks = self.full_at.saturating_sub(u128::from(now.as_nanos())).div_ceil(pace.interval);
        let tokens = pace.burst.saturating_sub(u32::try_from(lacks).unwrap_or(u32::MAX));
        let server = self.server.filter(|server| server.until > now).map(|server| (server.left(), server.until));
        QuotaLeft { tokens, in_flight: self.out, server }
    }
}

impl Machine {
    /// The upstream said how many more calls it takes within this time, in an answer to a call whose outcome has been
    /// recorded. Calls that are out meanwhile may not be in its count, so they are taken off. Without a quota in the rules
    /// it changes nothing; times are cut at the longest hint that the rules follow.
    ///
    /// ```
    /// use resilience::Policy;
    /// use resilience::clock::Instant;
    /// use resilience::machine::{Context, Machine};
    /// use resilience::policy::{Quota, Rules};
    /// use std::time::Duration;
    ///
    /// let minute = Duration::from_secs(60);
    /// let rules = Rules::new(Policy { quota: Some(Quota::new(100, minute)), ..Policy::default() })?;
    /// let mut machine = Machine::new(&rules);
    /// let cx = Context::new(&rules, Instant::from_nanos(0));
    /// machine.learn_quota(&cx, 0, minute);
    /// assert_eq!(machine.would_refuse(&cx, true).unwrap().wait, minute);
    /// # Ok::<(), resilience::PolicyError>(())
    /// ```
    pub fn learn_quota(&mut self, cx: &Context<'_>, remaining: u64, reset_in: Duration) {
        let until = cx.now.plus(nanos(reset_in).min(cx.rules.max_hint));
        if let Some(guard) = self.quota_mut() {
            guard.learn(remaining, until, cx.now);
        }
    }

    /// A call is answered, or will never be, whatever the epoch by now: the server has counted it, or never will.
    ///
    /// Done with its outcome. Where that is known only after the answer, done with the answer, too, and undone before the
    /// outcome.
    pub(crate) fn answered(&mut self, ticket: Ticket) {
        self.count_quota(ticket, |out| out.saturating_sub(1));
    }

    /// The outcome of a call that was [answered](Self::answered) before is recorded next.
    #[cfg(feature = "http")]
    pub(crate) fn ends_after_answer(&mut self, ticket: Ticket) {
        self.count_quota(ticket, |out| out.saturating_add(1));
    }

    fn count_quota(&mut self, ticket: Ticket, count: impl FnOnce(u32) -> u32) {
        if let (Ticket::Call { epoch, .. } | Ticket::Watched { epoch, .. } | Ticket::Probe { epoch, .. }, Some(guard)) =
            (ticket, self.quota_mut())
        {
            if epoch >= guard.counted_from {
                guard.out = count(guard.out);
            }
        }
    }

    fn quota_mut(&mut self) -> Option<&mut QuotaGuard> {
        self.rest.as_deref_mut()?.quota.as_mut()
    }

    /// The account that these rules want: the one there is, or a full bucket, or none.
    pub(super) fn watch_quota(&mut self, rules: &Rules, now: Instant) {
        match &rules.quota {
            Some(pace) => {
                let epoch = self.epoch;
                let guard = self.rest_mut().quota.get_or_insert_with(|| QuotaGuard::new(epoch));
                guard.clamp(pace, rules.max_hint, now);
            }
            None => {
                if let Some(rest) = self.rest.as_deref_mut() {
                    rest.quota = None;
                }
            }
        }
    }

    pub(super) fn quota_left(&self, cx: &Context<'_>) -> Option<QuotaLeft> {
        Some(self.rest.as_deref()?.quota.as_ref()?.left(cx.rules.quota.as_ref()?, cx.now))
    }

    /// Takes up what was left at an earlier instant. Parts of a token are lost, and calls in flight are nobody's.
    pub(super) fn restore_quota(&mut self, cx: &Context<'_>, left: QuotaLeft, as_of: Instant) {
        let (Some(pace), Some(guard)) = (&cx.rules.quota, self.quota_mut()) else { return };
        let lacks = u128::from(pace.burst.saturating_sub(left.tokens));
        guard.full_at = u128::from(as_of.as_nanos()) + lacks * pace.interval;
        guard.server = left.server.map(|(remaining, until)| Server { remaining, uncounted: 0, credited: 0, until });
        guard.forget_past(cx.now);
        guard.clamp(pace, cx.rules.max_hint, cx.now);
    }
}

#[cfg(test)]
mod tests;
