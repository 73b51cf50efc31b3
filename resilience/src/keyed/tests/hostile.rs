//! Keys whose code does what no key's should, clocks that run backwards, and what is sent to take memory.

use super::{admit, each, keyed, trip};
use crate::clock::{Clock, Instant, Manual};
use crate::keyed::Keyed;
use crate::{Breaker, Reason, State};
use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

thread_local! {
    /// Whether the code of a [`Fussy`] panics.
    static ANGRY: Cell<bool> = const { Cell::new(false) };
}

/// While this is done, fussy keys panic.
fn angrily<R>(act: impl FnOnce() -> R) -> std::thread::Result<R> {
    ANGRY.set(true);
    let result = catch_unwind(AssertUnwindSafe(act));
    ANGRY.set(false);
    result
}

#[derive(Clone, Debug)]
struct Fussy(u64);

impl PartialEq for Fussy {
    fn eq(&self, other: &Self) -> bool {
        assert!(!ANGRY.get(), "of the equality");
        self.0 == other.0
    }
}

impl Eq for Fussy {}

impl Hash for Fussy {
    fn hash<H: Hasher>(&self, state: &mut H) {
        assert!(!ANGRY.get(), "of the hash");
        self.0.hash(state);
    }
}

#[test]
fn a_key_whose_code_panics_at_its_admission_keeps_no_probe_of_the_parent_s() {
    let clock = Manual::new();
    let parent = Breaker::builder().in_a_row(1).jitter(0.0).stages(1).clock(clock.clone()).build().unwrap();
    let keyed: Keyed<Fussy> =
        Keyed::builder().each(each().in_a_row(1)).clock(clock.clone()).parent(parent.clone()).build().unwrap();
    keyed.try_acquire(&Fussy(1)).unwrap().failure();
    clock.advance(SECOND);
    assert!(angrily(|| keyed.try_acquire(&Fussy(2))).is_err());
    assert_eq!(parent.state(), State::HalfOpen);
    keyed.try_acquire(&Fussy(3)).unwrap().success();
    assert_eq!(parent.state(), State::Closed);
}

#[test]
fn the_parent_hears_of_its_probe_although_the_code_of_the_key_panics() {
    let clock = Manual::new();
    let parent = Breaker::builder().in_a_row(1).jitter(0.0).stages(1).clock(clock.clone()).build().unwrap();
    let keyed: Keyed<Fussy> =
        Keyed::builder().each(each().in_a_row(1)).clock(clock.clone()).parent(parent.clone()).build().unwrap();
    keyed.try_acquire(&Fussy(1)).unwrap().failure();
    clock.advance(SECOND);
    let probe = keyed.try_acquire(&Fussy(2)).unwrap();
    assert!(angrily(|| probe.failure()).is_err(), "the panic is passed on");
    assert_eq!(parent.state(), State::Open);
}

#[test]
fn a_key_whose_code_panics_while_its_call_panics_does_not_end_the_process() {
    let keyed: Keyed<Fussy> = Keyed::builder().each(each().in_a_row(1)).build().unwrap();
    let of_the_call = angrily(|| {
        ANGRY.set(false);
        let _permit = keyed.try_acquire(&Fussy(1)).unwrap();
        ANGRY.set(true);
        panic!("of the call");
    });
    assert_eq!(of_the_call.unwrap_err().downcast_ref(), Some(&"of the call"));
    keyed.try_acquire(&Fussy(1)).unwrap().failure();
    assert_eq!(keyed.state(&Fussy(1)), State::Open, "and goes on");
}

static LOOKED_AT: OnceLock<Keyed<Curious>> = OnceLock::new();

/// Looks at its registry where it is dropped: under a lock it would wait for ever.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Curious(u64);

impl Drop for Curious {
    fn drop(&mut self) {
        let _ = LOOKED_AT.get().map(Keyed::stats);
    }
}

#[test]
fn no_key_is_dropped_while_a_lock_is_held() {
    let clock = Manual::new();
    let keyed = LOOKED_AT
        .get_or_init(|| Keyed::builder().each(each().in_a_row(2)).clock(clock.clone()).most_keys(2).build().unwrap());
    let fail = |key| keyed.try_acquire(&Curious(key)).unwrap().failure();
    // Let go for another, recovered, aged, with no room, forced, reset.
    (0..4).for_each(fail);
    keyed.try_acquire(&Curious(3)).unwrap().success();
    clock.advance(60 * SECOND);
    (4..6).chain(4..6).for_each(fail);
    fail(6);
    assert!(keyed.force_open(&Curious(7)).is_err());
    let saved = keyed.snapshot();
    assert_eq!(keyed.restore(saved.clone()), 0, "both are known");
    keyed.reset_all();
    assert_eq!(keyed.restore(saved), 2);
    keyed.reset(&Curious(4));
    keyed.reset(&Curious(5));
    assert_eq!(keyed.stats().kept, 0);
}

#[test]
fn what_a_key_owns_is_given_back_when_it_is_kept_no_longer() {
    let clock = Manual::new();
    let keyed: Keyed<Arc<str>> = Keyed::builder().each(each()).clock(clock.clone()).most_keys(2).build().unwrap();
    // The interpreter is slow to hash.
    let long: Arc<str> = "a".repeat(if cfg!(miri) { 100 } else { 1 << 20 }).into();
    let fail = |key: &Arc<str>| keyed.try_acquire(key).unwrap().failure();
    let owners = || Arc::strong_count(&long) - 1;
    fail(&long);
    assert_eq!(owners(), 1);
    ["b", "c"].map(Arc::from).iter().for_each(fail);
    assert_eq!((owners(), keyed.stats().evicted), (0, 1), "let go for others");
    fail(&long);
    keyed.try_acquire(&long).unwrap().success();
    assert_eq!((owners(), keyed.kept()), (0, 1), "recovered");
    keyed.force_open(&long).unwrap();
    assert_eq!(keyed.try_acquire(&long).map(drop).unwrap_err().reason(), Reason::ForcedOpen);
    assert_eq!(owners(), 1);
    keyed.reset(&long);
    assert_eq!(owners(), 0, "reset");
    fail(&long);
    let out = keyed.try_acquire(&long).unwrap();
    drop(keyed);
    assert_eq!(owners(), 1, "its registry is gone, a call is still out");
    out.failure();
    assert_eq!(owners(), 0);
}

#[derive(Debug)]
struct Fickle(Arc<AtomicU64>);

impl Clock for Fickle {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

#[test]
fn a_clock_that_jumps_back_wedges_no_key() {
    let time = Arc::new(AtomicU64::new(0));
    let set = |seconds: u64| time.store(seconds * 1_000_000_000, Ordering::Relaxed);
    set(1000);
    let clock = || Fickle(Arc::clone(&time));
    let parent = Breaker::builder().jitter(0.0).clock(clock()).failures(2).within(60 * SECOND).build().unwrap();
    let each = each().stages(1);
    let keyed: Keyed<u64> = Keyed::builder().each(each).clock(clock()).parent(parent).build().unwrap();
    admit(&keyed, 1).failure();
    trip(&keyed, 2);
    keyed.force_open_for(&3, SECOND).unwrap();
    set(10);
    (0..2).for_each(|_| admit(&keyed, 1).failure());
    assert_eq!(keyed.parent().unwrap().state(), State::Open);
    keyed.parent().unwrap().reset();
    assert_eq!((keyed.snapshot().len(), keyed.stats().open), (3, 3));
    for key in 1..=3 {
        let wait = keyed.try_acquire(&key).unwrap_err().retry_after();
        assert!(wait <= 1000 * SECOND, "{wait:?}");
    }
    set(1002);
    (1..=3).for_each(|key| admit(&keyed, key).success());
    assert_eq!(keyed.stats().kept, 0);
}

#[test]
fn where_keys_are_in_shadow_the_parent_does_not_hear_of_those_that_there_was_no_room_for() {
    let clock = Manual::new();
    let parent = Breaker::builder().clock(clock.clone()).build().unwrap();
    let keyed: Keyed<u64> =
        Keyed::builder().each(each()).clock(clock).most_keys(1).parent(parent.clone()).build().unwrap();
    keyed.shadow_all();
    trip(&keyed, 1);
    (2..9).for_each(|key| admit(&keyed, key).failure());
    assert_eq!((keyed.stats().overflowed, parent.snapshot().failures.len()), (7, 0));
}

#[test]
fn a_restart_lets_closed_keys_go_for_open_ones_and_newer_ones_for_neither() {
    let clock = Manual::new();
    let old = keyed(&clock);
    (0..3).for_each(|key| admit(&old, key).failure());
    (3..5).for_each(|key| trip(&old, key));
    let small = |most| Keyed::builder().each(each()).clock(clock.clone()).most_keys(most).build().unwrap();
    let keyed: Keyed<u64> = small(4);
    assert_eq!(keyed.restore(old.snapshot()), 4);
    assert_eq!((keyed.stats().open, keyed.stats().evicted), (2, 0));
    let keyed: Keyed<u64> = small(1);
    admit(&keyed, 9).failure();
    assert_eq!(keyed.restore(old.snapshot().into_iter().filter(|key| key.key < 3)), 0);
    assert_eq!(keyed.snapshot()[0].key, 9);
}
