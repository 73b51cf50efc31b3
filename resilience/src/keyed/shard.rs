//! A part of the keys in trouble, behind one lock: what happens to each of them.

use super::sieve::{HASH_BITS, Sieve};
use super::table::{Entry, Table};
use crate::clock::Instant;
use crate::machine::{Context, Counts, Event, EventKind, Machine, Packed};
use crate::policy::Rules;
use std::collections::VecDeque;
use std::sync::Arc;

/// So many keys that have recovered are remembered, each until its calls of before are sure to be late.
const MOST_DEPARTED: usize = 64;

#[derive(Debug)]
pub(super) struct Shard<K> {
    pub(super) rules: Arc<Rules>,
    pub(super) table: Table<K>,
    /// The most keys that are kept here.
    room: usize,
    /// Hashes of keys that were not always closed and are kept no longer, with the moment of their last change. A failure
    /// of such a key whose call was admitted before that is late, although the key has no state to tell it by.
    departed: VecDeque<(u64, u64)>,
    /// The next place to look for a key whose failures have aged.
    hand: u32,
    edition: u8,
    pub(super) totals: Totals,
}

/// What has been counted of keys that are kept no longer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub(super) counts: Counts,
    pub(super) evicted: u64,
    pub(super) overflowed: u64,
}

impl Totals {
    pub(super) fn add(&mut self, other: &Counts) {
        let Counts { successes: _, failures, trips, late, probes, probe_results, shadow_refused } = other;
        self.counts.failures += failures;
        self.counts.trips += trips;
        self.counts.late += late;
        self.counts.probes += probes;
        self.counts.probe_results.add(probe_results);
        self.counts.shadow_refused += shadow_refused;
    }
}

impl<K> Shard<K> {
    /// `skip`: so many lower bits of a hash have chosen the shard.
    pub(super) fn new(rules: Arc<Rules>, room: usize, skip: u32) -> Self {
        Self {
            rules,
            table: Table::new(skip, HASH_BITS),
            room,
            departed: VecDeque::new(),
            hand: 0,
            edition: 0,
            totals: Totals::default(),
        }
    }

    /// Which of the trips and commands of this place is told of.
    pub(super) fn edition_of(&self, place: u32) -> u8 {
        self.table.get(place).map_or(0, |entry| entry.edition)
    }
}

/// One visit to a shard, under its lock.
#[derive(Debug)]
pub(super) struct Visit<'a, K> {
    pub(super) shard: &'a mut Shard<K>,
    pub(super) sieve: &'a Sieve,
    pub(super) now: Instant,
    pub(super) salt: u64,
    /// What is kept no longer: keys are the user's, so they are dropped after the lock is released.
    pub(super) gone: Vec<Entry<K>>,
}

impl<K> Visit<'_, K> {
    fn cx<'a>(&self, rules: &'a Rules, hash: u64) -> Context<'a> {
        Context::new(rules, self.now).salted(self.salt ^ hash)
    }

    /// Looks at the machine of the key at this place.
    pub(super) fn look<R>(&self, place: u32, look: impl FnOnce(&Machine, &Context<'_>) -> R) -> Option<R> {
        let entry = self.shard.table.get(place)?;
        let rules = &*self.shard.rules;
        let cx = self.cx(rules, entry.hash);
        Some(entry.packed.look(rules, |machine| look(machine, &cx)))
    }

    /// Takes a step with the machine of the key at this place. [`review`](Self::review) has to follow.
    pub(super) fn step<R>(
        &mut self,
        place: u32,
        step: impl FnOnce(&mut Machine, &Context<'_>, &mut Vec<Event>) -> R,
    ) -> Option<(R, Vec<Event>)> {
        let rules = Arc::clone(&self.shard.rules);
        let hash = self.shard.table.get(place)?.hash;
        let cx = self.cx(&rules, hash);
        let mut events = Vec::new();
        let entry = self.shard.table.get_mut(place)?;
        let epoch = entry.packed.epoch();
        let result = entry.packed.step(&rules, |machine| step(machine, &cx, &mut events));
        if entry.packed.epoch() != epoch {
            entry.changed = self.sieve.change();
        }
        let retold = |event: &Event| matches!(event.kind, EventKind::Tripped(_) | EventKind::OverlayChanged { .. });
        if events.iter().any(retold) {
            self.shard.edition = self.shard.edition.wrapping_add(1);
            entry.edition = self.shard.edition;
        }
        Some((result, events))
    }

    /// Lets a key go that has recovered; else sees to it that it may be evicted if it is closed, after those whose failure
    /// (or recovery) is longer ago.
    pub(super) fn review(&mut self, place: u32, failed: bool) {
        if self.look(place, Machine::is_spotless) == Some(true) {
            return self.leave(place);
        }
        let Some(entry) = self.shard.table.get(place) else { return };
        if !entry.packed.is_closed() {
            self.shard.table.unstring(place);
        } else if failed || !entry.is_strung() {
            self.shard.table.string(place);
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.shard.table.len() < self.shard.room
    }

    /// Begins to keep a key; `None` if there is no room and all that are kept are not closed. The key is left where it is
    /// then, so that it is dropped after the lock is released.
    pub(super) fn enter(&mut self, key: &mut Option<K>, hash: u64) -> Option<u32> {
        if !self.has_room() && !self.evict() {
            self.shard.totals.overflowed += 1;
            return None;
        }
        let key = key.take()?;
        let departed = self.shard.departed.iter().position(|(of, _)| *of == hash);
        let changed = departed.and_then(|at| self.shard.departed.remove(at)).map_or(0, |(_, changed)| changed);
        let packed = Packed::new(Machine::new(&self.shard.rules));
        let born = self.sieve.enter(hash);
        Some(self.shard.table.insert(Entry::new(key, hash, born, changed, packed, self.shard.edition)))
    }

    /// Lets the closed key go whose failure is the longest ago.
    fn evict(&mut self) -> bool {
        while let Some(oldest) = self.shard.table.oldest() {
            if self.shard.table.get(oldest).is_some_and(|entry| entry.packed.is_closed()) {
                self.shard.totals.evicted += 1;
                self.leave(oldest);
                return true;
            }
            // Strung no longer, had a panic of the user's code not come between.
            self.shard.table.unstring(oldest);
        }
        false
    }

    /// Ceases to keep a key.
    pub(super) fn leave(&mut self, place: u32) {
        let Some(entry) = self.shard.table.remove(place) else { return };
        let counts = entry.packed.look(&self.shard.rules, Machine::counts);
        self.shard.totals.add(&counts);
        if entry.changed != 0 {
            if self.shard.departed.len() == MOST_DEPARTED {
                self.shard.departed.pop_front();
            }
            self.shard.departed.push_back((entry.hash, entry.changed));
        }
        let last = !self.shard.table.has_like(entry.hash, Sieve::MASK);
        self.sieve.leave(entry.hash, last);
        self.gone.push(entry);
    }

    /// Whether a call of a key that is not kept is late, if it was admitted at this moment.
    pub(super) fn is_late(&self, hash: u64, moment: u64) -> bool {
        self.shard.departed.iter().any(|(of, changed)| *of == hash && moment < *changed)
    }

    /// The next place that is looked at for a key whose failures have aged: no timer does.
    pub(super) fn next_place(&mut self) -> Option<u32> {
        if self.shard.table.len() == 0 {
            return None;
        }
        let place = self.shard.hand;
        self.shard.hand = if place + 1 < self.shard.table.places().end { place + 1 } else { 0 };
        Some(place)
    }

    /// Whether time has done something to the key at this place that it does not show yet.
    pub(super) fn is_due(&self, place: u32) -> bool {
        let rules = &*self.shard.rules;
        self.shard.table.get(place).is_some_and(|entry| entry.packed.is_due(&self.cx(rules, entry.hash)))
    }
}
