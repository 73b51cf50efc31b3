use super::Key;
use super::builder::{KeyedBuilder, checked};
use super::permit::{KeyedCall, KeyedPermit};
use super::registry::Registry;
use super::snapshot::{KeySnapshot, KeyedStats, NoRoom};
use crate::breaker::sync::{Ordering, lock};
use crate::machine::{Command, EventKind, Machine, Overlay};
use crate::policy::{Policy, PolicyError, Rules};
use crate::{Breaker, Rejected, Snapshot, State, Verdict};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

/// A breaker for each key: the handle to all of them. See the [module](super).
///
/// Clones share the state. `K` is what tells one upstream from another; choose one that is cheap to clone and to hash (a
/// number, an `Arc<str>`), as every call of a service brings its own. `S` hashes it.
pub struct Keyed<K: Key, S: BuildHasher + Send + Sync + 'static = RandomState> {
    pub(super) registry: Arc<Registry<K, S>>,
}

impl<K: Key> Keyed<K> {
    /// Breakers by the default [`Policy`], without a parent.
    #[must_use]
    pub fn new() -> Self {
        KeyedBuilder::new().by(Rules::default())
    }

    /// Breakers by a policy of your own.
    pub fn builder() -> KeyedBuilder<K> {
        KeyedBuilder::new()
    }
}

impl<K: Key, S: BuildHasher + Send + Sync + 'static> Keyed<K, S> {
    /// Asks for leave to make a call of this key. The permit keeps a clone of the key.
    ///
    /// # Errors
    ///
    /// The refusal, of the key, of the parent, or of all keys: why, and how long to wait.
    pub fn try_acquire(&self, key: &K) -> Result<KeyedPermit<K, S>, Rejected> {
        self.admit(Some(key.clone()), || true).map(KeyedPermit::new)
    }

    /// As [`try_acquire`](Self::try_acquire), for a call that makes a poor guinea pig: see
    /// [`Breaker::try_acquire_no_probe`].
    ///
    /// # Errors
    ///
    /// The refusal: why, and how long to wait.
    pub fn try_acquire_no_probe(&self, key: &K) -> Result<KeyedPermit<K, S>, Rejected> {
        self.admit(Some(key.clone()), || false).map(KeyedPermit::new)
    }

    /// Makes a call of this key, if it is let through; `Err` of its result is a failure, a panic too.
    ///
    /// # Errors
    ///
    /// The refusal, if it is not. The call's own error stays inside.
    pub fn call<T, E>(&self, key: &K, call: impl FnOnce() -> Result<T, E>) -> Result<Result<T, E>, Rejected> {
        let permit = self.try_acquire(key)?;
        let result = call();
        permit.record(Verdict::failure_if(result.is_err()));
        Ok(result)
    }

    /// Leave for a call of this key, or of none: that is guarded by the parent only, and by what is said of all keys.
    #[inline]
    pub(crate) fn admit(&self, key: Option<K>, may_probe: impl Fn() -> bool) -> Result<KeyedCall<K, S>, Rejected> {
        let admitted = self.registry.admit(key.as_ref(), may_probe)?;
        Ok(KeyedCall::new(self.registry.front.slot(), admitted, key))
    }

    pub(crate) fn refuse_unready(&self, may_probe: impl Fn() -> bool) -> Rejected {
        self.registry.refuse_unready(may_probe)
    }

    /// The breaker over all keys, which never trips: what an operator says of all of them is said to it.
    pub(crate) fn front(&self) -> &Breaker {
        &self.registry.front
    }

    /// The name of the registry.
    #[must_use]
    pub fn name(&self) -> Arc<str> {
        self.registry.front.name()
    }

    /// The policy of each key.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.registry.front.policy()
    }

    /// The breaker over all keys that trips when many do, if there is one.
    #[must_use]
    pub fn parent(&self) -> Option<&Breaker> {
        self.registry.parent.as_ref().map(super::parent::Parent::breaker)
    }

    /// What callers of this key meet, as far as the key itself and what was said of all keys go; the
    /// [parent](Self::parent) may refuse them all the same.
    #[must_use]
    pub fn state(&self, key: &K) -> State {
        match self.registry.front.state() {
            State::Closed if self.registry.front.snapshot().overlay != Overlay::ForcedClosed => {
                self.look(key, |machine, cx| State::of(&machine.view(cx))).unwrap_or(State::Closed)
            }
            all => all,
        }
    }

    /// Where the breaker of this key stands; `None` if the key is in good health and has no state.
    #[must_use]
    pub fn snapshot_of(&self, key: &K) -> Option<Snapshot> {
        let name = self.name();
        self.look(key, |machine, cx| {
            (!machine.is_spotless(cx)).then(|| Snapshot::of(machine.view(cx), &name, cx.now()))
        })?
    }

    fn look<R>(&self, key: &K, look: impl FnOnce(&Machine, &crate::machine::Context<'_>) -> R) -> Option<R> {
        let hash = self.registry.hash(key);
        self.registry.visit(self.registry.lock(hash), |visit| {
            let place = visit.shard.table.find(hash, |kept| kept == key)?;
            visit.look(place, look)
        })
    }

    /// All keys in trouble, in no particular order. Each part of the registry is locked while it is looked through.
    ///
    /// ```
    /// use resilience::{State, keyed::Keyed};
    ///
    /// let keyed: Keyed<u32> = Keyed::new();
    /// for tenant in [7, 8, 7, 7] {
    ///     keyed.try_acquire(&tenant)?.failure();
    /// }
    /// let mut open = keyed.snapshot().into_iter().filter(|key| key.state.state == State::Open);
    /// assert_eq!(open.next().map(|key| key.key), Some(7));
    /// assert!(open.next().is_none());
    /// # Ok::<(), resilience::Rejected>(())
    /// ```
    #[must_use]
    pub fn snapshot(&self) -> Vec<KeySnapshot<K>> {
        let name = self.name();
        let mut all = Vec::new();
        self.for_each_kept(|visit, place| {
            let state = visit.look(place, |machine, cx| Snapshot::of(machine.view(cx), &name, cx.now()));
            let key = visit.shard.table.get(place).map(|entry| entry.key.clone());
            all.extend(key.zip(state).map(|(key, state)| KeySnapshot { key, state }));
        });
        all
    }

    /// How many keys are in trouble, and what has been counted.
    #[must_use]
    pub fn stats(&self) -> KeyedStats {
        let mut stats = KeyedStats::default();
        let mut totals = super::shard::Totals::default();
        self.for_each_kept(|visit, place| {
            let seen = visit.look(place, |machine, cx| (State::of(&machine.view(cx)), machine.counts()));
            let Some((state, counts)) = seen else { return };
            stats.kept += 1;
            stats.open += u64::from(state == State::Open);
            stats.half_open += u64::from(state == State::HalfOpen);
            totals.add(&counts);
        });
        for shard in self.registry.shards() {
            totals.add(&shard.totals.counts);
            stats.evicted += shard.totals.evicted;
            stats.overflowed += shard.totals.overflowed;
        }
        KeyedStats { counts: totals.counts, ..stats }
    }

    /// How many keys are kept, those included whose failures have aged since anybody last looked: one read, for a gauge.
    #[must_use]
    pub fn kept(&self) -> u64 {
        self.registry.count()
    }

    /// The key that was refused, if it was a key of this registry that was, and if it has not tripped again since.
    ///
    /// ```
    /// use resilience::keyed::Keyed;
    ///
    /// let keyed: Keyed<&str> = Keyed::new();
    /// keyed.force_open(&"a")?;
    /// let rejected = keyed.try_acquire(&"a").unwrap_err();
    /// assert_eq!(keyed.key_of(&rejected), Some("a"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn key_of(&self, rejected: &Rejected) -> Option<K> {
        let (place, edition) = rejected.place().filter(|_| rejected.is_by_owner_of(self.registry.front.slot()))?;
        self.registry.key_at(place, edition)
    }

    /// Visits every key that is not in good health; lets those go whose failures have aged.
    pub(super) fn for_each_kept(&self, mut act: impl FnMut(&mut super::shard::Visit<'_, K>, u32)) {
        for shard in self.registry.shards() {
            self.registry.visit(shard, |visit| {
                for place in visit.shard.table.places() {
                    if self.registry.freshen(visit, place) {
                        act(visit, place);
                    }
                }
            });
        }
    }

    /// Puts a new policy in force, for all keys. Their state stays, as [`Breaker::set_policy`] says.
    ///
    /// # Errors
    ///
    /// As for [`KeyedBuilder::build`]. The old policy stays in force then.
    pub fn set_policy(&self, policy: Policy) -> Result<(), PolicyError> {
        let rules = Arc::new(checked(policy.clone())?);
        // Of two at once the later one holds everywhere.
        let _changing = lock(&self.registry.changing);
        self.registry.front.set_policy(policy)?;
        for shard in self.registry.shards() {
            self.registry.visit(shard, |visit| {
                let old = Arc::clone(&visit.shard.rules);
                for place in visit.shard.table.places() {
                    // Unpacked by the old rules, and told of the new ones.
                    let changed = visit.step(place, |machine, cx, events| {
                        machine.change_rules(&old, &cx.with_rules(&rules), events);
                    });
                    let mut events = changed.map(|((), events)| events).unwrap_or_default();
                    // It is said once, of all.
                    events.retain(|event| event.kind != EventKind::PolicyChanged);
                    self.registry.queue(visit, place, events);
                }
                visit.shard.rules = Arc::clone(&rules);
                for place in visit.shard.table.places() {
                    visit.review(place, false);
                }
            });
        }
        Ok(())
    }

    /// Takes up what a registry kept when these were taken, before a restart say; how many there was room for. Keys of
    /// which something is known already keep what they have, and are not let go for those that were closed.
    pub fn restore(&self, keys: impl IntoIterator<Item = KeySnapshot<K>>) -> usize {
        let mut restored = 0;
        // What may be evicted.
        let closed = |state: &Snapshot| state.phase == State::Closed && state.overlay == Overlay::Automatic;
        let (last, first): (Vec<_>, Vec<_>) = keys.into_iter().partition(|key| closed(&key.state));
        for KeySnapshot { key, state } in first.into_iter().chain(last) {
            let hash = self.registry.hash(&key);
            let mut own = Some(key.clone());
            let took = self.registry.visit(self.registry.lock(hash), |visit| {
                let gives_way = closed(&state) && !visit.has_room();
                if gives_way || visit.shard.table.find(hash, |kept| *kept == key).is_some() {
                    return false;
                }
                let Some(place) = visit.enter(&mut own, hash) else { return false };
                visit.step(place, |machine, cx, _| {
                    *machine = Machine::restored(cx, machine.epoch(), state.saved(cx.now()));
                });
                visit.review(place, true);
                true
            });
            restored += usize::from(took);
        }
        restored
    }

    /// Tells all keys something; what was admitted before is late.
    pub(super) fn over_all(&self, overlay: Overlay, time: Option<Duration>) {
        let now = self.registry.now();
        let front = &self.registry.front;
        let before = front.snapshot().overlay;
        front.lay(overlay, time);
        let until = match (overlay, time) {
            (Overlay::Shadow, None) => u64::MAX,
            (Overlay::Shadow, Some(time)) => now.saturating_add(time).as_nanos(),
            _ => 0,
        };
        self.registry.shadow_until.store(until, Ordering::Release);
        if before == overlay {
            // The same, only for another time: whoever is out comes back to it.
            return;
        }
        // Closed starts clean and half-open starts again when it ends. When that will be is not known, so it is done now:
        // nothing happens to a key meanwhile.
        self.for_each_kept(|visit, place| {
            let restarted = visit.step(place, |machine, cx, _| {
                let (own, expires) = machine.overlay();
                if !own.is_forced() && (overlay.is_forced() || !machine.is_closed()) {
                    let mut unheard = Vec::new();
                    machine.command(cx, Command::Overlay(Overlay::ForcedClosed, None), &mut unheard);
                    machine.command(cx, Command::Overlay(own, expires), &mut unheard);
                }
            });
            if restarted.is_some() {
                visit.review(place, false);
            }
        });
    }

    /// Tells one key something.
    pub(super) fn command(
        &self,
        key: &K,
        command: impl FnOnce(&crate::machine::Context<'_>) -> Command,
        keeps: bool,
    ) -> Result<(), NoRoom> {
        let hash = self.registry.hash(key);
        let mut own = Some(key.clone());
        self.registry.visit(self.registry.lock(hash), |visit| {
            let found = visit.shard.table.find(hash, |kept| kept == key);
            let place = match found {
                None if !keeps => return Ok(()),
                None => {
                    if !visit.has_room() {
                        // An operator waits for this, and does it rarely.
                        visit.shard.table.places().for_each(|place| {
                            self.registry.freshen(visit, place);
                        });
                    }
                    visit.enter(&mut own, hash).ok_or(NoRoom)?
                }
                Some(place) => place,
            };
            let told = visit.step(place, |machine, cx, events| machine.command(cx, command(cx), events));
            self.registry.queue(visit, place, told.map(|((), events)| events).unwrap_or_default());
            visit.review(place, false);
            Ok(())
        })
    }

    /// Lets all keys go.
    pub(super) fn forget_all(&self) {
        self.registry.front.reset();
        self.registry.shadow_until.store(0, Ordering::Release);
        for shard in self.registry.shards() {
            self.registry.visit(shard, |visit| visit.shard.table.places().for_each(|place| visit.leave(place)));
        }
    }
}

impl<K: Key> Default for Keyed<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Key, S: BuildHasher + Send + Sync + 'static> Clone for Keyed<K, S> {
    fn clone(&self) -> Self {
        Self { registry: Arc::clone(&self.registry) }
    }
}

impl<K: Key, S: BuildHasher + Send + Sync + 'static> fmt::Debug for Keyed<K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { registry } = self;
        f.debug_struct("Keyed")
            .field("name", &self.name())
            .field("kept", &registry.count())
            .field("parent", &self.parent())
            .finish_non_exhaustive()
    }
}
