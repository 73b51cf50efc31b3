use super::*;
use crate::policy::{FailureRate, Hints, Policy, SlowCalls};
use std::time::Duration;

const SECOND: u64 = 1_000_000_000;

fn tally(over: Duration) -> Tally {
    let tally = Tally::new();
    let failure_rate = Some(FailureRate { ratio: 0.5, over, min_calls: 1 });
    tally.set(&Rules::new(Policy { failure_rate, ..Policy::default() }).unwrap(), false, false);
    tally
}

fn count(tally: &Tally, verdict: Verdict, at: u64) {
    tally.count(verdict, None, |_| Instant::from_nanos(at));
}

#[test]
fn old_calls_leave_the_window_to_within_a_64th_of_it() {
    let tally = tally(Duration::from_secs(64));
    // The interpreter is slow.
    let first = if cfg!(miri) { 900 } else { 100 };
    for at in first..1000 {
        count(&tally, Verdict::Success, at * SECOND);
        let now = Instant::from_nanos(at * SECOND);
        let seen = tally.totals(now).rate_calls;
        // One call a second: the last 64 s hold 65 of them, both ends included.
        assert_eq!(seen, (at + 1 - first).min(65), "at {at}");
    }
    let later = |seconds: u64| tally.totals(Instant::from_nanos((999 + seconds) * SECOND)).rate_calls;
    assert_eq!((later(64), later(65), later(10_000)), (1, 0, 0));
}

#[test]
fn successes_are_counted_for_good_and_only_if_asked_for() {
    let tally = tally(Duration::from_secs(10));
    count(&tally, Verdict::Success, SECOND);
    assert_eq!(tally.successes(), None);
    tally.set(&Rules::default(), true, false);
    for at in 0..100 {
        count(&tally, Verdict::Success, at * SECOND);
        count(&tally, Verdict::Reachable, at * SECOND);
    }
    tally.clear();
    assert_eq!(tally.successes(), Some(100));
    tally.forget_totals();
    assert_eq!(tally.successes(), Some(0));
}

#[test]
fn a_failure_that_was_counted_just_after_the_trip_is_forgotten_when_it_closes() {
    let clock = crate::clock::Manual::new();
    let builder = crate::Breaker::builder().failure_rate(0.5).over(Duration::from_secs(60)).min_calls(1);
    let breaker = builder.stages(1).jitter(0.0).clock(clock.clone()).build().unwrap();
    breaker.try_acquire().unwrap().failure();
    let tally = breaker.slot().tally().unwrap();
    // Its thread had looked at the gate before.
    tally.count(Verdict::Failure(None), None, |_| crate::clock::Clock::now(&clock));
    clock.advance(Duration::from_secs(1));
    breaker.try_acquire().unwrap().success();
    assert_eq!(breaker.state(), crate::State::Closed);
    assert_eq!(tally.totals(crate::clock::Clock::now(&clock)), Totals::default());
}

#[test]
fn a_call_that_a_lagging_clock_counts_in_the_part_before_is_not_lost() {
    let tally = tally(Duration::from_secs(64));
    let seen = |at: u64| tally.totals(Instant::from_nanos(at)).rate_calls;
    count(&tally, Verdict::Success, 10 * SECOND);
    assert_eq!(seen(12 * SECOND), 1);
    count(&tally, Verdict::Success, 12 * SECOND - 1);
    assert_eq!((seen(12 * SECOND), seen(13 * SECOND), seen(75 * SECOND)), (2, 2, 1));
    // The parts of this window are longer than a second, if by less than a nanosecond each.
    assert_eq!(seen(76 * SECOND + 1_000), 0);
}

#[test]
fn failures_and_the_rest_are_counted_apart_and_cleared_together() {
    let tally = tally(Duration::from_secs(10));
    count(&tally, Verdict::Success, SECOND);
    count(&tally, Verdict::Reachable, SECOND);
    count(&tally, Verdict::Ignore, SECOND);
    count(&tally, Verdict::Failure(None), SECOND);
    let totals = tally.totals(Instant::from_nanos(SECOND));
    assert_eq!((totals.rate_calls, totals.rate_failures, totals.slow_calls), (3, 1, 0));
    tally.clear();
    assert_eq!(tally.totals(Instant::from_nanos(SECOND)), Totals::default());
}

/// With these windows in nanoseconds, and with successes counted for good or not.
fn set(rate: Option<u64>, slow: Option<u64>, counts_successes: bool) -> Tally {
    let tally = Tally::new();
    let failure_rate = rate.map(|over| FailureRate { ratio: 0.5, over: Duration::from_nanos(over), min_calls: 1 });
    let slow_calls = slow.map(|over| SlowCalls {
        ratio: 0.5,
        slower_than: Duration::from_secs(1),
        over: Duration::from_nanos(over),
        min_calls: 1,
    });
    let policy = Policy { failure_rate, slow_calls, ..Policy::default() };
    tally.set(&Rules::new(policy).unwrap(), counts_successes, false);
    tally
}

#[test]
fn the_exact_clock_is_asked_for_windows_whose_parts_are_shorter_than_the_cheap_one_may_lag() {
    let asks = |tally: &Tally, since: Option<Instant>| {
        let exact = std::cell::Cell::new(None);
        tally.count(Verdict::Success, since, |precise| {
            exact.set(Some(precise));
            Instant::from_nanos(SECOND)
        });
        exact.get().unwrap()
    };
    let shortest = PARTS * crate::clock::COARSE_SLACK;
    assert!(asks(&set(Some(shortest - 1), None, false), None));
    assert!(asks(&set(Some(10 * shortest), Some(shortest - 1), false), None));
    assert!(!asks(&set(Some(shortest), None, false), None));
    assert!(!asks(&set(Some(100 * shortest), None, false), None));
    // How long a call took is told by it, too; one that did not wait took no time.
    let timed = set(Some(shortest), Some(shortest), false);
    assert!(asks(&timed, Some(Instant::default())) && !asks(&timed, None));
    assert!(!asks(&set(Some(shortest), None, false), Some(Instant::default())));
}

#[test]
fn a_success_is_plain_where_the_rate_is_all_there_is_to_count_and_the_cheap_clock_will_do() {
    let long = 10 * PARTS * crate::clock::COARSE_SLACK;
    let tally = set(Some(long), None, false);
    tally.plain().unwrap().count();
    assert_eq!(tally.totals(crate::clock::exact()).rate_calls, 1);
    assert!(set(Some(1000 * PARTS), None, false).plain().is_none());
    assert!(set(Some(long), Some(long), false).plain().is_none());
    assert!(set(Some(long), None, true).plain().is_none());
    assert!(set(None, None, false).plain().is_none());
}

#[test]
fn where_there_is_no_window_a_success_goes_into_the_totals_only() {
    let totals = set(None, None, true);
    assert!(totals.count_only_totals());
    assert_eq!(totals.successes(), Some(1));
    for windowed in [set(Some(SECOND), None, true), set(None, Some(SECOND), true)] {
        assert!(!windowed.count_only_totals());
        assert_eq!(windowed.successes(), Some(0));
    }
}

#[test]
fn calls_are_timed_where_slow_ones_are_looked_for_and_nowhere_else() {
    assert!(set(None, Some(SECOND), false).times_calls());
    assert!(!set(Some(SECOND), None, true).times_calls());
    let second = |at: u64| Instant::from_nanos(at * SECOND);
    let slow = |tally: &Tally, since, at| tally.is_slow(since, || second(at));
    let timed = set(None, Some(SECOND), false);
    assert!(slow(&timed, Some(second(1)), 3));
    assert!(!slow(&timed, Some(second(1)), 2), "not longer than a second");
    assert!(!slow(&timed, None, 9));
    assert!(!slow(&set(Some(SECOND), None, false), Some(second(1)), 9));
    assert!(timed.count(Verdict::Success, Some(second(1)), |_| second(3)));
    assert!(!timed.count(Verdict::Success, Some(second(1)), |_| second(2)));
    assert!(!timed.count(Verdict::Success, None, |_| second(9)));
    assert_eq!(timed.totals(second(9)).slow, 0, "they have left the window");
    assert_eq!((timed.totals(second(3)).slow_calls, timed.totals(second(3)).slow), (2, 1));
}

#[test]
fn a_limit_is_a_failure_where_hints_are_obeyed_and_it_says_how_long() {
    let obeying = Tally::new();
    let failure_rate = Some(FailureRate { ratio: 0.5, over: Duration::from_secs(10), min_calls: 1 });
    let policy = Policy { failure_rate, hints: Hints::Obey, ..Policy::default() };
    obeying.set(&Rules::new(policy).unwrap(), false, false);
    let failures = |tally: &Tally| tally.totals(Instant::from_nanos(SECOND)).rate_failures;
    count(&obeying, Verdict::Limited(Duration::ZERO), SECOND);
    assert_eq!(failures(&obeying), 0);
    count(&obeying, Verdict::Limited(Duration::from_secs(1)), SECOND);
    assert_eq!(failures(&obeying), 1);
    let extending = set(Some(10 * SECOND), None, false);
    count(&extending, Verdict::Limited(Duration::from_secs(1)), SECOND);
    assert_eq!((failures(&extending), extending.totals(Instant::from_nanos(SECOND)).rate_calls), (0, 1));
}

#[test]
fn refusals_are_counted_by_reason_and_only_if_asked_for() {
    let tally = Tally::new();
    tally.count_refusal(Reason::Open);
    assert_eq!(tally.refusals(), None);
    tally.set(&Rules::default(), false, true);
    tally.count_refusal(Reason::Open);
    tally.count_refusal(Reason::Quota);
    tally.add_refusals(Reason::Quota, 4);
    let seen: Vec<_> = tally.refusals().unwrap().iter().filter(|(_, count)| *count > 0).collect();
    assert_eq!(seen, [(Reason::Open, 1), (Reason::Quota, 5)]);
    assert_eq!(tally.successes(), None);
}
