//! What a server says about when to come back.

use resilience::{Breaker, Hint, Hints, Policy, Reason, State, Verdict};
use std::time::Duration;
use support::fixture::{classic, fail, half_open, manual, ms, refusal, rule, secs, succeed, wait};

fn failing(breaker: &Breaker, hint: Duration) {
    breaker.try_acquire().unwrap().record(Verdict::Failure(Some(Hint::after(hint))));
}

fn limiting(breaker: &Breaker, hint: Duration) {
    breaker.try_acquire().unwrap().record(Verdict::Failure(Some(Hint::limiting(hint))));
}

#[test]
fn of_the_failures_in_the_log_the_farthest_not_before_counts() {
    let (breaker, clock) = manual(|builder| builder);
    failing(&breaker, secs(20));
    clock.advance(secs(5));
    failing(&breaker, secs(12));
    clock.advance(secs(5));
    fail(&breaker, 1);
    // Twenty seconds from the first are ten from now; twelve from the second are seven.
    assert_eq!(wait(&breaker), secs(10));
    assert!(refusal(&breaker).trip().unwrap().hinted);
}

#[test]
fn a_hint_that_is_over_or_shorter_than_the_cool_down_changes_nothing() {
    let (breaker, clock) = manual(|builder| builder);
    failing(&breaker, secs(5));
    clock.advance(secs(10));
    failing(&breaker, ms(900));
    fail(&breaker, 1);
    assert_eq!(wait(&breaker), secs(1));
    assert!(!refusal(&breaker).trip().unwrap().hinted);
}

#[test]
fn a_hint_that_says_just_what_the_cool_down_does_is_not_told_as_the_reason() {
    for (hint, hinted) in [(secs(1), false), (ms(1001), true)] {
        let (breaker, _) = manual(|builder| builder);
        fail(&breaker, 2);
        failing(&breaker, hint);
        assert_eq!((wait(&breaker), refusal(&breaker).trip().unwrap().hinted), (hint, hinted));
    }
}

#[test]
fn the_hint_of_a_failure_that_left_the_log_is_forgotten() {
    // A success clears it.
    let (breaker, _) = manual(|builder| builder);
    failing(&breaker, secs(200));
    succeed(&breaker, 1);
    fail(&breaker, 3);
    assert_eq!(wait(&breaker), secs(1));
    // Three newer ones push it out.
    let (breaker, clock) = manual(|builder| builder);
    failing(&breaker, secs(200));
    clock.advance(secs(31));
    fail(&breaker, 3);
    assert_eq!(wait(&breaker), secs(1));
    // A trip takes it along.
    let (breaker, clock) = classic(|builder| builder);
    failing(&breaker, secs(200));
    fail(&breaker, 2);
    clock.advance(secs(200));
    succeed(&breaker, 1);
    fail(&breaker, 3);
    assert_eq!(wait(&breaker), secs(1));
}

#[test]
fn a_failed_probes_own_hint_counts() {
    let (breaker, clock) = classic(|builder| builder);
    half_open(&breaker, &clock);
    failing(&breaker, secs(30));
    assert_eq!(wait(&breaker), secs(30));
    clock.advance(secs(30));
    breaker.try_acquire().unwrap().record(Verdict::Relayed(Some(secs(40))));
    assert_eq!(wait(&breaker), secs(40));
    clock.advance(secs(40));
    breaker.try_acquire().unwrap().record(Verdict::Relayed(None));
    assert_eq!((breaker.state(), wait(&breaker)), (State::Open, ms(3375)), "the fourth trip's own");
}

#[test]
fn hints_are_followed_up_to_their_limit_and_never_below_the_own_cool_down() {
    for (hint, open) in [(secs(59), secs(59)), (secs(60), secs(60)), (secs(61), secs(60)), (Duration::MAX, secs(60))] {
        let (breaker, _) = manual(|builder| builder.failures(1).within(secs(1)).max_hint(secs(60)));
        failing(&breaker, hint);
        assert_eq!(wait(&breaker), open, "{hint:?}");
    }
    let (breaker, _) = manual(|builder| builder.failures(1).within(secs(1)).max_hint(ms(1)));
    failing(&breaker, secs(60));
    assert_eq!(wait(&breaker), secs(1), "a limit below the cool-down shortens nothing");
}

#[test]
fn a_hint_does_not_raise_the_level_by_more_than_one() {
    let (breaker, clock) = classic(|builder| builder.factor(2.0));
    failing(&breaker, secs(200));
    fail(&breaker, 2);
    assert_eq!(breaker.snapshot().level, 1);
    clock.advance(secs(200));
    fail(&breaker, 1);
    assert_eq!(wait(&breaker), secs(2));
}

#[test]
fn where_hints_are_ignored_they_are() {
    let (breaker, clock) = manual(|builder| builder.hints(Hints::Ignore));
    limiting(&breaker, secs(200));
    limiting(&breaker, secs(200));
    breaker.try_acquire().unwrap().record(Verdict::Limited(secs(200)));
    assert_eq!(breaker.state(), State::Closed);
    limiting(&breaker, secs(200));
    assert_eq!(wait(&breaker), secs(1));
    clock.advance(secs(1));
    limiting(&breaker, secs(200));
    assert_eq!(wait(&breaker), ms(1500));
}

#[test]
fn where_hints_are_obeyed_a_limiting_answer_trips_at_once() {
    let obey = |builder: resilience::Builder| builder.hints(Hints::Obey);
    for verdict in [Verdict::Failure(Some(Hint::limiting(secs(42)))), Verdict::Limited(secs(42))] {
        let (breaker, _) = manual(obey);
        breaker.try_acquire().unwrap().record(verdict);
        assert_eq!((breaker.state(), wait(&breaker)), (State::Open, secs(42)), "{verdict:?}");
        assert_eq!(rule(&breaker), resilience::machine::Rule::Hint);
        assert_eq!(refusal(&breaker).reason(), Reason::Open);
    }
    // One that merely fails, and says when it will be well, does not.
    let (breaker, _) = manual(obey);
    failing(&breaker, secs(42));
    assert_eq!(breaker.state(), State::Closed);
    // Nor does one that limits without saying for how long.
    breaker.try_acquire().unwrap().record(Verdict::Limited(Duration::ZERO));
    assert_eq!((breaker.state(), breaker.snapshot().failures.len()), (State::Closed, 1));
}

#[test]
fn a_limiting_answer_to_a_probe_reopens_where_hints_are_obeyed_and_is_reachable_elsewhere() {
    for (hints, then) in [(Hints::Obey, State::Open), (Hints::Extend, State::Closed), (Hints::Ignore, State::Closed)] {
        let (breaker, clock) = classic(|builder| builder.hints(hints));
        half_open(&breaker, &clock);
        breaker.try_acquire().unwrap().record(Verdict::Limited(secs(30)));
        assert_eq!(breaker.state(), then, "{hints:?}");
    }
}

#[test]
fn where_hints_are_obeyed_a_limited_call_counts_in_the_failure_rate() {
    for (hints, failed) in [(Hints::Obey, true), (Hints::Extend, false)] {
        let (breaker, clock) = classic(|builder| {
            builder.hints(hints).without_failure_window().failure_rate(1.0).over(secs(60)).min_calls(1000)
        });
        breaker.try_acquire().unwrap().record(Verdict::Limited(secs(5)));
        assert_eq!(breaker.snapshot().counts.failures == 1, failed);
        clock.advance(secs(5));
        let _ = breaker.state();
    }
}

#[test]
fn the_default_limit_lets_two_minutes_mean_two_minutes() {
    assert_eq!(Policy::default().max_hint, secs(300));
    let (breaker, _) = manual(|builder| builder);
    fail(&breaker, 2);
    failing(&breaker, secs(120));
    assert_eq!(wait(&breaker), secs(120));
}
