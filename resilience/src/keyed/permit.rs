use super::Key;
use super::pass::Admitted;
use super::registry::Registry;
use crate::Verdict;
use crate::breaker::foreign::attempted;
#[cfg(feature = "http")]
use crate::breaker::{BodyHold, HoldBody};
use crate::breaker::{Hold, Since, Slot};
use crate::clock::{self, Instant};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::marker::PhantomData;
use std::sync::Arc;
use std::thread;

/// What a call of a key holds: judged by its age where it is dropped.
///
/// It reaches its registry through the slot of the breaker over all keys, which is never freed; so no reference is
/// counted, and a call that outlives its registry finds nobody.
pub(crate) struct KeyedCall<K: Key, S: BuildHasher + Send + Sync + 'static> {
    front: &'static Slot,
    admitted: Option<Admitted>,
    since: Since,
    key: Option<K>,
    registry: PhantomData<fn() -> S>,
}

impl<K: Key, S: BuildHasher + Send + Sync + 'static> KeyedCall<K, S> {
    #[inline]
    pub(super) fn new(front: &'static Slot, admitted: Admitted, key: Option<K>) -> Self {
        Self { front, admitted: Some(admitted), since: Since::NEVER, key, registry: PhantomData }
    }

    fn registry(&self) -> Option<Arc<Registry<K, S>>> {
        self.front.keys()?.as_any().downcast().ok()
    }

    fn now(&self, admitted: &Admitted) -> Instant {
        if Slot::has_own_clock(admitted.front) { self.front.now(admitted.front) } else { clock::exact() }
    }

    /// The call has to wait: its age counts from now on.
    #[inline]
    pub(crate) fn waits(&mut self) {
        if let (true, Some(admitted)) = (self.since.is_never(), &self.admitted) {
            self.since = Since::at(self.now(admitted));
        }
    }

    /// The call ended like this.
    #[inline]
    pub(crate) fn record(&mut self, verdict: Verdict) {
        let Some(admitted) = self.admitted.take() else { return };
        let settled = admitted.pass.is_settled_by(verdict) || self.key.is_none();
        if !(settled && admitted.parent.is_plain()) {
            self.record_unsettled(admitted, verdict, settled);
        }
    }

    #[cold]
    #[inline(never)]
    fn record_unsettled(&self, admitted: Admitted, verdict: Verdict, settled: bool) {
        // The code of the key may panic: the parent hears of the call all the same, and where the call itself has panicked
        // that one goes on alone, for two would end the process.
        let recorded = attempted(|| match (&self.key, settled) {
            (Some(key), false) => self.registry().is_some_and(|registry| registry.record(key, admitted, verdict)),
            _ => false,
        });
        admitted.parent.record(verdict, recorded.as_ref().is_ok_and(|tripped| *tripped), self.since);
        if let Err(panic) = recorded {
            panic.pass_on();
        }
    }

    /// A panic unwinds out of the call.
    #[cold]
    pub(crate) fn panicked(&mut self) {
        self.record(Verdict::Failure(None));
    }

    /// The call is given up: judged by its age.
    #[cold]
    #[inline(never)]
    fn abandon(&mut self) {
        if self.key.is_none() {
            // Nobody's but the parent's.
            return self.admitted.take().map_or((), |admitted| admitted.parent.abandon(self.since));
        }
        let verdict = self.registry().map_or(Verdict::Ignore, |registry| registry.abandoned(self.since));
        self.record(verdict);
    }
}

impl<K: Key, S: BuildHasher + Send + Sync + 'static> Drop for KeyedCall<K, S> {
    #[inline]
    fn drop(&mut self) {
        if self.admitted.is_some() {
            self.abandon();
        }
    }
}

impl<K: Key, S: BuildHasher + Send + Sync + 'static> fmt::Debug for KeyedCall<K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedCall").field("spent", &self.admitted.is_none()).finish_non_exhaustive()
    }
}

/// Leave to make one call of one key. As a [`Permit`](crate::Permit), it is given back exactly once.
///
/// Dropped without an outcome it says nothing, unless its thread is panicking: that is a failure.
///
/// ```
/// use resilience::keyed::Keyed;
///
/// let keyed: Keyed<&str> = Keyed::new();
/// keyed.try_acquire(&"api.example")?.failure();
/// drop(keyed.try_acquire(&"api.example")?);
/// assert_eq!(keyed.snapshot()[0].state.failures.len(), 1);
/// # Ok::<(), resilience::Rejected>(())
/// ```
#[must_use = "a permit that is dropped at once guards no call"]
pub struct KeyedPermit<K: Key, S: BuildHasher + Send + Sync + 'static = RandomState> {
    call: KeyedCall<K, S>,
}

impl<K: Key, S: BuildHasher + Send + Sync + 'static> KeyedPermit<K, S> {
    pub(super) fn new(call: KeyedCall<K, S>) -> Self {
        Self { call }
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
        self.call.record(verdict);
    }
}

impl<K: Key, S: BuildHasher + Send + Sync + 'static> Drop for KeyedPermit<K, S> {
    fn drop(&mut self) {
        // Nothing, if its outcome was recorded.
        self.call.record(if thread::panicking() { Verdict::Failure(None) } else { Verdict::Ignore });
    }
}

impl<K: Key, S: BuildHasher + Send + Sync + 'static> fmt::Debug for KeyedPermit<K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedPermit").finish_non_exhaustive()
    }
}

impl<K: Key, S: BuildHasher + Send + Sync + 'static> Hold for KeyedCall<K, S> {
    #[inline]
    fn waits(&mut self) {
        self.waits();
    }

    fn panicked(&mut self) {
        self.panicked();
    }

    #[inline]
    fn record(&mut self, verdict: Verdict) -> bool {
        self.record(verdict);
        // Keys have no quota.
        false
    }

    #[cfg(feature = "http")]
    fn learn(&self, _: crate::hint::Quota) {}

    #[cfg(feature = "http")]
    fn hand_on(&mut self) -> (BodyHold, bool) {
        let key = self.key.take();
        // A body's age counts anew with each part of it that comes.
        let body =
            Self { front: self.front, admitted: self.admitted.take(), since: Since::NEVER, key, registry: PhantomData };
        (BodyHold::Key(Box::new(body)), false)
    }
}

#[cfg(feature = "http")]
impl<K: Key, S: BuildHasher + Send + Sync + 'static> HoldBody for KeyedCall<K, S> {
    fn waits(&mut self) {
        self.waits();
    }

    fn flows(&mut self) {
        self.since = Since::NEVER;
    }

    fn record(&mut self, verdict: Verdict) {
        self.record(verdict);
    }

    fn panicked(&mut self) {
        self.panicked();
    }
}
