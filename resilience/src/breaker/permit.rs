use super::since::Since;
use super::slot::Slot;
use super::word::SPENT;
use crate::Verdict;
use std::fmt;

/// Leave to make one call. It is given back exactly once: with the call's outcome, or by being dropped.
///
/// A permit that is dropped says nothing about the upstream, unless its thread is panicking: a panic that unwinds out of
/// the call is a failure. A probe's permit frees its slot either way, so no sequence of drops can wedge recovery. An
/// outcome that comes back after the breaker has changed its phase changes nothing.
///
/// ```
/// use resilience::{Breaker, State};
///
/// let breaker = Breaker::new();
/// breaker.try_acquire()?.failure();
/// drop(breaker.try_acquire()?);
/// breaker.try_acquire()?.failure();
/// assert_eq!(breaker.snapshot().failures.len(), 2);
/// breaker.try_acquire()?.success();
/// assert_eq!(breaker.snapshot().failures.len(), 0);
/// # Ok::<(), resilience::Rejected>(())
/// ```
#[must_use = "a permit that is dropped at once guards no call"]
pub struct Permit {
    slot: &'static Slot,
    ticket: u64,
    since: Since,
}

impl Permit {
    pub(super) fn new(slot: &'static Slot, ticket: u64) -> Self {
        // Only the rule about slow calls wants to know when it began.
        let timed = slot.tally().is_some_and(super::tally::Tally::times_calls);
        Self { slot, ticket, since: if timed { Since::at(slot.now(ticket)) } else { Since::NEVER } }
    }

    /// The call succeeded.
    pub fn success(self) {
        self.record(Verdict::Success);
    }

    /// The call failed.
    pub fn failure(self) {
        self.record(Verdict::Failure(None));
    }

    /// The call ended like this.
    pub fn record(mut self, verdict: Verdict) {
        let ticket = std::mem::replace(&mut self.ticket, SPENT);
        self.slot.record(ticket, verdict, self.since);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.ticket == SPENT {
            return;
        }
        if std::thread::panicking() {
            self.slot.panicked(self.ticket, self.since);
        } else {
            self.slot.give_back(self.ticket);
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

/// The permit of a call whose dropping is judged by its age: what futures and bodies hold.
pub(crate) struct CallPermit {
    slot: &'static Slot,
    ticket: u64,
    /// A call that never waits reads no clock.
    since: Since,
}

impl CallPermit {
    #[inline]
    pub(crate) fn new(slot: &'static Slot, ticket: u64) -> Self {
        Self { slot, ticket, since: Since::NEVER }
    }

    /// The call has to wait: its age counts from now on.
    #[inline]
    pub(crate) fn waits(&mut self) {
        if self.since.is_never() && self.ticket != SPENT {
            self.since = Since::at(self.slot.now(self.ticket));
        }
    }

    /// The call ended like this. Whether it matters what the answer says of the server's own count.
    #[inline]
    pub(crate) fn record(&mut self, verdict: Verdict) -> bool {
        // One that was recorded before says nothing: `SPENT` is no ticket.
        let ticket = std::mem::replace(&mut self.ticket, SPENT);
        self.slot.record(ticket, verdict, self.since)
    }

    /// The server said of its own count.
    #[cfg(feature = "http")]
    pub(crate) fn learn(&self, quota: crate::hint::Quota) {
        if let Some(remaining) = quota.remaining() {
            self.slot.learn_quota(remaining, quota.reset());
        }
    }

    /// A panic unwinds out of the call.
    pub(super) fn panicked(&mut self) {
        let ticket = std::mem::replace(&mut self.ticket, SPENT);
        self.slot.panicked(ticket, self.since);
    }

    /// Runs a part of the call; a panic that unwinds out of it is a failure.
    #[inline]
    pub(crate) fn guard<R>(&mut self, part: impl FnOnce() -> R) -> R {
        guard(self, Self::panicked, part)
    }

    /// Hands the permit on to the body of an answer whose head has come. Whether it matters what the head says of the
    /// server's own count.
    #[cfg(feature = "http")]
    pub(crate) fn take(&mut self) -> (BodyPermit, bool) {
        let ticket = std::mem::replace(&mut self.ticket, SPENT);
        let learns = self.slot.answered(ticket);
        (BodyPermit { call: Self { slot: self.slot, ticket, since: self.since }, quiet_since: Since::NEVER }, learns)
    }
}

/// Runs a part of a call, and tells its holder if a panic unwinds out of it.
#[inline]
pub(crate) fn guard<H, R>(holder: &mut H, panicked: impl Fn(&mut H), part: impl FnOnce() -> R) -> R {
    struct Unwinding<'a, H, F: Fn(&mut H)>(&'a mut H, F);
    impl<H, F: Fn(&mut H)> Drop for Unwinding<'_, H, F> {
        fn drop(&mut self) {
            self.1(self.0);
        }
    }
    let unwinding = Unwinding(holder, panicked);
    let result = part();
    std::mem::forget(unwinding);
    result
}

impl Drop for CallPermit {
    #[inline]
    fn drop(&mut self) {
        if self.ticket != SPENT {
            self.slot.abandon(self.ticket, self.since);
        }
    }
}

impl fmt::Debug for CallPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallPermit").field("spent", &(self.ticket == SPENT)).finish_non_exhaustive()
    }
}

/// The permit of a call whose answer is on its way. The call is as old as ever, and slow if it takes too long in all;
/// but dropping it is judged by how long nothing has come.
#[cfg(feature = "http")]
pub(crate) struct BodyPermit {
    call: CallPermit,
    /// When the body was first found waiting after something had come.
    quiet_since: Since,
}

#[cfg(feature = "http")]
impl BodyPermit {
    /// The body has to wait.
    pub(crate) fn waits(&mut self) {
        self.call.waits();
        if self.quiet_since.is_never() {
            self.quiet_since = Since::at(self.call.slot.now(self.call.ticket));
        }
    }

    /// Something came.
    pub(crate) fn flows(&mut self) {
        self.quiet_since = Since::NEVER;
    }

    /// The call ended like this.
    pub(crate) fn record(&mut self, verdict: Verdict) {
        self.call.slot.ends_after_answer(self.call.ticket);
        self.call.record(verdict);
    }

    /// A panic unwinds out of the body.
    pub(super) fn panicked(&mut self) {
        self.call.slot.ends_after_answer(self.call.ticket);
        self.call.panicked();
    }
}

#[cfg(feature = "http")]
impl Drop for BodyPermit {
    fn drop(&mut self) {
        // Nothing, if its outcome was recorded: a permit is spent once.
        self.call.slot.ends_after_answer(self.call.ticket);
        // The call's own permit is dropped next, and judges by what it finds here.
        self.call.since = self.quiet_since;
    }
}

#[cfg(feature = "http")]
impl fmt::Debug for BodyPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.call.fmt(f)
    }
}
