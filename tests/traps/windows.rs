//! | the trap | the test |
//! |---|---|
//! | a "sliding" window of counts that only ever grows | `after_a_thousand_successes_the_last_window_of_failures_trips` |
//! | a tumbling window misses the burst across its edge | `a_burst_is_seen_wherever_it_falls` |
//! | buckets cap the count below the threshold | `failures_spread_over_the_whole_window_trip` |
//! | one failure too many, or too few | `exactly_the_threshold_trips` |
//! | a strict comparison at the edge of the window | `failures_exactly_the_window_apart_trip_and_a_nanosecond_more_do_not` |
//! | blind for the first window after start, or after recovery | `the_first_calls_after_start_and_after_recovery_count` |
//! | averages that hide a burst between quiet hours | `a_burst_after_quiet_hours_trips_at_once` |
//! | a minimum of traffic that a quiet service never has | `three_requests_a_minute_are_enough_to_trip` |
//! | failures that are summed up over a lifetime | `failures_far_apart_never_add_up` |
//! | a steady trickle of failures keeps renewing the window | `a_steady_trickle_of_failures_among_successes_never_trips` |
//! | a success resets the count, so that half of all calls may fail for ever | `where_success_clears_the_failure_rate_still_sees_every_other_call_fail` |
//! | a slow success from before a burst hides it | `a_slow_success_from_before_the_burst_does_not_hide_it` |
//! | memory grows with the traffic | `however_many_failures_come_no_more_are_kept_than_the_rule_asks_for` |
//! | one verdict is seen by one rule only | `every_rule_sees_every_verdict` |
//! | faults of the caller trip the breaker for all | `faults_of_the_caller_trip_nothing` |
//! | refusals are counted, and start the cool-down anew | `refusals_are_never_recorded_and_never_move_the_deadline` |

use resilience::machine::Rule;
use resilience::{Builder, State, Verdict};
use std::time::Duration;
use support::fixture::{NS, classic, fail, half_open, manual, ms, refusal, rule, secs, succeed, trip, wait};

fn rate(builder: Builder) -> Builder {
    builder.without_failure_window().failure_rate(0.5).over(secs(10)).min_calls(10)
}

#[test]
fn after_a_thousand_successes_the_last_window_of_failures_trips() {
    let (breaker, clock) = manual(rate);
    succeed(&breaker, 1000);
    clock.advance(ms(10_200));
    fail(&breaker, 9);
    assert_eq!(breaker.state(), State::Closed);
    fail(&breaker, 1);
    assert_eq!(rule(&breaker), Rule::FailureRate);
}

#[test]
fn a_burst_is_seen_wherever_it_falls() {
    for offset in 0..60 {
        let (breaker, clock) = manual(|builder| builder);
        clock.advance(ms(offset * 1017));
        fail(&breaker, 1);
        clock.advance(secs(15));
        fail(&breaker, 1);
        clock.advance(secs(15));
        fail(&breaker, 1);
        assert_eq!(breaker.state(), State::Open, "a burst that begins at {offset}");
    }
}

#[test]
fn failures_spread_over_the_whole_window_trip() {
    let (breaker, clock) = manual(|builder| builder.failures(100).within(secs(99)));
    for _ in 0..99 {
        fail(&breaker, 1);
        assert_eq!(breaker.state(), State::Closed);
        clock.advance(secs(1));
    }
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn exactly_the_threshold_trips() {
    for threshold in [1, 2, 3, 4, 5, 17, 1000] {
        let (breaker, _) = manual(|builder| builder.failures(threshold).within(secs(30)));
        fail(&breaker, threshold - 1);
        assert_eq!(breaker.state(), State::Closed, "{threshold}");
        fail(&breaker, 1);
        assert_eq!(breaker.state(), State::Open, "{threshold}");
    }
    // The whole of it as a share: not one success among them.
    let (breaker, _) = manual(|builder| builder.without_failure_window().failure_rate(1.0).over(secs(10)).min_calls(4));
    fail(&breaker, 3);
    assert_eq!(breaker.state(), State::Closed);
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn failures_exactly_the_window_apart_trip_and_a_nanosecond_more_do_not() {
    for (gap, then) in [(secs(30), State::Open), (secs(30) + NS, State::Closed)] {
        let (breaker, clock) = manual(|builder| builder);
        fail(&breaker, 2);
        clock.advance(gap);
        fail(&breaker, 1);
        assert_eq!(breaker.state(), then, "{gap:?} apart");
    }
}

#[test]
fn the_first_calls_after_start_and_after_recovery_count() {
    let (breaker, clock) = classic(|builder| builder);
    half_open(&breaker, &clock);
    succeed(&breaker, 1);
    assert_eq!(breaker.state(), State::Closed);
    trip(&breaker);
}

#[test]
fn a_burst_after_quiet_hours_trips_at_once() {
    let (breaker, clock) = manual(|builder| builder);
    for _ in 0..100 {
        succeed(&breaker, 1);
        clock.advance(secs(3600));
    }
    trip(&breaker);
}

#[test]
fn three_requests_a_minute_are_enough_to_trip() {
    let (breaker, clock) = manual(|builder| builder.failures(3).within(secs(60)));
    for _ in 0..2 {
        fail(&breaker, 1);
        clock.advance(secs(20));
    }
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn failures_far_apart_never_add_up() {
    let (breaker, clock) = manual(|builder| builder);
    for _ in 0..1000 {
        fail(&breaker, 2);
        clock.advance(secs(30) + NS);
    }
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn a_steady_trickle_of_failures_among_successes_never_trips() {
    let (breaker, clock) = manual(rate);
    for _ in 0..200 {
        succeed(&breaker, 19);
        fail(&breaker, 1);
        clock.advance(ms(500));
    }
    assert_eq!(breaker.state(), State::Closed);
    let (breaker, clock) = manual(|builder| builder);
    for _ in 0..200 {
        succeed(&breaker, 19);
        fail(&breaker, 1);
        clock.advance(ms(500));
    }
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn where_success_clears_the_failure_rate_still_sees_every_other_call_fail() {
    let (breaker, _) = manual(|builder| builder.failure_rate(0.5).over(secs(10)).min_calls(10));
    for _ in 0..4 {
        succeed(&breaker, 1);
        fail(&breaker, 1);
    }
    assert_eq!(breaker.state(), State::Closed);
    succeed(&breaker, 1);
    fail(&breaker, 1);
    assert_eq!(rule(&breaker), Rule::FailureRate);
}

#[test]
fn a_slow_success_from_before_the_burst_does_not_hide_it() {
    let (breaker, clock) = manual(|builder| builder);
    let slow = breaker.try_acquire().unwrap();
    fail(&breaker, 1);
    let between = breaker.try_acquire().unwrap();
    fail(&breaker, 1);
    clock.advance(secs(1));
    slow.success();
    assert_eq!(breaker.snapshot().failures.len(), 2);
    between.success();
    assert_eq!(breaker.snapshot().failures.len(), 1, "the one from before its admission is cleared");
    fail(&breaker, 2);
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn however_many_failures_come_no_more_are_kept_than_the_rule_asks_for() {
    let (breaker, clock) = manual(|builder| builder.failures(5).within(Duration::from_nanos(1)).in_a_row(1_000_000));
    for _ in 0..10_000 {
        fail(&breaker, 1);
        clock.advance(NS);
    }
    assert!(breaker.snapshot().failures.len() <= 5);
    assert_eq!(breaker.snapshot().counts.failures, 10_000);
}

#[test]
fn every_rule_sees_every_verdict() {
    // A call that is slow and fails counts as both; whichever rule is met first trips.
    let (breaker, clock) = manual(|builder| {
        let builder = builder.without_failure_window().failure_rate(1.0).over(secs(60)).min_calls(5);
        builder.slow_calls(0.6).slower_than(secs(1)).over(secs(60)).min_calls(5)
    });
    let call = |time, verdict| {
        let permit = breaker.try_acquire().unwrap();
        clock.advance(time);
        permit.record(verdict);
    };
    call(ms(10), Verdict::Success);
    call(ms(10), Verdict::Success);
    call(secs(2), Verdict::Failure(None));
    call(secs(2), Verdict::Reachable);
    assert_eq!(breaker.state(), State::Closed);
    call(secs(2), Verdict::Failure(None));
    let trip = breaker.snapshot().trip.expect("three of five are slow");
    assert_eq!((trip.rule, trip.failures, trip.calls), (Rule::SlowCalls, 3, 5));
}

#[test]
fn faults_of_the_caller_trip_nothing() {
    let (breaker, _) = manual(|builder| builder.in_a_row(3).failure_rate(0.1).over(secs(60)).min_calls(1));
    for _ in 0..1000 {
        breaker.try_acquire().unwrap().record(Verdict::Reachable);
    }
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn refusals_are_never_recorded_and_never_move_the_deadline() {
    let (breaker, clock) = manual(|builder| builder.failure_rate(0.5).over(secs(60)).min_calls(4));
    trip(&breaker);
    let before = breaker.snapshot();
    for refused in 0..999 {
        assert_eq!(refusal(&breaker).retry_after(), secs(1) - ms(refused));
        clock.advance(ms(1));
    }
    let after = breaker.snapshot();
    assert_eq!((after.counts, after.epoch, after.level), (before.counts, before.epoch, before.level));
    clock.advance(ms(1));
    assert_eq!(breaker.state(), State::HalfOpen);
    // Nor are those of half-open.
    let probe = breaker.try_acquire().unwrap();
    for _ in 0..1000 {
        let _ = wait(&breaker);
    }
    probe.success();
    assert_eq!(breaker.snapshot().stage, 1);
    let mut expected = before.counts;
    (expected.probes, expected.probe_results.succeeded) = (1, 1);
    assert_eq!(breaker.snapshot().counts, expected);
}
