//! The share of failures and the share of slow calls.

use resilience::machine::Rule;
use resilience::{Breaker, Builder, State, Verdict};
use std::time::Duration;
use support::fixture::{NS, fail, manual, ms, rule, secs, succeed};

fn rate(builder: Builder) -> Builder {
    builder.without_failure_window().failure_rate(0.3).over(secs(64)).min_calls(10)
}

#[test]
fn exactly_the_share_trips() {
    let (breaker, _) = manual(rate);
    fail(&breaker, 2);
    succeed(&breaker, 7);
    fail(&breaker, 1);
    let summary = breaker.snapshot().trip.expect("three in ten are the 0.3 that was asked for");
    assert_eq!((summary.rule, summary.failures, summary.calls), (Rule::FailureRate, 3, 10));

    let (breaker, _) = manual(rate);
    fail(&breaker, 2);
    succeed(&breaker, 8);
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Closed, "three in eleven are less");
}

#[test]
fn below_the_minimum_of_calls_nothing_trips() {
    let (breaker, _) = manual(rate);
    fail(&breaker, 9);
    assert_eq!(breaker.state(), State::Closed);
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn only_a_failure_makes_the_share_be_looked_at() {
    let (breaker, _) = manual(rate);
    fail(&breaker, 9);
    succeed(&breaker, 1);
    assert_eq!(breaker.state(), State::Closed, "nine in ten, but the tenth was good news");
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn old_successes_really_leave_the_window() {
    // One part of the window, a second, is the resolution.
    for (age, then) in [(secs(63), State::Closed), (secs(66), State::Open)] {
        let (breaker, clock) = manual(rate);
        succeed(&breaker, 10_000);
        clock.advance(age);
        fail(&breaker, 10);
        assert_eq!(breaker.state(), then, "when the successes are {age:?} old");
    }
}

#[test]
fn old_failures_leave_it_as_well() {
    let (breaker, clock) = manual(rate);
    fail(&breaker, 9);
    clock.advance(secs(66));
    fail(&breaker, 9);
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn it_slides_smoothly_through_steady_traffic() {
    // A call each second, the first half healthy: the share of failures grows with each second by a 64th.
    let (breaker, clock) = manual(|builder| rate(builder).failure_rate(0.5).over(secs(64)).min_calls(64));
    for _ in 0..200 {
        succeed(&breaker, 1);
        clock.advance(secs(1));
    }
    let mut failures = 0;
    while breaker.state() == State::Closed {
        fail(&breaker, 1);
        failures += 1;
        clock.advance(secs(1));
    }
    assert!((32..=33).contains(&failures), "tripped after {failures}");
}

#[test]
fn ignored_calls_are_not_among_the_calls_and_reachable_ones_are() {
    let (breaker, _) = manual(|builder| rate(builder).failure_rate(0.5).over(secs(64)).min_calls(4));
    for _ in 0..100 {
        breaker.try_acquire().unwrap().record(Verdict::Ignore);
    }
    for _ in 0..2 {
        breaker.try_acquire().unwrap().record(Verdict::Reachable);
    }
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Closed);
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn a_trip_starts_the_count_anew() {
    let (breaker, clock) = manual(|builder| rate(builder).stages(1));
    fail(&breaker, 10);
    clock.advance(secs(1));
    succeed(&breaker, 1);
    assert_eq!(breaker.state(), State::Closed);
    fail(&breaker, 9);
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn the_cost_of_a_call_does_not_depend_on_the_traffic() {
    // Counted in readings of the clock, which is the only thing that a call asks others for.
    #[derive(Clone, Debug, Default)]
    struct Counting(std::sync::Arc<std::sync::atomic::AtomicU64>);
    impl resilience::clock::Clock for Counting {
        fn now(&self) -> resilience::clock::Instant {
            self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            resilience::clock::Instant::from_nanos(1 << 40)
        }
    }
    let clock = Counting::default();
    let breaker = rate(Breaker::builder()).clock(clock.clone()).build().unwrap();
    let readings = || clock.0.swap(0, std::sync::atomic::Ordering::SeqCst);
    readings();
    succeed(&breaker, 1);
    let first = readings();
    succeed(&breaker, 100_000);
    readings();
    succeed(&breaker, 1);
    assert_eq!(readings(), first);
}

fn slow(builder: Builder) -> Builder {
    builder.without_failure_window().slow_calls(0.5).slower_than(secs(1)).over(secs(64)).min_calls(4)
}

fn call(breaker: &Breaker, clock: &resilience::clock::Manual, time: Duration, verdict: Verdict) {
    let permit = breaker.try_acquire().unwrap();
    clock.advance(time);
    permit.record(verdict);
}

#[test]
fn a_call_is_slow_if_it_takes_longer_than_the_limit_and_exactly_the_share_trips() {
    let (breaker, clock) = manual(slow);
    for _ in 0..3 {
        call(&breaker, &clock, secs(1), Verdict::Success);
    }
    for _ in 0..2 {
        call(&breaker, &clock, secs(1) + NS, Verdict::Success);
        assert_eq!(breaker.state(), State::Closed);
    }
    call(&breaker, &clock, secs(1) + NS, Verdict::Success);
    let summary = breaker.snapshot().trip.unwrap();
    assert_eq!((summary.rule, summary.failures, summary.calls), (Rule::SlowCalls, 3, 6));
}

#[test]
fn slowness_counts_whatever_the_verdict_but_for_ignored_calls() {
    for (verdict, trips) in [
        (Verdict::Success, true),
        (Verdict::Failure(None), true),
        (Verdict::Reachable, true),
        (Verdict::Limited(secs(1)), true),
        (Verdict::Ignore, false),
        (Verdict::Relayed(None), false),
    ] {
        let (breaker, clock) = manual(slow);
        for _ in 0..4 {
            call(&breaker, &clock, secs(2), verdict);
        }
        assert_eq!(breaker.state() == State::Open, trips, "{verdict:?}");
    }
}

#[test]
fn a_slow_call_counts_in_the_window_in_which_it_ends() {
    let (breaker, clock) = manual(slow);
    let calls: Vec<_> = (0..4).map(|_| breaker.try_acquire().unwrap()).collect();
    clock.advance(secs(3600));
    calls.into_iter().for_each(resilience::Permit::success);
    assert_eq!(rule(&breaker), Rule::SlowCalls);
}

#[test]
fn the_shares_have_windows_of_their_own() {
    let (breaker, clock) =
        manual(|builder| slow(builder).failure_rate(1.0).over(Duration::from_micros(1)).min_calls(3));
    call(&breaker, &clock, ms(1), Verdict::Failure(None));
    call(&breaker, &clock, ms(1), Verdict::Failure(None));
    call(&breaker, &clock, ms(1), Verdict::Failure(None));
    assert_eq!(breaker.state(), State::Closed, "they lie a millisecond apart, in a window of a microsecond");
    fail(&breaker, 2);
    assert_eq!(rule(&breaker), Rule::FailureRate);
}
