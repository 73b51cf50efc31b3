//! A new policy for a breaker that is at work.

use resilience::policy::{CoolDown, FailureRate, FailureWindow, OnSuccess};
use resilience::{Breaker, Hint, Hints, Policy, State, Verdict};
use std::time::Duration;
use support::fixture::{classic, fail, half_open, manual, ms, names, secs, succeed, trip, wait};

fn change(breaker: &Breaker, change: impl FnOnce(&mut Policy)) {
    let mut policy = breaker.policy();
    change(&mut policy);
    breaker.set_policy(policy).unwrap();
}

fn at_most(longest: Duration) -> CoolDown {
    CoolDown::Exponential { delay: ms(1).max(longest / 2), factor: 1.5, max_delay: longest }
}

#[test]
fn what_is_open_stays_open_its_deadline_clamped_to_the_new_maximum() {
    for (longest, left) in [(secs(100), secs(40)), (secs(40), secs(40)), (secs(5), secs(5))] {
        let (breaker, clock) = manual(|builder| builder.delay(secs(50)));
        trip(&breaker);
        clock.advance(secs(10));
        change(&breaker, |policy| policy.cool_down = at_most(longest));
        assert_eq!((breaker.state(), wait(&breaker)), (State::Open, left));
        clock.advance(left);
        assert_eq!(breaker.state(), State::HalfOpen);
    }
}

#[test]
fn a_deadline_that_a_hint_set_is_clamped_to_the_new_limit_of_hints() {
    let (breaker, _) = manual(|builder| builder);
    fail(&breaker, 2);
    breaker.try_acquire().unwrap().record(Verdict::Failure(Some(Hint::after(secs(200)))));
    change(&breaker, |policy| policy.cool_down = at_most(secs(5)));
    assert_eq!(wait(&breaker), secs(200), "the server asked for it, not the policy");
    change(&breaker, |policy| policy.max_hint = secs(20));
    assert_eq!(wait(&breaker), secs(20));
}

#[test]
fn a_new_policy_never_prolongs_what_is_open() {
    let (breaker, _) = manual(|builder| builder);
    trip(&breaker);
    change(&breaker, |policy| policy.cool_down = CoolDown::Constant(secs(500)));
    assert_eq!(wait(&breaker), secs(1));
}

#[test]
fn the_level_stays_and_the_next_trip_is_as_the_new_policy_says() {
    let (breaker, clock) = classic(|builder| builder);
    half_open(&breaker, &clock);
    change(&breaker, |policy| {
        policy.cool_down = CoolDown::Exponential { delay: secs(2), factor: 10.0, max_delay: secs(1000) };
    });
    assert_eq!((breaker.state(), breaker.snapshot().level), (State::HalfOpen, 1));
    fail(&breaker, 1);
    assert_eq!(wait(&breaker), secs(20));
}

#[test]
fn the_failures_in_the_window_stay_as_far_as_the_new_window_keeps_them() {
    let window = |failures| Some(FailureWindow { failures, within: secs(30), on_success: OnSuccess::Clear });
    let (breaker, _) = manual(|builder| builder.failures(10).within(secs(30)));
    fail(&breaker, 5);
    change(&breaker, |policy| policy.window = window(6));
    assert_eq!(breaker.snapshot().failures.len(), 5);
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);

    let (breaker, _) = manual(|builder| builder.failures(10).within(secs(30)));
    fail(&breaker, 5);
    change(&breaker, |policy| policy.window = window(2));
    assert_eq!((breaker.state(), breaker.snapshot().failures.len()), (State::Closed, 2), "no outcome, no trip");
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn calls_that_are_out_are_judged_by_the_new_policy() {
    let (breaker, _) = manual(|builder| builder);
    let out = breaker.try_acquire().unwrap();
    change(&breaker, |policy| policy.window.as_mut().unwrap().failures = 1);
    out.failure();
    assert_eq!((breaker.state(), breaker.snapshot().counts.late), (State::Open, 0));
}

#[test]
fn rules_can_be_switched_on_and_off() {
    let (breaker, _) = manual(|builder| builder);
    change(&breaker, |policy| {
        policy.window = None;
        policy.failure_rate = Some(FailureRate { ratio: 0.5, over: secs(60), min_calls: 4 });
    });
    succeed(&breaker, 2);
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Closed);
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
    breaker.reset();
    change(&breaker, |policy| policy.failure_rate = None);
    fail(&breaker, 1000);
    assert_eq!(breaker.state(), State::Closed);
    change(&breaker, |policy| policy.hints = Hints::Obey);
    breaker.try_acquire().unwrap().record(Verdict::Limited(secs(3)));
    assert_eq!(wait(&breaker), secs(3));
}

#[test]
fn what_is_half_open_waits_no_longer_than_the_new_maximum_for_who_may_probe() {
    // Before, at the end of it, and after it has become half-open.
    for after in [secs(10), secs(49), secs(50)] {
        let (breaker, clock) = manual(|builder| builder.delay(secs(50)));
        trip(&breaker);
        clock.advance(after);
        assert_eq!(breaker.state() == State::HalfOpen, after == secs(50));
        change(&breaker, |policy| policy.cool_down = CoolDown::Constant(secs(2)));
        clock.advance(breaker.snapshot().remaining.unwrap_or_default());
        assert_eq!(breaker.try_acquire_no_probe().unwrap_err().retry_after(), secs(2), "after {after:?}");
        clock.advance(secs(2));
        assert!(breaker.try_acquire_no_probe().is_ok(), "after {after:?}");
    }
}

#[test]
fn a_stage_that_the_new_policy_has_not_is_as_its_last_one() {
    let (breaker, clock) = manual(|builder| builder.stages(8));
    half_open(&breaker, &clock);
    succeed(&breaker, (1 << 7) - 1);
    assert_eq!((breaker.state(), breaker.snapshot().stage), (State::HalfOpen, 7));
    change(&breaker, |policy| (policy.probes, policy.stages) = (100, 2));
    let mut probes: Vec<_> = std::iter::from_fn(|| breaker.try_acquire().ok()).take(1000).collect();
    assert_eq!(probes.len(), 200);
    let last = probes.pop();
    probes.into_iter().for_each(resilience::Permit::success);
    assert_eq!(breaker.state(), State::HalfOpen);
    last.into_iter().for_each(resilience::Permit::success);
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn a_policy_that_is_refused_changes_nothing() {
    let (breaker, _) = manual(|builder| builder);
    fail(&breaker, 2);
    let (before, mut transitions) = (breaker.policy(), breaker.subscribe());
    let error = breaker.set_policy(Policy { probes: 0, ..before.clone() }).unwrap_err();
    assert_eq!(error.field(), "probes");
    assert_eq!(breaker.policy(), before);
    assert!(names(&mut transitions).is_empty());
    breaker.set_policy(before).unwrap();
    assert_eq!(names(&mut transitions), ["policy_changed"]);
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
}
