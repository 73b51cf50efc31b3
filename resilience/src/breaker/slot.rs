//! Where a breaker's state lives: a slot in a process-wide arena.
//!
//! A future that carries a permit must reach the breaker's state for as long as it lives, and a reference count per
//! call would put a write to a shared line on the healthy path. So slots are never freed, only used again: `&'static
//! Slot` is always good to read. The epoch of a slot never goes back, also when it changes its owner; a permit names
//! slot and epoch, and the outcome of another epoch changes nothing. A permit that outlives its breaker is therefore
//! one more late outcome, which the next owner does not even count.
//!
//! [`Breaker`](super::Breaker)s own a slot by a count; permits and futures do not.

use super::rejected::{Edition, Told};
use super::setup::Setup;
use super::sync::{AtomicU32, AtomicU64, Mutex, MutexGuard, Ordering, lock};
use super::tally::Tally;
use super::waiting::wake;
use super::word::{self, COUNTED, CUSTOM_CLOCK, FREE, LOCKED, NOISY, OPEN, QUIET};
use crate::clock::Instant;
use crate::machine::{Context, Event, EventKind, Machine, Overlay};
use crate::policy::Rules;
use std::sync::{Arc, OnceLock};
use std::task::Waker;

/// What a slot guards.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) machine: Machine,
    pub(super) setup: Arc<Setup>,
}

/// The state of one breaker: two cache lines.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Slot {
    /// The present word. A healthy call reads this twice and writes nothing.
    gate: AtomicU64,
    // What a refusal tells, readable without the lock. It changes only together with the gate's epoch, and the gate
    // says `LOCKED` meanwhile.
    /// When it ends, in nanoseconds on the breaker's clock.
    until: AtomicU64,
    /// When the first and the last failure were recorded, in milliseconds, 32 bits each.
    failed_at: AtomicU64,
    /// Rule, level and counts: see `Rejected`.
    told: AtomicU64,
    owners: AtomicU32,
    /// How often what refusals tell has been replaced, and the slot's owner: see [`Edition`].
    edition: AtomicU32,
    /// Counts the calls, where a rule wants that. It stays with the slot for good, as the slot itself stays.
    tally: OnceLock<&'static Tally>,
    cell: Mutex<Cell>,
}

mod arena {
    use super::{Mutex, Slot, lock};

    #[cfg(not(loom))]
    static FREE: Mutex<Vec<&'static Slot>> = Mutex::new(Vec::new());

    #[cfg(loom)]
    loom::lazy_static! {
        static ref FREE: Mutex<Vec<&'static Slot>> = Mutex::new(Vec::new());
    }

    pub(super) fn take() -> Option<&'static Slot> {
        lock(&FREE).pop()
    }

    pub(super) fn give_back(slot: &'static Slot) {
        lock(&FREE).push(slot);
    }
}

impl Slot {
    /// A slot with one owner.
    pub(super) fn claim(setup: Arc<Setup>) -> &'static Self {
        let slot = arena::take().unwrap_or_else(|| {
            let cell = Cell { machine: Machine::new(&setup.rules), setup: Arc::clone(&setup) };
            Box::leak(Box::new(Self {
                gate: AtomicU64::new(word::pack(LOCKED, 0, 1)),
                until: AtomicU64::new(0),
                failed_at: AtomicU64::new(0),
                told: AtomicU64::new(0),
                owners: AtomicU32::new(0),
                edition: AtomicU32::new(0),
                tally: OnceLock::new(),
                cell: Mutex::new(cell),
            }))
        });
        slot.owners.store(1, Ordering::Relaxed);
        let mut cell = lock(&slot.cell);
        // The epoch that began when the slot's last owner gave it back: whatever that one still has out is late.
        cell.machine = Machine::with_epoch(&setup.rules, cell.machine.epoch());
        cell.setup = setup;
        slot.forget_told();
        slot.prepare_tally(&cell.setup);
        if let Some(tally) = slot.tally() {
            // Nor are the calls that it counted.
            tally.clear();
            tally.forget_totals();
        }
        slot.publish(&cell);
        drop(cell);
        slot
    }

    /// What the last owner's refusals told is no business of the next one's.
    fn forget_told(&self) {
        self.told.store(0, Ordering::Release);
        self.edition.store(self.edition().next_owner().0, Ordering::Release);
    }

    fn edition(&self) -> Edition {
        Edition(self.edition.load(Ordering::Acquire))
    }

    pub(super) fn share(&'static self) {
        // As for `Arc`: an owner exists already, so nothing has to be ordered.
        self.owners.fetch_add(1, Ordering::Relaxed);
    }

    /// One owner more, if there is one at all.
    pub(super) fn try_share(&'static self) -> bool {
        let more = |owners: u32| (owners > 0).then(|| owners + 1);
        // `Acquire`, as an owner that is found must be one who has set the slot up.
        self.owners.fetch_update(Ordering::Acquire, Ordering::Relaxed, more).is_ok()
    }

    /// The last owner gives the slot back.
    pub(super) fn release(&'static self) {
        if self.owners.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.retire();
        }
    }

    #[cold]
    fn retire(&'static self) {
        let mut cell = lock(&self.cell);
        let idle = Setup::idle();
        let epoch = cell.machine.epoch() + 1;
        cell.machine = Machine::with_epoch(&idle.rules, epoch);
        // Observers and clocks are the user's; they are dropped outside the lock.
        let old = std::mem::replace(&mut cell.setup, idle);
        self.forget_told();
        self.publish(&cell);
        drop(cell);
        drop(old);
        arena::give_back(self);
    }

    #[inline]
    pub(super) fn gate(&self) -> u64 {
        self.gate.load(Ordering::Acquire)
    }

    /// Whether it can be seen without the lock that it is closed.
    pub(super) fn is_plainly_closed(&self) -> bool {
        word::admits_all(self.gate())
    }

    /// Different for each slot and each process: what keeps a fleet from probing in step.
    pub(crate) fn salt(&self) -> u64 {
        std::ptr::from_ref(self).addr() as u64 ^ process_salt()
    }

    /// Runs one step of the machine, publishes what came of it, and tells the observers after the lock is released.
    pub(super) fn step<R>(&self, step: impl FnOnce(&mut Machine, &Context<'_>, &Setup, &mut Vec<Event>) -> R) -> R {
        self.step_cell(|cell, now, salt, events| {
            let Cell { machine, setup } = cell;
            step(machine, &Context::new(&setup.rules, now).salted(salt), setup, events)
        })
    }

    /// As [`step`](Self::step), for those who change more than the machine.
    pub(super) fn step_cell<R>(&self, step: impl FnOnce(&mut Cell, Instant, u64, &mut Vec<Event>) -> R) -> R {
        let mut events = Vec::new();
        let mut cell = lock(&self.cell);
        // Under the lock, so that no step is older than the one before it.
        let now = cell.setup.now();
        let before = cell.machine.forgotten();
        let result = step(&mut cell, now, self.salt(), &mut events);
        if cell.machine.forgotten() != before {
            // Together with the failures goes what was counted.
            if let Some(tally) = self.tally() {
                tally.clear();
            }
        }
        self.publish(&cell);
        // Most steps are no news, and most breakers have nobody who waits for any.
        if !events.is_empty() || cell.setup.room.is_some() {
            self.announce(cell, now, events);
        }
        result
    }

    /// Tells of a step that has been published, and releases the lock.
    #[cold]
    #[inline(never)]
    fn announce(&self, cell: MutexGuard<'_, Cell>, now: Instant, events: Vec<Event>) {
        let woken = self.woken(&cell, now, &events);
        // Queued under the lock, so in order; delivered after it.
        let outbox = cell.setup.queue(events);
        drop(cell);
        wake(woken);
        if let Some(outbox) = outbox {
            outbox.deliver();
        }
    }

    /// Who is to be woken after a step; a waker is the user's code, so that is done after the lock is released.
    fn woken(&self, cell: &Cell, now: Instant, events: &[Event]) -> Vec<Waker> {
        let Some(room) = &cell.setup.room else { return Vec::new() };
        let cx = Context::new(&cell.setup.rules, now).salted(self.salt());
        let news = events.iter().any(|event| !matches!(event.kind, EventKind::Refused(_)));
        room.woken(cell.machine.would_refuse(&cx, true).is_some(), news)
    }

    /// Looks without changing anything.
    pub(super) fn read<R>(&self, read: impl FnOnce(&Cell, &Context<'_>) -> R) -> R {
        let cell = lock(&self.cell);
        let cx = Context::new(&cell.setup.rules, cell.setup.now()).salted(self.salt());
        read(&cell, &cx)
    }

    fn publish(&self, cell: &Cell) {
        let machine = &cell.machine;
        let tag = published(machine, &cell.setup);
        let clock = if cell.setup.has_own_clock() { CUSTOM_CLOCK } else { 0 };
        let gate = word::pack(tag | clock, machine.seq(), machine.epoch());
        if !machine.is_unscathed() {
            self.tell(machine, &cell.setup.rules);
        }
        if gate != self.gate.load(Ordering::Relaxed) {
            self.gate.store(gate, Ordering::Release);
        }
    }

    /// Publishes what refusals tell; under the lock.
    pub(super) fn tell(&self, machine: &Machine, rules: &Rules) {
        let Some(told) = told(machine, rules) else { return };
        let before = (self.failed_at.load(Ordering::Relaxed), self.told.load(Ordering::Relaxed));
        if (told.failed_at, told.packed) != before {
            // Stored with `Release` and loaded with `Acquire`: who sees one of them sees the gate say `LOCKED`, too.
            self.gate.store(word::with_tag(self.gate.load(Ordering::Relaxed), LOCKED), Ordering::Relaxed);
            self.until.store(told.until.as_nanos(), Ordering::Release);
            self.failed_at.store(told.failed_at, Ordering::Release);
            self.told.store(told.packed, Ordering::Release);
            // Last: the gate may come to say what it said before (an operator lays the same overlay for another time), and
            // who finds it the same finds another edition then.
            self.edition.store(self.edition().next().0, Ordering::Release);
        } else {
            self.until.store(told.until.as_nanos(), Ordering::Release);
        }
    }

    #[inline]
    pub(super) fn tally(&self) -> Option<&'static Tally> {
        self.tally.get().copied()
    }

    /// Makes sure that there is a tally if one is wanted, and that it counts by the rules.
    pub(super) fn prepare_tally(&self, setup: &Setup) {
        if setup.wants_tally() {
            self.tally.get_or_init(|| Box::leak(Box::new(Tally::new())));
        }
        if let Some(tally) = self.tally() {
            tally.set(&setup.rules, setup.counts_successes, setup.counts_refusals);
        }
    }

    #[inline]
    pub(super) fn until(&self) -> Instant {
        Instant::from_nanos(self.until.load(Ordering::Acquire))
    }

    /// What refusals tell. Read without the lock it belongs together if afterwards the gate [still](Self::still_tells) says
    /// the same and the edition is this one.
    #[inline]
    pub(super) fn told(&self) -> Told {
        // First, as it is written last.
        let edition = self.edition();
        Told {
            until: self.until(),
            failed_at: self.failed_at.load(Ordering::Acquire),
            packed: self.told.load(Ordering::Acquire),
            edition,
        }
    }

    /// Whether what was read in between belongs together.
    #[inline]
    pub(super) fn still_tells(&self, gate: u64, edition: Edition) -> bool {
        // In this order: who sees the gate as it was published last sees the edition of that, too.
        self.gate() == gate && self.edition() == edition
    }
}

/// What refusals shall tell. What they told of a trip that was recovered from stays, for those who ask late.
fn told(machine: &Machine, rules: &Rules) -> Option<Told> {
    let (overlay, expires) = machine.overlay();
    if overlay == Overlay::ForcedOpen {
        let level = machine.raw_level();
        return Some(Told::forced(machine.since(), expires, rules.cool_down(level), level));
    }
    machine.standing_trip().map(Told::of)
}

/// What the gate shall say.
fn published(machine: &Machine, setup: &Setup) -> u64 {
    if machine.is_unscathed() {
        return closed(machine, setup);
    }
    let (overlay, expires) = machine.overlay();
    // The process's clock tells when it ends, and nobody wants to hear of refusals.
    let open = if setup.has_own_clock() || setup.tells_refusals() { LOCKED } else { OPEN };
    match overlay {
        Overlay::ForcedOpen => open,
        Overlay::ForcedClosed if expires.is_none() => FREE,
        Overlay::Automatic if machine.is_open() => open,
        Overlay::Automatic | Overlay::Shadow
            if machine.is_closed() && expires.is_none() && !setup.rules.watches_every_call() =>
        {
            closed(machine, setup)
        }
        _ => LOCKED,
    }
}

/// What the gate shall say of a closed machine that need not be asked for each call.
#[inline]
fn closed(machine: &Machine, setup: &Setup) -> u64 {
    let counted = if setup.counts_calls() { COUNTED } else { QUIET };
    counted | if machine.has_failures(&setup.rules) { NOISY } else { QUIET }
}

#[cfg(not(loom))]
fn process_salt() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    use std::sync::OnceLock;

    static SALT: OnceLock<u64> = OnceLock::new();
    *SALT.get_or_init(|| RandomState::new().hash_one(0))
}

#[cfg(loom)]
fn process_salt() -> u64 {
    0
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::word::{COUNTED, COUNTED_NOISY, NOISY, QUIET};
    use super::*;

    #[test]
    fn a_slot_is_two_cache_lines() {
        assert_eq!((size_of::<Slot>(), align_of::<Slot>()), (128, 64));
    }

    /// What the gate of a breaker that was built so says when it is new, after a failure, and after a success.
    fn tags(build: impl FnOnce(crate::Builder) -> crate::Builder) -> [u64; 3] {
        let breaker = build(crate::Breaker::builder()).build().unwrap();
        let tag = || super::super::word::tag(breaker.slot().gate());
        let new = tag();
        breaker.try_acquire().unwrap().failure();
        let failed = tag();
        breaker.try_acquire().unwrap().success();
        [new, failed, tag()]
    }

    #[test]
    fn a_success_takes_the_lock_only_where_there_is_something_that_it_could_clear() {
        assert_eq!(tags(|builder| builder), [QUIET, NOISY, QUIET]);
        assert_eq!(tags(crate::Builder::keep_on_success), [QUIET; 3]);
        assert_eq!(tags(|builder| builder.without_failure_window().in_a_row(5)), [QUIET, NOISY, QUIET]);
        assert_eq!(tags(|builder| builder.keep_on_success().in_a_row(5)), [QUIET, NOISY, QUIET]);
        assert_eq!(tags(crate::Builder::count_successes), [COUNTED, COUNTED_NOISY, COUNTED]);
    }
}
