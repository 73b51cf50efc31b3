//! A breaker's place in memory is used again when its last handle is gone: the next owner must not notice.

use resilience::clock::Manual;
use resilience::{Breaker, Permit, State};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

fn by_rate(clock: &Manual) -> Breaker {
    let builder = Breaker::builder().failure_rate(0.2).over(MINUTE).min_calls(10).clock(clock.clone());
    builder.failures(100).within(MINUTE).build().unwrap()
}

#[test]
fn a_new_breaker_does_not_count_the_calls_of_the_one_before_it() {
    let clock = Manual::new();
    let old = by_rate(&clock);
    for call in 0..9 {
        let permit = old.try_acquire().unwrap();
        if call == 0 { permit.failure() } else { permit.success() }
    }
    drop(old);
    let new = by_rate(&clock);
    new.try_acquire().unwrap().failure();
    assert_eq!(new.state(), State::Closed, "one call is not ten");
}

#[test]
fn late_calls_of_a_dropped_breaker_are_not_counted_by_the_new_one() {
    let clock = Manual::new();
    let old = by_rate(&clock);
    let late: Vec<_> = (0..9).map(|_| old.try_acquire().unwrap()).collect();
    drop(old);
    let new = by_rate(&clock);
    late.into_iter().for_each(Permit::failure);
    new.try_acquire().unwrap().failure();
    assert_eq!(new.state(), State::Closed, "one call is not ten");
}

#[test]
fn a_late_outcome_of_a_dropped_breaker_leaves_the_new_one_as_it_is() {
    let old = Breaker::builder().failures(1).within(MINUTE).build().unwrap();
    let (good, bad) = (old.try_acquire().unwrap(), old.try_acquire().unwrap());
    drop(old);
    let new = Breaker::builder().failures(1).within(MINUTE).build().unwrap();
    bad.failure();
    good.success();
    let snapshot = new.snapshot();
    assert_eq!((snapshot.state, snapshot.level, snapshot.failures.len()), (State::Closed, 0, 0));
    assert_eq!((snapshot.counts.failures, snapshot.counts.trips), (0, 0));
}

#[test]
fn a_refusal_that_outlives_its_breaker_keeps_its_reason_and_its_wait_and_tells_nothing_wrong() {
    let clock = Manual::new();
    let old =
        Breaker::builder().name("old").jitter(0.0).clock(clock.clone()).failures(1).within(MINUTE).build().unwrap();
    old.try_acquire().unwrap().failure();
    let rejected = old.try_acquire().unwrap_err();
    assert_eq!((rejected.breaker().as_ref(), rejected.level()), ("old", 1));
    drop(old);
    // By whoever owns it next, if anybody does.
    for _ in 0..2 {
        assert_eq!(rejected.retry_after(), Duration::from_secs(1));
        assert_eq!((rejected.trip(), rejected.level()), (None, 0));
        let new = Breaker::builder().name("new").build().unwrap();
        assert_eq!(rejected.breaker().as_ref(), "resilience");
        drop(new);
    }
}
