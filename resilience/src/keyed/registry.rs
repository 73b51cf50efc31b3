//! All keys of one kind: admission and outcomes.

use super::Key;
use super::observe::Observers;
use super::parent::{Parent, ParentTicket, Unmade};
use super::pass::{Admitted, Pass};
use super::shard::{Shard, Visit};
use super::sieve::Sieve;
use crate::breaker::sync::{AtomicU64, Mutex, MutexGuard, Ordering, lock};
use crate::breaker::{Breaker, Keys, PLACE_BITS, Since, Slot, Told};
use crate::clock::{self, Clock, Instant};
use crate::machine::{Event, EventKind, Machine, Overlay, Refusal, Report};
use crate::policy::Rules;
use crate::{Rejected, Verdict};
use std::any::Any;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;

pub(super) struct Registry<K, S> {
    sieve: Sieve,
    shards: Box<[Mutex<Shard<K>>]>,
    /// The bits of a hash that choose the shard.
    shard_bits: u32,
    pub(super) front: Breaker,
    pub(super) parent: Option<Parent>,
    hasher: S,
    clock: Option<Arc<dyn Clock>>,
    pub(super) observers: Option<Arc<Observers<K>>>,
    /// Until when refusals of keys are only simulated, in nanoseconds; 0: not at all.
    pub(super) shadow_until: AtomicU64,
    /// The first epoch of the breaker over all keys.
    first_epoch: u64,
    /// Held while a new policy is put in force.
    pub(super) changing: Mutex<()>,
}

pub(super) struct Parts<K, S> {
    pub(super) rules: Rules,
    pub(super) room: usize,
    pub(super) parent: Option<Breaker>,
    pub(super) hasher: S,
    pub(super) clock: Option<Arc<dyn Clock>>,
    pub(super) observers: Option<Arc<Observers<K>>>,
}

impl<K: Key, S: BuildHasher + Send + Sync + 'static> Registry<K, S> {
    pub(super) fn new(front: Breaker, parts: Parts<K, S>) -> Self {
        let Parts { rules, room, parent, hasher, clock, observers } = parts;
        // A shard of fewer than a thousand would be full by chance while others have room.
        let shard_bits = (room / 1024).max(1).ilog2().min(MOST_SHARD_BITS);
        let rules = Arc::new(rules);
        let each = room >> shard_bits;
        let shards = (0..1 << shard_bits).map(|_| Mutex::new(Shard::new(Arc::clone(&rules), each, shard_bits)));
        Self {
            sieve: Sieve::new(),
            first_epoch: front.slot().first_epoch(),
            changing: Mutex::new(()),
            shards: shards.collect(),
            shard_bits,
            front,
            parent: parent.map(Parent::new),
            hasher,
            clock,
            observers,
            shadow_until: AtomicU64::new(0),
        }
    }

    pub(super) fn hash(&self, key: &K) -> u64 {
        self.hasher.hash_one(key)
    }

    pub(super) fn count(&self) -> u64 {
        self.sieve.count()
    }

    pub(super) fn now(&self) -> Instant {
        self.clock.as_ref().map_or_else(clock::exact, |clock| clock.now())
    }

    pub(super) fn shards(&self) -> impl Iterator<Item = MutexGuard<'_, Shard<K>>> {
        self.shards.iter().map(lock)
    }

    /// Admits a call of this key, or of none.
    #[inline]
    pub(super) fn admit(&self, key: Option<&K>, may_probe: impl Fn() -> bool) -> Result<Admitted, Rejected> {
        let front = self.front.slot().admit(&may_probe)?;
        let parent = Unmade(ParentTicket::admit(self.parent.as_ref(), &may_probe)?);
        let pass = match key {
            Some(key) if !Slot::is_untracked(front) => match self.sieve.pass(|| self.hash(key)) {
                Ok(moment) => Pass::healthy(moment),
                Err(hash) => self.admit_kept(key, hash, may_probe())?,
            },
            _ => Pass::UNTRACKED,
        };
        Ok(Admitted { front, parent: parent.made(), pass })
    }

    #[cold]
    #[inline(never)]
    fn admit_kept(&self, key: &K, hash: u64, may_probe: bool) -> Result<Pass, Rejected> {
        let shard = self.lock(hash);
        let Some(place) = shard.table.find(hash, |kept| kept == key) else {
            return Ok(Pass::healthy(self.sieve.moment()));
        };
        let refused = match self.refuses_at_once(&shard, place) {
            Some(refusal) => Err((refusal, shard.edition_of(place))),
            None => return self.admit_by_machine(shard, place, may_probe),
        };
        drop(shard);
        refused.map_err(|(refusal, edition)| self.reject(refusal, edition, hash, place))
    }

    /// A refusal that takes no step, and of the process's clocks the coarse one only.
    fn refuses_at_once(&self, shard: &Shard<K>, place: u32) -> Option<Refusal> {
        let simple = !self.tells_refusals() && self.shadow_until.load(Ordering::Acquire) == 0;
        let packed = &shard.table.get(place).filter(|_| simple)?.packed;
        if let Some(clock) = &self.clock {
            return packed.refuses_plainly(clock.now());
        }
        let now = clock::coarse();
        packed.refuses_plainly(now.plus(clock::COARSE_SLACK))?;
        packed.refuses_plainly(now)
    }

    #[inline(never)]
    fn admit_by_machine(&self, shard: MutexGuard<'_, Shard<K>>, place: u32, may_probe: bool) -> Result<Pass, Rejected> {
        let hash = shard.table.get(place).map_or(0, |entry| entry.hash);
        let result = self.visit(shard, |visit| {
            let simulated = self.is_shadowed(visit.now);
            let admitted = visit.step(place, |machine, cx, events| {
                let admitted = machine.admit(cx, may_probe, events);
                if let Err(refusal) = &admitted {
                    if !simulated && self.tells_refusals() {
                        let kind = EventKind::Refused(refusal.reason);
                        events.push(Event { at: cx.now(), epoch: machine.epoch(), shadow: false, kind });
                    }
                }
                admitted
            });
            let Some((admitted, events)) = admitted else {
                // It has just been found well, and let go.
                return Ok(Pass::healthy(self.sieve.moment()));
            };
            self.queue(visit, place, events);
            // Under the lock: what this call sees of its key, it sees at this moment.
            let moment = self.sieve.moment();
            let edition = visit.shard.edition_of(place);
            visit.review(place, false);
            match admitted {
                Ok(ticket) => Ok(Pass::of(ticket, moment)),
                Err(_) if simulated => {
                    visit.shard.totals.counts.shadow_refused += 1;
                    Ok(Pass::UNTRACKED)
                }
                Err(refusal) => Err((refusal, edition)),
            }
        });
        result.map_err(|(refusal, edition)| self.reject(refusal, edition, hash, place))
    }

    fn reject(&self, refusal: Refusal, edition: u8, hash: u64, place: u32) -> Rejected {
        let place = place << self.shard_bits | self.shard_of(hash);
        Rejected::keyed(self.front.slot(), refusal.reason, clock::nanos(refusal.wait), edition, place)
    }

    /// A call that comes after the service was found refusing: it is refused, whatever has happened since.
    pub(super) fn refuse_unready(&self, may_probe: impl Fn() -> bool) -> Rejected {
        let slot = match &self.parent {
            Some(parent) if !self.front.slot().would_refuse() => parent.slot(),
            _ => self.front.slot(),
        };
        slot.refuse_unready(may_probe)
    }

    /// Takes the pass of a call back with its outcome; whether it is one that the parent is to hear of.
    #[cold]
    #[inline(never)]
    pub(super) fn record(&self, key: &K, admitted: Admitted, verdict: Verdict) -> bool {
        let Admitted { front, pass, .. } = admitted;
        if Slot::is_older(front, self.first_epoch) {
            // A call of a registry that is gone, and had its breaker where this one has it.
            return false;
        }
        let hash = self.hash(key);
        let failed = matches!(verdict, Verdict::Failure(_) | Verdict::Limited(_));
        // The user's code runs before the lock is taken.
        let mut own = failed.then(|| key.clone());
        let tripped = self.visit(self.lock(hash), |visit| {
            // An operator has said something of all keys since, or the registry is another one by now.
            let late = !self.front.slot().is_same_epoch(front);
            let place = match visit.shard.table.find(hash, |kept| kept == key) {
                Some(place) => place,
                None if pass.is_settled_by(verdict) || !self.fails(visit, verdict) => return false,
                None if late || visit.is_late(hash, pass.moment) => {
                    visit.shard.totals.counts.late += 1;
                    return false;
                }
                None => match visit.enter(&mut own, hash) {
                    Some(place) => place,
                    // No room: what cannot be kept is at least told, as a trip would be.
                    None => return !self.is_shadowed(visit.now),
                },
            };
            let Some((born, changed)) = visit.shard.table.get(place).map(|entry| (entry.born, entry.changed)) else {
                return false;
            };
            let known = visit.step(place, |machine, cx, events| {
                let before = machine.epoch();
                machine.settle(cx, events);
                let current = !late && pass.moment >= changed && machine.epoch() == before;
                let ticket = pass.ticket(machine, current, born);
                let seq = machine.seq();
                machine.record(cx, ticket, Report::new(verdict), events);
                machine.seq() != seq
            });
            let Some((recorded, events)) = known else { return false };
            // A trip that is only simulated is none of the parent's, and a failed probe is of a key that it knows of.
            let tells = |event: &Event| matches!(event.kind, EventKind::Tripped(trip) if !trip.rule.is_probe());
            let tripped = !self.is_shadowed(visit.now) && events.iter().any(|event| tells(event) && !event.shadow);
            self.queue(visit, place, events);
            visit.review(place, recorded);
            tripped
        });
        drop(own);
        tripped && self.parent.as_ref().is_some_and(|parent| parent.is_news(hash))
    }

    fn fails(&self, visit: &Visit<'_, K>, verdict: Verdict) -> bool {
        match verdict {
            Verdict::Failure(_) => true,
            Verdict::Limited(wait) => visit.shard.rules.obeys_hints() && !wait.is_zero(),
            _ => false,
        }
    }

    /// How a call is judged that was dropped at this age.
    pub(super) fn abandoned(&self, since: Since) -> Verdict {
        let age = since.get().map_or(0, |since| self.now().since(since));
        // All shards have the same, and no code of the key's is run.
        let limit = self.lock_shard(0).rules.abandon_after;
        if age >= limit { Verdict::Failure(None) } else { Verdict::Ignore }
    }

    fn shard_of(&self, hash: u64) -> u32 {
        // The mask leaves a few bits.
        #[allow(clippy::cast_possible_truncation)]
        let shard = hash as u32 & ((1 << self.shard_bits) - 1);
        shard
    }

    pub(super) fn lock(&self, hash: u64) -> MutexGuard<'_, Shard<K>> {
        self.lock_shard(self.shard_of(hash))
    }

    fn lock_shard(&self, shard: u32) -> MutexGuard<'_, Shard<K>> {
        // There are as many shards as the masks leave numbers.
        lock(&self.shards[shard as usize & (self.shards.len() - 1)])
    }

    /// Visits a shard, and sees to what has to be done after its lock is released.
    pub(super) fn visit<R>(&self, mut shard: MutexGuard<'_, Shard<K>>, act: impl FnOnce(&mut Visit<'_, K>) -> R) -> R {
        // Under the lock, so that no step is older than the one before it.
        let now = self.now();
        let salt = self.front.slot().salt();
        let mut visit = Visit { shard: &mut shard, sieve: &self.sieve, now, salt, gone: Vec::new() };
        for place in [visit.next_place(), visit.next_place()].into_iter().flatten() {
            self.freshen(&mut visit, place);
        }
        let result = act(&mut visit);
        let gone = visit.gone;
        drop(shard);
        drop(gone);
        if let Some(observers) = &self.observers {
            observers.deliver();
        }
        result
    }

    /// Lets the key at this place go if it is well by now; whether it is still kept.
    pub(super) fn freshen(&self, visit: &mut Visit<'_, K>, place: u32) -> bool {
        if visit.is_due(place) {
            let settled = visit.step(place, Machine::settle);
            self.queue(visit, place, settled.map(|((), events)| events).unwrap_or_default());
            visit.review(place, false);
        } else if visit.look(place, Machine::is_spotless) == Some(true) {
            visit.leave(place);
        }
        visit.shard.table.get(place).is_some()
    }

    /// Queues events for whoever listens.
    pub(super) fn queue(&self, visit: &Visit<'_, K>, place: u32, mut events: Vec<Event>) {
        if let (false, Some(observers), Some(entry)) =
            (events.is_empty(), &self.observers, visit.shard.table.get(place))
        {
            let simulated = self.is_shadowed(visit.now);
            events.iter_mut().for_each(|event| event.shadow |= simulated);
            observers.queue(|| Some(entry.key.clone()), events);
        }
    }

    fn tells_refusals(&self) -> bool {
        self.observers.as_ref().is_some_and(|observers| observers.wants_refusals())
    }

    fn is_shadowed(&self, now: Instant) -> bool {
        now.as_nanos() < self.shadow_until.load(Ordering::Acquire)
    }

    /// The key at this place, if what is told of it is still this edition.
    pub(super) fn key_at(&self, place: u32, edition: u8) -> Option<K> {
        let shard = self.lock_shard(place);
        let at = place >> self.shard_bits;
        let entry = shard.table.get(at).filter(|_| shard.edition_of(at) == edition)?;
        Some(entry.key.clone())
    }
}

/// The most shards, as bits.
const MOST_SHARD_BITS: u32 = 4;
/// The most keys that can be kept.
pub(super) const MOST_KEYS: usize = 1 << PLACE_BITS;

impl<K: Key, S: BuildHasher + Send + Sync + 'static> Keys for Registry<K, S> {
    fn told(&self, place: u32, edition: u8) -> Option<(Told, Instant)> {
        let shard = self.lock_shard(place);
        let at = place >> self.shard_bits;
        let entry = shard.table.get(at).filter(|_| shard.edition_of(at) == edition)?;
        let rules = &shard.rules;
        let told = entry.packed.look(rules, |machine| {
            let (overlay, expires) = machine.overlay();
            if overlay == Overlay::ForcedOpen {
                let level = machine.raw_level();
                return Some(Told::forced(machine.since(), expires, rules.cool_down(level), level));
            }
            machine.standing_trip().map(Told::of)
        })?;
        Some((told, self.now()))
    }

    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

impl<K, S> fmt::Debug for Registry<K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("sieve", &self.sieve).finish_non_exhaustive()
    }
}
