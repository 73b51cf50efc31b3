use super::*;
use crate::machine::Overlay;
use crate::policy::{CoolDown, Policy, Quota, Stall};
use crate::{Breaker, Permit};
use std::sync::mpsc;
use std::thread;

const SECOND: Duration = Duration::from_secs(1);

/// What comes of it on another thread, while this one holds the breaker's lock.
fn without_the_lock<R: Send + 'static>(breaker: &Breaker, act: impl FnOnce() -> R + Send + 'static) -> R {
    breaker.slot.read(|_, _| {
        let (done, result) = mpsc::channel();
        thread::spawn(move || done.send(act()));
        result.recv_timeout(30 * SECOND).expect("it waits for the lock")
    })
}

fn tripping_at(failures: u32, delay: Duration) -> Breaker {
    let builder = Breaker::builder().failures(failures).within(30 * SECOND).jitter(0.0).probe_patience(SECOND);
    builder.delay(delay).build().unwrap()
}

fn permit(breaker: &Breaker) -> Permit {
    breaker.try_acquire().unwrap()
}

fn fail(breaker: &Breaker, times: u32) {
    (0..times).for_each(|_| permit(breaker).failure());
}

#[test]
fn a_refusal_and_the_question_whether_there_will_be_one_want_no_lock() {
    let breaker = tripping_at(1, 60 * SECOND);
    fail(&breaker, 1);
    let slot = breaker.slot;
    assert!(without_the_lock(&breaker, || slot.would_refuse()));
    let caller = breaker.clone();
    let rejected = without_the_lock(&breaker, move || caller.try_acquire()).unwrap_err();
    assert_eq!(rejected.reason(), Reason::Open);
    let unready = without_the_lock(&breaker, || slot.refuse_unready(|| true));
    assert_eq!(unready.reason(), Reason::Open);
    breaker.force_open();
    let forced = without_the_lock(&breaker, || slot.refuse_unready(|| true));
    assert_eq!((forced.reason(), forced.retry_after()), (Reason::ForcedOpen, 60 * SECOND));
}

#[test]
fn an_admission_wants_no_lock_while_it_is_closed_and_under_no_rule_that_looks_at_each_call() {
    let breaker = tripping_at(1, Duration::from_nanos(1));
    let admitted = |breaker: &Breaker| {
        let caller = breaker.clone();
        without_the_lock(breaker, move || caller.try_acquire().map(Permit::success).is_ok())
    };
    assert!(admitted(&breaker));
    let asked = breaker.clone();
    assert_eq!(without_the_lock(&breaker, move || asked.state()), crate::State::Closed);
    fail(&breaker, 1);
    assert!(breaker.snapshot().counts.trips == 1);
    while breaker.state() != crate::State::Closed {
        permit(&breaker).success();
    }
    assert!(admitted(&breaker), "it has recovered");
    breaker.shadow();
    assert!(admitted(&breaker), "it is observed and closed");
    breaker.force_closed();
    assert!(admitted(&breaker), "it is forced closed");
}

#[test]
fn a_cool_down_that_is_over_by_the_exact_clock_refuses_nobody_by_the_cheap_one() {
    let breaker = tripping_at(1, Duration::from_nanos(1));
    fail(&breaker, 1);
    assert!(!breaker.slot.would_refuse());
    assert!(breaker.try_acquire().is_ok());
}

#[test]
fn the_deadline_of_a_trip_that_was_recovered_from_refuses_nobody() {
    // It is asked for each call, so the gate says neither that it is closed nor that it is open.
    let stall = Some(Stall { calls: 5, longer_than: 60 * SECOND });
    let policy = Policy { stall, cool_down: CoolDown::Constant(600 * SECOND), ..Policy::default() };
    let breaker = Breaker::builder().policy(policy).build().unwrap();
    fail(&breaker, 3);
    assert!(breaker.slot.would_refuse());
    breaker.reset();
    assert!(!breaker.slot.would_refuse());
    assert!(breaker.try_acquire().is_ok());
}

#[test]
fn an_outcome_that_changes_nothing_wants_no_lock() {
    // Nothing to clear when it was admitted, though there is by now.
    let breaker = tripping_at(3, SECOND);
    let quiet = permit(&breaker);
    fail(&breaker, 1);
    without_the_lock(&breaker, || quiet.success());
    assert_eq!(breaker.snapshot().failures.len(), 1);

    // There was something, and another call has cleared it.
    let noisy = permit(&breaker);
    permit(&breaker).success();
    assert_eq!(breaker.snapshot().failures.len(), 0);
    without_the_lock(&breaker, || noisy.success());

    // It says nothing, although there is something to clear.
    fail(&breaker, 1);
    let silent = permit(&breaker);
    without_the_lock(&breaker, || silent.record(Verdict::Ignore));
    assert_eq!(breaker.snapshot().failures.len(), 1);

    breaker.force_closed();
    let untracked = permit(&breaker);
    without_the_lock(&breaker, || untracked.failure());
    let slot = breaker.slot;
    assert!(without_the_lock(&breaker, || slot.now(word::QUIET)) > Instant::default());
    assert_eq!((breaker.snapshot().overlay, breaker.snapshot().counts.failures), (Overlay::ForcedClosed, 2));
}

#[cfg(feature = "http")]
#[test]
fn that_an_answer_has_come_is_noted_only_where_a_quota_may_have_counted_the_call() {
    let breaker = tripping_at(3, SECOND);
    let slot = breaker.slot;
    let quiet = slot.admit(|| true).unwrap();
    fail(&breaker, 1);
    let call = slot.admit(|| true).unwrap();
    assert!(word::is_call(call) && !word::is_call(quiet));
    for ticket in [quiet, call] {
        assert!(!without_the_lock(&breaker, move || slot.answered(ticket)));
        without_the_lock(&breaker, move || slot.ends_after_answer(ticket));
    }

    breaker.set_policy(Policy { quota: Some(Quota::new(10, 60 * SECOND)), ..breaker.policy() }).unwrap();
    // That one was admitted before, and by a gate that no quota has.
    assert!(!without_the_lock(&breaker, move || slot.answered(quiet)));
    let counted = slot.admit(|| true).unwrap();
    let in_flight = || breaker.snapshot().quota.unwrap().in_flight;
    assert_eq!(in_flight(), 1);
    slot.answered(counted);
    assert_eq!(in_flight(), 0);
    slot.ends_after_answer(counted);
    assert_eq!(in_flight(), 1);
    // Also where the operator has forced it closed meanwhile.
    breaker.force_closed();
    slot.answered(counted);
    assert_eq!(in_flight(), 0);
}

#[test]
fn a_success_is_counted_in_its_own_epoch_and_in_no_later_one() {
    let breaker = Breaker::builder().failure_rate(0.5).over(60 * SECOND).min_calls(10).build().unwrap();
    let counted = || breaker.slot.tally().unwrap().totals(clock::exact()).rate_calls;
    let late = permit(&breaker);
    permit(&breaker).success();
    assert_eq!(counted(), 1);
    breaker.force_open();
    breaker.auto();
    assert_eq!(counted(), 0, "a forced overlay clears what was counted");
    late.success();
    assert_eq!(counted(), 0);
    permit(&breaker).success();
    assert_eq!(counted(), 1);
}

#[test]
fn a_reset_clears_what_was_counted_too() {
    let breaker = Breaker::builder().failure_rate(0.5).over(60 * SECOND).min_calls(10).build().unwrap();
    let counted = || breaker.slot.tally().unwrap().totals(clock::exact()).rate_calls;
    for _ in 0..3 {
        permit(&breaker).success();
        assert_eq!(counted(), 1);
        breaker.reset();
        assert_eq!(counted(), 0);
    }
}
