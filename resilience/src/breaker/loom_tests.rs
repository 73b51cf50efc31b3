//! What threads can do to a breaker at the same time, tried in every order of up to four preemptions.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test -p resilience --lib --all-features --target-dir target/loom loom_tests
//! ```
//!
//! What has to hold is asserted for each order by itself. `LOOM_MAX_PREEMPTIONS` sets another limit;
//! `LOOM_LOG=trace` and `LOOM_LOCATION=1` tell of the order that breaks one.

mod owners;

use super::{Breaker, Permit, State};
use crate::clock::{self, Instant};
use crate::machine::{Overlay, Rule};
use crate::policy::{CoolDown, Policy};
use crate::{Reason, Rejected};
use loom::thread;
use std::sync::Arc;
#[cfg(feature = "tokio")]
use std::sync::atomic::AtomicBool;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Each model starts a day after the clock's origin.
pub(crate) fn at(since_start: Duration) -> Instant {
    Instant::from_nanos(86_400_000_000_000).saturating_add(since_start)
}

fn check(model: impl Fn() + Send + Sync + 'static) {
    check_up_to(4, model);
}

/// Tries a model in every order of at most so many preemptions.
///
/// A model that has one order only looks at nothing: what its threads do to each other goes past the checker, which sees
/// its own locks and atomics and no others.
pub(crate) fn check_up_to(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let orders = Arc::new(AtomicUsize::new(0));
    let tried = Arc::clone(&orders);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(preemptions));
    builder.check(move || {
        tried.fetch_add(1, Ordering::Relaxed);
        clock::set(at(Duration::ZERO));
        model();
    });
    let orders = orders.load(Ordering::Relaxed);
    assert!(orders > 1, "the model was tried in one order only: the checker sees nothing of what it is about");
}

fn tripping_at(failures: u32) -> Breaker {
    Breaker::builder().failures(failures).within(30 * SECOND).jitter(0.0).build().unwrap()
}

fn permit(breaker: &Breaker) -> Permit {
    breaker.try_acquire().unwrap()
}

#[test]
fn a_quiet_success_never_hides_failures_that_come_while_it_is_out() {
    check(|| {
        let breaker = tripping_at(2);
        let quiet = permit(&breaker);
        let failures = [permit(&breaker), permit(&breaker)];
        let other = thread::spawn(move || quiet.success());
        failures.into_iter().for_each(Permit::failure);
        other.join().unwrap();
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(breaker.snapshot().counts.trips, 1);
    });
}

#[test]
fn a_success_clears_what_was_recorded_before_its_admission_and_nothing_else() {
    check(|| {
        let breaker = tripping_at(2);
        let failures = [permit(&breaker), permit(&breaker)];
        let healthy = breaker.clone();
        let other = thread::spawn(move || healthy.try_acquire().map(Permit::success).is_ok());
        failures.into_iter().for_each(Permit::failure);
        let admitted = other.join().unwrap();
        let snapshot = breaker.snapshot();
        match snapshot.state {
            State::Open => assert_eq!(snapshot.counts.trips, 1),
            // It was admitted and answered between the two failures: it cleared the first, and cannot have cleared more.
            _ => assert_eq!((snapshot.failures.len(), snapshot.counts.trips, admitted), (1, 0, true)),
        }
        assert_eq!(snapshot.counts.failures, 2);
    });
}

#[test]
fn two_failures_at_once_make_one_trip_and_the_other_is_late() {
    check(|| {
        let breaker = tripping_at(1);
        let (one, other) = (permit(&breaker), permit(&breaker));
        let thread = thread::spawn(move || one.failure());
        other.failure();
        thread.join().unwrap();
        let counts = breaker.snapshot().counts;
        assert_eq!((counts.trips, counts.failures, counts.late), (1, 1, 1));
    });
}

#[test]
fn the_last_failures_of_two_threads_trip_whichever_comes_last() {
    check(|| {
        let breaker = tripping_at(3);
        permit(&breaker).failure();
        let threads = [(); 2].map(|()| {
            let breaker = breaker.clone();
            thread::spawn(move || breaker.try_acquire().map(Permit::failure).is_ok())
        });
        for thread in threads {
            assert!(thread.join().unwrap(), "nothing was open before the third failure");
        }
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(breaker.try_acquire().unwrap_err().trip().unwrap().failures, 3);
    });
}

/// What a refusal may tell: why, how long to wait, the level, and of the trip its rule and the time from its first to
/// its last failure (which does not depend on when it is asked).
type Whole = (Reason, Duration, u32, Option<(Rule, Duration)>);

const FIRST_TRIP: Option<(Rule, Duration)> = Some((Rule::FailureWindow, Duration::from_millis(500)));

/// Two failures half a second apart, within a window; half a second later.
fn trip(breaker: &Breaker) {
    permit(breaker).failure();
    clock::set(at(SECOND / 2));
    permit(breaker).failure();
    clock::set(at(SECOND));
}

/// A refusal's parts belong together; of a trip that has been superseded it says nothing, but nothing wrong.
fn assert_whole(rejected: &Rejected, possible: &[Whole]) {
    // Asked one by one, while the other thread goes on.
    let (reason, wait, level) = (rejected.reason(), rejected.retry_after(), rejected.level());
    let told = rejected.trip().map(|trip| (trip.rule, trip.first_ago - trip.last_ago));
    assert!(
        possible.iter().any(|whole| {
            (reason, wait) == (whole.0, whole.1) && [whole.2, 0].contains(&level) && (told.is_none() || told == whole.3)
        }),
        "torn: {reason:?}, {wait:?}, level {level}, {told:?}"
    );
}

#[test]
fn a_refusal_without_the_lock_tells_of_one_trip_only() {
    check(|| {
        let policy = Breaker::builder().failures(2).within(30 * SECOND).delay(10 * SECOND).factor(3.0);
        let breaker = policy.jitter(0.0).stages(1).build().unwrap();
        trip(&breaker);
        let caller = breaker.clone();
        let other = thread::spawn(move || {
            if let Err(rejected) = caller.try_acquire() {
                let seconds = |wait: u64| Duration::from_secs(wait);
                let first = |wait| (Reason::Open, wait, 1, FIRST_TRIP);
                let second = (Reason::Open, seconds(30), 2, Some((Rule::Probe, Duration::ZERO)));
                let probed = (Reason::ProbesOut, seconds(10), 1, FIRST_TRIP);
                assert_whole(&rejected, &[first(seconds(10) - SECOND / 2), second, probed]);
            }
        });
        // The second trip, while the other thread reads what the first one published.
        clock::set(at(10 * SECOND + SECOND / 2));
        if let Ok(probe) = breaker.try_acquire() {
            probe.failure();
        }
        other.join().unwrap();
    });
}

#[test]
fn a_refusal_without_the_lock_is_whole_beside_force_open_and_a_reset() {
    check(|| {
        let breaker = Breaker::builder().failures(2).within(SECOND).delay(2 * SECOND).jitter(0.0).build().unwrap();
        trip(&breaker);
        let caller = breaker.clone();
        let other = thread::spawn(move || {
            if let Err(rejected) = caller.try_acquire() {
                let tripped = (Reason::Open, SECOND + SECOND / 2, 1, FIRST_TRIP);
                let forced = (Reason::ForcedOpen, 100 * SECOND, 1, None);
                assert_whole(&rejected, &[tripped, forced]);
            }
        });
        breaker.force_open_for(100 * SECOND);
        breaker.reset();
        other.join().unwrap();
        assert_eq!(breaker.state(), State::Closed);
    });
}

#[test]
fn a_refusal_is_whole_beside_an_operator_who_changes_for_how_long_it_is_forced_open() {
    check(|| {
        let breaker = Breaker::builder().delay(2 * SECOND).jitter(0.0).build().unwrap();
        clock::set(at(SECOND));
        breaker.force_open();
        let caller = breaker.clone();
        let other = thread::spawn(move || {
            let forced = |wait| (Reason::ForcedOpen, wait, 0, None);
            assert_whole(&caller.try_acquire().unwrap_err(), &[forced(2 * SECOND), forced(100 * SECOND)]);
        });
        // The gate says the same before and after.
        breaker.force_open_for(100 * SECOND);
        other.join().unwrap();
    });
}

#[test]
fn a_refusal_that_is_asked_late_tells_of_its_own_trip_or_of_none() {
    check(|| {
        let breaker = Breaker::builder().failures(2).within(SECOND).delay(2 * SECOND).jitter(0.0).build().unwrap();
        trip(&breaker);
        let rejected = breaker.try_acquire().unwrap_err();
        let other = thread::spawn(move || {
            assert_whole(&rejected, &[(Reason::Open, SECOND + SECOND / 2, 1, FIRST_TRIP)]);
        });
        breaker.reset();
        // Two failures in one instant: another trip.
        let failures = [permit(&breaker), permit(&breaker)];
        failures.into_iter().for_each(Permit::failure);
        other.join().unwrap();
    });
}

#[test]
fn a_refusal_that_outlives_its_breaker_tells_nothing_of_the_next_owner() {
    check(|| {
        let old = Breaker::builder().name("old").failures(2).within(SECOND).jitter(0.0).build().unwrap();
        trip(&old);
        let rejected = old.try_acquire().unwrap_err();
        let other = thread::spawn(move || {
            assert_whole(&rejected, &[(Reason::Open, SECOND / 2, 1, FIRST_TRIP)]);
            assert_ne!(rejected.breaker().as_ref(), "new");
        });
        drop(old);
        let new = Breaker::builder().name("new").failures(1).within(SECOND).jitter(0.0).build().unwrap();
        permit(&new).failure();
        other.join().unwrap();
    });
}

#[test]
fn a_new_policy_shortens_what_is_told_and_tears_nothing() {
    check(|| {
        let breaker = Breaker::builder().failures(2).within(SECOND).delay(10 * SECOND).jitter(0.0).build().unwrap();
        trip(&breaker);
        let caller = breaker.clone();
        let other = thread::spawn(move || {
            let rejected = caller.try_acquire().unwrap_err();
            let whole = |wait| (Reason::Open, wait, 1, FIRST_TRIP);
            assert_whole(&rejected, &[whole(9 * SECOND + SECOND / 2), whole(4 * SECOND)]);
            assert!(rejected.trip().is_some(), "there is no other trip");
        });
        let cool_down = CoolDown::Constant(4 * SECOND);
        breaker.set_policy(Policy { cool_down, ..breaker.policy() }).unwrap();
        other.join().unwrap();
        assert_eq!(breaker.try_acquire().unwrap_err().retry_after(), 4 * SECOND);
    });
}

#[test]
fn of_two_callers_at_the_end_of_the_cool_down_exactly_one_probes() {
    check(|| {
        let breaker = tripping_at(1);
        permit(&breaker).failure();
        clock::set(at(SECOND));
        let caller = breaker.clone();
        let other = thread::spawn(move || caller.try_acquire());
        let mine = breaker.try_acquire();
        let theirs = other.join().unwrap();
        assert!(mine.is_ok() != theirs.is_ok());
        let refusal = mine.as_ref().err().or(theirs.as_ref().err()).unwrap();
        assert_eq!(refusal.reason(), Reason::ProbesOut);
        let snapshot = breaker.snapshot();
        assert_eq!((snapshot.state, snapshot.probes_out, snapshot.counts.probes), (State::HalfOpen, 1, 1));
    });
}

#[test]
fn a_probe_that_fails_and_one_that_comes_back_reopen_once() {
    check(|| {
        let breaker = Breaker::builder().failures(1).within(SECOND).jitter(0.0).probes(2).stages(1).build().unwrap();
        permit(&breaker).failure();
        clock::set(at(SECOND));
        let (good, bad) = (permit(&breaker), permit(&breaker));
        let other = thread::spawn(move || good.success());
        bad.failure();
        other.join().unwrap();
        let snapshot = breaker.snapshot();
        assert_eq!((snapshot.state, snapshot.level, snapshot.counts.trips), (State::Open, 2, 2));
        assert!(snapshot.counts.late <= 1);
    });
}

#[test]
fn whatever_is_recorded_beside_force_open_nobody_is_admitted_after_it() {
    check(|| {
        let breaker = tripping_at(1);
        let out = permit(&breaker);
        let other = thread::spawn(move || out.failure());
        breaker.force_open();
        assert_eq!(breaker.try_acquire().unwrap_err().reason(), Reason::ForcedOpen);
        other.join().unwrap();
        let forced = breaker.snapshot();
        assert_eq!((forced.state, forced.overlay), (State::Open, Overlay::ForcedOpen));
        assert_eq!(breaker.try_acquire().unwrap_err().reason(), Reason::ForcedOpen);
        breaker.auto();
        let counts = breaker.snapshot().counts;
        // Before it, the failure tripped; after it, it came late.
        match breaker.state() {
            State::Open => assert_eq!((counts.trips, counts.late), (1, 0)),
            state => assert_eq!((state, counts.trips, counts.late), (State::Closed, 0, 1)),
        }
    });
}

#[test]
fn events_of_two_threads_arrive_once_and_in_the_order_of_their_epochs() {
    check(|| {
        let breaker = tripping_at(1);
        let mut transitions = breaker.subscribe();
        let out = permit(&breaker);
        let other = thread::spawn(move || out.failure());
        breaker.force_open();
        other.join().unwrap();
        // The failure is either a trip before it, or late.
        let trips = breaker.snapshot().counts.trips;
        let epochs: Vec<u64> = std::iter::from_fn(|| transitions.try_next()).map(|event| event.epoch).collect();
        assert!(epochs.is_sorted() && epochs.len() as u64 == 1 + trips, "{epochs:?}");
    });
}

#[cfg(feature = "tokio")]
#[test]
fn a_slot_of_half_open_that_is_freed_beside_one_who_begins_to_wait_wakes_him() {
    check(|| {
        let breaker = tripping_at(1);
        permit(&breaker).failure();
        clock::set(at(SECOND));
        let probe = permit(&breaker);
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        let mut outpost = super::Outpost::new(&breaker);
        let other = thread::spawn(move || drop(probe));
        let turn = outpost.turn(&Arc::clone(&woken).into());
        other.join().unwrap();
        let probes = matches!(turn, super::Turn::Probe(..));
        assert!(probes || woken.0.load(Ordering::SeqCst), "he would sleep on");
    });
}

#[cfg(feature = "tokio")]
struct Woken(AtomicBool);

#[cfg(feature = "tokio")]
impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}
