//! What a guarded call holds until its outcome is known: the permit of one breaker, or that of one key among many.

use super::permit::{self, CallPermit};
use crate::Verdict;
#[cfg(feature = "http")]
use {super::permit::BodyPermit, crate::hint::Quota, std::fmt};

/// Held by a future.
pub(crate) trait Hold: Sized {
    /// The call has to wait: its age counts from now on.
    fn waits(&mut self);

    /// A panic unwinds out of the call.
    fn panicked(&mut self);

    /// The call ended like this. Whether it matters what the answer says of the server's own count.
    fn record(&mut self, verdict: Verdict) -> bool;

    /// Runs a part of the call; a panic that unwinds out of it is a failure.
    #[inline]
    fn guard<R>(&mut self, part: impl FnOnce() -> R) -> R {
        permit::guard(self, Self::panicked, part)
    }

    /// The server said of its own count.
    #[cfg(feature = "http")]
    fn learn(&self, quota: Quota);

    /// Hands on to the body of an answer whose head has come. Whether it matters what the head says of the server's own
    /// count.
    #[cfg(feature = "http")]
    fn hand_on(&mut self) -> (BodyHold, bool);
}

impl Hold for CallPermit {
    #[inline]
    fn waits(&mut self) {
        self.waits();
    }

    fn panicked(&mut self) {
        self.panicked();
    }

    #[inline]
    fn record(&mut self, verdict: Verdict) -> bool {
        self.record(verdict)
    }

    #[cfg(feature = "http")]
    fn learn(&self, quota: Quota) {
        self.learn(quota);
    }

    #[cfg(feature = "http")]
    fn hand_on(&mut self) -> (BodyHold, bool) {
        let (body, learns) = self.take();
        (BodyHold::Breaker(body), learns)
    }
}

/// Held by a body: dropping it is judged by how long nothing has come.
#[cfg(feature = "http")]
pub(crate) enum BodyHold {
    Breaker(BodyPermit),
    /// Of whatever key, so that the type of a body does not tell.
    Key(Box<dyn HoldBody>),
}

/// What a key's call holds while its body is on its way.
#[cfg(feature = "http")]
pub(crate) trait HoldBody: Send + Sync {
    fn waits(&mut self);
    fn flows(&mut self);
    fn record(&mut self, verdict: Verdict);
    fn panicked(&mut self);
}

#[cfg(feature = "http")]
impl BodyHold {
    /// The body has to wait.
    pub(crate) fn waits(&mut self) {
        match self {
            Self::Breaker(permit) => permit.waits(),
            Self::Key(hold) => hold.waits(),
        }
    }

    /// Something came.
    pub(crate) fn flows(&mut self) {
        match self {
            Self::Breaker(permit) => permit.flows(),
            Self::Key(hold) => hold.flows(),
        }
    }

    /// The call ended like this.
    pub(crate) fn record(&mut self, verdict: Verdict) {
        match self {
            Self::Breaker(permit) => permit.record(verdict),
            Self::Key(hold) => hold.record(verdict),
        }
    }

    fn panicked(&mut self) {
        match self {
            Self::Breaker(permit) => permit.panicked(),
            Self::Key(hold) => hold.panicked(),
        }
    }

    /// Runs a part of the call; a panic that unwinds out of it is a failure.
    pub(crate) fn guard<R>(&mut self, part: impl FnOnce() -> R) -> R {
        permit::guard(self, Self::panicked, part)
    }
}

#[cfg(feature = "http")]
impl fmt::Debug for BodyHold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Breaker(permit) => permit.fmt(f),
            Self::Key(_) => f.debug_struct("KeyedCall").finish_non_exhaustive(),
        }
    }
}
