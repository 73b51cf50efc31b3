//! Failures within a window, and failures in a row.

use resilience::machine::Rule;
use resilience::{State, Verdict};
use support::fixture::{NS, fail, manual, rule, secs, succeed, trip};

#[test]
fn the_nth_failure_trips_if_the_first_is_exactly_the_window_away() {
    for failures in [2, 3, 4, 10] {
        for (gap, then) in [(secs(30), State::Open), (secs(30) + NS, State::Closed)] {
            let (breaker, clock) = manual(|builder| builder.failures(failures).within(secs(30)));
            fail(&breaker, 1);
            clock.advance(gap / (failures - 1) * (failures - 2));
            fail(&breaker, failures - 2);
            clock.advance(gap - gap / (failures - 1) * (failures - 2));
            fail(&breaker, 1);
            assert_eq!(breaker.state(), then, "{failures} failures, {gap:?} from first to last");
        }
    }
}

#[test]
fn the_window_slides_with_every_failure() {
    let (breaker, clock) = manual(|builder| builder);
    // Never three within thirty seconds, however long it goes on.
    for _ in 0..100 {
        fail(&breaker, 1);
        clock.advance(secs(15) + NS);
    }
    assert_eq!(breaker.state(), State::Closed);
    clock.advance(secs(15));
    fail(&breaker, 1);
    clock.advance(secs(1));
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Closed, "the one before is just too old");
    clock.advance(secs(28));
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn one_failure_is_enough_where_the_policy_says_one() {
    let (breaker, _) = manual(|builder| builder.failures(1).within(NS));
    succeed(&breaker, 100);
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn a_success_clears_the_failures_from_before_its_own_admission_and_no_others() {
    let (breaker, _) = manual(|builder| builder.failures(4).within(secs(30)));
    let first = breaker.try_acquire().unwrap();
    fail(&breaker, 1);
    let second = breaker.try_acquire().unwrap();
    fail(&breaker, 1);
    let third = breaker.try_acquire().unwrap();
    fail(&breaker, 1);
    let left = || breaker.snapshot().failures.len();
    first.success();
    assert_eq!(left(), 3);
    third.success();
    assert_eq!(left(), 1);
    second.success();
    assert_eq!(left(), 1);
    succeed(&breaker, 1);
    assert_eq!(left(), 0);
}

#[test]
fn order_decides_what_a_success_clears_not_the_clock() {
    // All at one instant.
    let (breaker, _) = manual(|builder| builder);
    let before = breaker.try_acquire().unwrap();
    fail(&breaker, 2);
    let after = breaker.try_acquire().unwrap();
    before.success();
    assert_eq!(breaker.snapshot().failures.len(), 2);
    after.success();
    assert_eq!(breaker.snapshot().failures.len(), 0);
}

#[test]
fn a_success_of_a_call_admitted_before_a_failure_that_comes_later_is_no_news() {
    let (breaker, _) = manual(|builder| builder);
    let (slow_success, slow_failure) = (breaker.try_acquire().unwrap(), breaker.try_acquire().unwrap());
    fail(&breaker, 1);
    slow_failure.failure();
    slow_success.success();
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn where_failures_are_kept_successes_clear_nothing() {
    let (breaker, clock) = manual(resilience::Builder::keep_on_success);
    for _ in 0..2 {
        fail(&breaker, 1);
        clock.advance(secs(15));
        succeed(&breaker, 1000);
    }
    fail(&breaker, 1);
    assert_eq!((breaker.state(), rule(&breaker)), (State::Open, Rule::FailureWindow));
}

#[test]
fn what_is_reachable_or_ignored_neither_clears_nor_counts() {
    let (breaker, _) = manual(|builder| builder);
    fail(&breaker, 2);
    for verdict in [Verdict::Reachable, Verdict::Ignore, Verdict::Limited(secs(5)), Verdict::Relayed(Some(secs(5)))] {
        breaker.try_acquire().unwrap().record(verdict);
        assert_eq!(breaker.snapshot().failures.len(), 2, "{verdict:?}");
    }
}

#[test]
fn a_trip_clears_the_log_and_keeps_its_summary() {
    let (breaker, clock) = manual(|builder| builder.stages(1));
    fail(&breaker, 1);
    clock.advance(secs(10));
    fail(&breaker, 2);
    let snapshot = breaker.snapshot();
    assert_eq!(snapshot.failures.len(), 0);
    let summary = snapshot.trip.unwrap();
    assert_eq!(
        (summary.rule, summary.failures, summary.first_ago, summary.last_ago),
        (Rule::FailureWindow, 3, secs(10), secs(0))
    );
    clock.advance(secs(1));
    succeed(&breaker, 1);
    assert_eq!(breaker.snapshot().trip, None);
    fail(&breaker, 2);
    assert_eq!(breaker.state(), State::Closed, "those from before the trip count no more");
}

#[test]
fn failures_in_a_row_trip_however_far_apart() {
    let (breaker, clock) = manual(|builder| builder.without_failure_window().in_a_row(5));
    for _ in 0..4 {
        fail(&breaker, 1);
        clock.advance(secs(86_400));
    }
    assert_eq!(breaker.state(), State::Closed);
    fail(&breaker, 1);
    let summary = breaker.snapshot().trip.unwrap();
    assert_eq!((summary.rule, summary.failures, summary.first_ago), (Rule::InARow, 5, secs(4 * 86_400)));
}

#[test]
fn a_success_ends_only_the_run_from_before_its_call() {
    let (breaker, _) = manual(|builder| builder.without_failure_window().in_a_row(3));
    fail(&breaker, 2);
    succeed(&breaker, 1);
    fail(&breaker, 1);
    let slow = breaker.try_acquire().unwrap();
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Closed);
    slow.success();
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Closed, "one from before it ended, two since");
    fail(&breaker, 1);
    assert_eq!((breaker.state(), rule(&breaker)), (State::Open, Rule::InARow));
}

#[test]
fn a_run_is_ended_by_a_success_also_where_the_window_keeps_its_failures() {
    let (breaker, clock) = manual(|builder| builder.failures(10).within(secs(60)).keep_on_success().in_a_row(3));
    for _ in 0..4 {
        fail(&breaker, 2);
        succeed(&breaker, 1);
        clock.advance(secs(1));
    }
    assert_eq!((breaker.state(), breaker.snapshot().failures.len()), (State::Closed, 8));
    fail(&breaker, 2);
    assert_eq!(rule(&breaker), Rule::FailureWindow);
}

#[test]
fn of_several_rules_any_trips() {
    let both = |builder: resilience::Builder| builder.failures(3).within(secs(1)).in_a_row(4);
    let (breaker, _) = manual(both);
    trip(&breaker);
    assert_eq!(rule(&breaker), Rule::FailureWindow);
    let (breaker, clock) = manual(both);
    for _ in 0..4 {
        clock.advance(secs(2));
        fail(&breaker, 1);
    }
    assert_eq!(rule(&breaker), Rule::InARow);
}

#[test]
fn a_run_begins_with_its_own_first_failure_although_the_log_keeps_earlier_ones() {
    let (breaker, clock) = manual(|builder| builder.failures(10).within(secs(60)).keep_on_success().in_a_row(3));
    fail(&breaker, 1);
    clock.advance(secs(10));
    succeed(&breaker, 1);
    for _ in 0..3 {
        clock.advance(secs(2));
        fail(&breaker, 1);
    }
    let trip = support::fixture::refusal(&breaker).trip().unwrap();
    assert_eq!((trip.rule, trip.failures, trip.first_ago), (Rule::InARow, 3, secs(4)));
}
