use super::*;
use proptest::prelude::*;
use resilience::machine::Rule;
use resilience::policy::{FailureWindow, Quota, SlowCalls};

use Outcome::{Failure as F, GivenUp as G, Ignored as I, Reachable as R, Success as S};

/// Calls that begin at so many milliseconds, take so many, and end like this.
fn traffic(calls: &[(i64, u64, Outcome)]) -> Traffic {
    let entry = |&(start, took, outcome)| Entry { start: start * 1000, took: took * 1000, outcome };
    Traffic::new(calls.iter().map(entry).collect())
}

fn count(calls: u64, failed: u64, answered: u64) -> Count {
    Count { calls, failed, answered }
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Two failures trip, for a second, then for two; one good probe closes.
fn policy() -> Policy {
    Policy {
        window: Some(FailureWindow { failures: 2, ..FailureWindow::default() }),
        cool_down: resilience::policy::CoolDown::ByLevel(vec![ms(1000), ms(2000)]),
        stages: 1,
        ..Policy::default()
    }
}

fn played(calls: &[(i64, u64, Outcome)]) -> Verdict {
    traffic(calls).play(&policy()).unwrap()
}

fn at(verdict: &Verdict) -> Vec<(i64, Rule)> {
    verdict.trips.iter().map(|tripped| (tripped.at / 1000, tripped.trip.rule)).collect()
}

#[test]
fn a_log_whose_answer_is_known() {
    let verdict = played(&[
        (0, 10, S),
        (100, 10, F),
        (200, 10, F),  // trips at 210, until 1210
        (300, 10, F),  // refused, rightly
        (400, 10, S),  // refused, in vain
        (500, 10, I),  // refused, neither
        (1210, 10, F), // the probe, fails at 1220: open until 3220
        (1230, 10, R), // refused, in vain
        (3220, 10, S), // the probe: closed at 3230
        (3300, 10, F), // gets through
        (4000, 0, S),
    ]);
    assert_eq!(at(&verdict), [(210, Rule::FailureWindow), (1220, Rule::Probe)]);
    assert_eq!(verdict.refused, count(4, 1, 2));
    assert_eq!(verdict.admitted, count(7, 4, 3));
    assert_eq!(verdict.reasons, BTreeMap::from([("open", 4)]));
    assert_eq!((verdict.open, verdict.not_closed), (ms(3000), ms(3020)));
    assert_eq!(verdict.state, Some(State::Closed));
    let [first, second] = &verdict.trips[..] else { panic!("{verdict:?}") };
    assert_eq!((first.refused, first.closed_after, first.trip.open_for()), (count(3, 1, 1), None, ms(1000)));
    assert_eq!((second.refused, second.closed_after, second.trip.level), (count(1, 0, 1), Some(ms(2010)), 2));
}

#[test]
fn the_order_of_the_lines_does_not_matter() {
    let calls: Vec<_> = (0..40).map(|number| (number * 97, 35, if number % 7 < 3 { F } else { S })).collect();
    let mut shuffled = calls.clone();
    shuffled.sort_by_key(|call| call.0 * 31 % 101);
    assert_ne!(calls, shuffled);
    let verdict = played(&calls);
    assert!(verdict.trips.len() > 1, "{verdict:?}");
    assert_eq!(verdict, played(&shuffled));
}

#[test]
fn a_call_that_was_out_before_it_tripped_changes_nothing_and_calls_do_not_know_the_future() {
    let verdict = played(&[
        (0, 500, F),   // both still out
        (10, 500, F),  // trips at 510
        (20, 1000, F), // out since before: late
        (500, 1, R),   // began before the trip, so it was let through
        (511, 1, F),   // refused
        (1510, 10, S), // closed
        (1600, 10, F), // one failure is no trip: the late one of 20 does not count
    ]);
    assert_eq!(at(&verdict), [(510, Rule::FailureWindow)]);
    assert_eq!((verdict.admitted, verdict.refused), (count(6, 4, 2), count(1, 1, 0)));
}

#[test]
fn an_answer_is_recorded_before_a_call_that_begins_at_the_same_time_and_after_its_own_start() {
    // Nothing has a duration, as in a log without: each call ends as it begins.
    let verdict = played(&[(0, 0, F), (0, 0, F), (0, 0, F), (1000, 0, S), (1000, 0, S)]);
    assert_eq!((verdict.refused, verdict.not_closed), (count(1, 1, 0), ms(1000)));
    let verdict = played(&[(0, 100, F), (50, 50, F), (100, 5, S)]);
    assert_eq!(verdict.refused, count(1, 0, 1));
}

#[test]
fn half_open_lets_only_its_probes_through_and_each_has_the_outcome_of_the_log() {
    let policy = Policy { stages: 2, ..policy() };
    let calls = [
        (0, 1, F),
        (1, 0, F),     // trips at 1
        (1001, 50, S), // the first probe
        (1010, 50, S), // refused: the probe is out
        (1051, 50, S), // two of the second stage
        (1052, 60, S),
        (1053, 50, F), // refused
        (1112, 0, S),  // closed at 1112, and then it asks
    ];
    let verdict = traffic(&calls).play(&policy).unwrap();
    assert_eq!(verdict.reasons, BTreeMap::from([("probes_out", 2)]));
    assert_eq!((verdict.refused, verdict.trips.len()), (count(2, 1, 1), 1));
    assert_eq!((verdict.open, verdict.not_closed), (ms(1000), ms(1111)));
}

#[test]
fn a_probe_that_runs_out_of_time_trips_as_of_its_deadline_and_the_call_that_sees_it_is_refused_by_that_trip() {
    let calls = [(0, 0, F), (0, 0, F), (1000, 60_000, S), (11_500, 0, S), (13_000, 0, S)];
    let verdict = traffic(&calls).play(&policy()).unwrap();
    assert_eq!(at(&verdict), [(0, Rule::FailureWindow), (11_000, Rule::ProbeDeadline)]);
    assert_eq!(verdict.trips[1].refused, count(1, 0, 1));
    assert_eq!((verdict.trips[1].closed_after, verdict.state), (Some(ms(2000)), Some(State::Closed)));
}

#[test]
fn a_call_that_was_given_up_fails_by_its_age() {
    let verdict = played(&[(0, 999, G), (1, 999, G), (2000, 0, S)]);
    assert_eq!((verdict.trips.len(), verdict.admitted), (0, count(3, 0, 1)));
    let verdict = played(&[(0, 1000, G), (1, 1000, G), (1500, 0, S)]);
    assert_eq!((at(&verdict), verdict.refused), (vec![(1001, Rule::FailureWindow)], count(1, 0, 1)));
}

#[test]
fn slow_calls_are_timed_by_the_log_and_a_quota_refuses_without_a_trip() {
    let slow = SlowCalls { ratio: 0.5, slower_than: ms(200), over: ms(60_000), min_calls: 4 };
    let policy = Policy { slow_calls: Some(slow), window: None, ..policy() };
    let calls = [(0, 300, S), (1, 300, S), (2, 10, S), (3, 310, S), (400, 10, S)];
    let verdict = traffic(&calls).play(&policy).unwrap();
    assert_eq!((at(&verdict), verdict.refused), (vec![(313, Rule::SlowCalls)], count(1, 0, 1)));

    let policy = Policy { quota: Some(Quota::new(10, ms(10_000))), ..Policy::default() };
    let verdict = traffic(&[(0, 1, S), (100, 1, S), (200, 1, F)]).play(&policy).unwrap();
    assert_eq!((verdict.trips.len(), verdict.reasons), (0, BTreeMap::from([("quota", 2)])));
    assert_eq!(verdict.refused, count(2, 1, 1));

    // Nor does what the quota refuses after a trip belong to that trip.
    let policy = Policy { quota: policy.quota, ..self::policy() };
    let verdict = traffic(&[(0, 1, F), (1200, 1, F), (2401, 1, S), (2500, 1, S)]).play(&policy).unwrap();
    assert_eq!((verdict.reasons, verdict.trips.len()), (BTreeMap::from([("quota", 1)]), 1));
    assert_eq!(verdict.trips[0].refused, Count::default());
}

#[test]
fn what_is_open_when_the_log_ends_is_open_until_then() {
    let verdict = played(&[(0, 0, F), (0, 0, F), (250, 0, F)]);
    assert_eq!((verdict.open, verdict.not_closed, verdict.state), (ms(250), ms(250), Some(State::Open)));
    // A cool-down that is over is over, although nobody came to see it.
    let verdict = played(&[(0, 3000, S), (0, 0, F), (0, 0, F)]);
    assert_eq!((verdict.open, verdict.not_closed, verdict.state), (ms(1000), ms(3000), Some(State::HalfOpen)));
}

#[test]
fn jitter_is_left_out_and_a_policy_out_of_its_range_is_an_error() {
    let jittery = Policy { jitter: 1.0, ..policy() };
    let verdict = traffic(&[(0, 0, F), (0, 0, F), (1000, 0, S)]).play(&jittery).unwrap();
    assert_eq!(verdict.refused, count(0, 0, 0));
    let error = traffic(&[]).play(&Policy { stages: 0, ..policy() }).unwrap_err();
    assert_eq!(error.field(), "stages");
    assert_eq!(traffic(&[]).play(&policy()).unwrap().admitted, count(0, 0, 0));
}

#[test]
fn more_trips_than_a_subscriber_keeps_unread_are_all_heard() {
    let calls: Vec<_> = (0..3000).map(|number| (number * 2000, 0, F)).collect();
    let verdict = played(&calls);
    assert_eq!(verdict.trips.len(), 2999);
}

/// When it begins, how long it takes, how it ends.
fn call() -> impl Strategy<Value = (i64, u64, Outcome)> {
    (0..20_000_i64, prop_oneof![0..50_u64, 0..20_000_u64], prop::sample::select(vec![S, F, F, R, I, G]))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_call_is_let_through_or_refused_and_every_refusal_belongs_to_a_trip(
        calls in prop::collection::vec(call(), 0..200),
    ) {
        let traffic = traffic(&calls);
        let verdict = traffic.play(&policy()).unwrap();
        let (all, through, refused) = (traffic.count(), verdict.admitted, verdict.refused);
        prop_assert_eq!(through.calls + refused.calls, all.calls);
        prop_assert_eq!(through.failed + refused.failed, all.failed);
        prop_assert_eq!(through.answered + refused.answered, all.answered);
        prop_assert_eq!(verdict.reasons.values().sum::<u64>(), refused.calls);
        prop_assert_eq!(verdict.trips.iter().map(|tripped| tripped.refused.calls).sum::<u64>(), refused.calls);
        prop_assert!(verdict.open <= verdict.not_closed);
        let (first, last) = traffic.span();
        prop_assert!(verdict.not_closed <= Duration::from_micros(last.abs_diff(first)));
        prop_assert!(verdict.trips.is_sorted_by_key(|tripped| tripped.at));
    }
}
