//! A parent trips when many keys do, and recovers as ever.

use super::{admit, each, trip};
use crate::clock::Manual;
use crate::keyed::Keyed;
use crate::{Breaker, Reason, State, Verdict};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

struct Family {
    clock: Manual,
    parent: Breaker,
    keyed: Keyed<u64>,
}

/// Three different keys within a minute; the keys stay open for long.
fn family() -> Family {
    let clock = Manual::new();
    let parent = Breaker::builder().name("all").jitter(0.0).stages(1).clock(clock.clone());
    let parent = parent.failures(3).within(60 * SECOND).delay(5 * SECOND).build().unwrap();
    let keyed = Keyed::builder().each(each().stages(1)).name("each").clock(clock.clone()).parent(parent.clone());
    Family { clock, parent, keyed: keyed.build().unwrap() }
}

#[test]
fn it_trips_when_three_keys_have_and_refuses_all_others_and_calls_of_none() {
    let Family { clock, parent, keyed } = family();
    (1..=3).for_each(|key| trip(&keyed, key));
    assert_eq!(parent.state(), State::Open);
    let rejected = keyed.try_acquire(&99).unwrap_err();
    assert_eq!((rejected.breaker().as_ref(), rejected.reason()), ("all", Reason::Open));
    assert_eq!(rejected.retry_after(), 5 * SECOND);
    assert_eq!(rejected.trip().unwrap().failures, 3);
    assert_eq!(keyed.key_of(&rejected), None);
    assert_eq!(keyed.admit(None, || true).unwrap_err().breaker().as_ref(), "all");
    clock.advance(5 * SECOND);
    admit(&keyed, 99).success();
    assert_eq!(parent.state(), State::Closed);
}

#[test]
fn one_key_that_comes_and_goes_counts_once() {
    let Family { clock, parent, keyed } = family();
    for _ in 0..10 {
        trip(&keyed, 1);
        clock.advance(SECOND);
        admit(&keyed, 1).success();
    }
    assert_eq!((parent.state(), parent.snapshot().failures.len()), (State::Closed, 1));
    // Once its trip has aged, the next one is news.
    clock.advance(61 * SECOND);
    trip(&keyed, 1);
    trip(&keyed, 2);
    assert_eq!(parent.snapshot().failures.len(), 2);
}

#[test]
fn a_probe_of_a_key_that_fails_and_a_success_of_another_key_say_nothing() {
    let Family { clock, parent, keyed } = family();
    trip(&keyed, 1);
    trip(&keyed, 2);
    for _ in 0..5 {
        clock.advance(2 * SECOND);
        if let Ok(probe) = keyed.try_acquire(&1) {
            probe.failure();
        }
        (10..20).for_each(|key| admit(&keyed, key).success());
    }
    assert_eq!((parent.state(), parent.snapshot().failures.len()), (State::Closed, 2));
    trip(&keyed, 3);
    assert_eq!(parent.state(), State::Open);
}

#[test]
fn a_probe_of_a_key_that_fails_is_no_news_either_when_its_trip_has_aged() {
    let Family { clock, parent, keyed } = family();
    trip(&keyed, 1);
    clock.advance(61 * SECOND);
    admit(&keyed, 1).failure();
    assert_eq!((keyed.state(&1), parent.snapshot().failures.len()), (State::Open, 0));
}

#[test]
#[cfg_attr(miri, ignore = "the interpreter is too slow for a thousand keys")]
fn a_crowd_of_keys_that_trip_is_told_apart_up_to_a_bound_and_the_last_of_them_in_any_case() {
    let clock = Manual::new();
    let parent =
        Breaker::builder().jitter(0.0).failures(5000).within(60 * SECOND).clock(clock.clone()).build().unwrap();
    let keyed: Keyed<u64> = Keyed::builder().each(each()).clock(clock).parent(parent.clone()).build().unwrap();
    let told = || parent.snapshot().failures.len();
    let again = |key| {
        keyed.reset(&key);
        trip(&keyed, key);
    };
    (0..1025).for_each(|key| trip(&keyed, key));
    assert_eq!(told(), 1025);
    again(1024);
    again(1);
    assert_eq!(told(), 1025, "they are known");
    again(0);
    assert_eq!(told(), 1026, "it was the first, and made room");
}

#[test]
fn a_call_that_says_nothing_of_its_key_says_nothing_to_the_parent() {
    let clock = Manual::new();
    let parent = Breaker::builder().jitter(0.0).clock(clock.clone()).without_failure_window();
    let parent = parent.failure_rate(0.3).over(60 * SECOND).min_calls(6).build().unwrap();
    let keyed: Keyed<u64> = Keyed::builder().each(each()).clock(clock).parent(parent.clone()).build().unwrap();
    trip(&keyed, 1);
    (0..5).for_each(|_| admit(&keyed, 9).record(Verdict::Ignore));
    trip(&keyed, 2);
    // Of each key two failures that say nothing of the others yet, and the one that tripped it.
    let trip = parent.snapshot().trip.unwrap();
    assert_eq!((parent.state(), trip.failures, trip.calls), (State::Open, 2, 6));
}

#[test]
fn its_probe_is_judged_as_a_call_and_one_that_fails_opens_it_again() {
    let Family { clock, parent, keyed } = family();
    (1..=3).for_each(|key| trip(&keyed, key));
    clock.advance(5 * SECOND);
    let probe = admit(&keyed, 50);
    assert_eq!(keyed.try_acquire(&51).unwrap_err().reason(), Reason::ProbesOut);
    probe.failure();
    assert_eq!(parent.state(), State::Open);
    assert_eq!(keyed.try_acquire(&51).unwrap_err().level(), 2);
    // The key has a failure of its own by it, no more.
    assert_eq!(keyed.snapshot_of(&50).unwrap().failures.len(), 1);
}

#[test]
fn a_key_that_is_open_refuses_its_own_and_leaves_the_parent_s_probe_to_others() {
    let clock = Manual::new();
    let parent = Breaker::builder().jitter(0.0).stages(1).clock(clock.clone()).failures(3).within(60 * SECOND);
    let parent = parent.build().unwrap();
    let each = each().stages(1).delay(30 * SECOND);
    let keyed: Keyed<u64> = Keyed::builder().each(each).clock(clock.clone()).parent(parent.clone()).build().unwrap();
    (1..=3).for_each(|key| trip(&keyed, key));
    clock.advance(2 * SECOND);
    for key in [1, 2, 3] {
        let rejected = keyed.try_acquire(&key).unwrap_err();
        assert_eq!(keyed.key_of(&rejected), Some(key), "the key refuses, not the parent");
    }
    admit(&keyed, 4).success();
    assert_eq!(parent.state(), State::Closed);
}

#[test]
fn it_may_be_over_several_registries_and_guard_other_calls_too() {
    let Family { clock, parent, keyed } = family();
    let other: Keyed<u64> = Keyed::builder().each(each()).clock(clock.clone()).parent(parent.clone()).build().unwrap();
    trip(&keyed, 1);
    trip(&other, 1);
    parent.try_acquire().unwrap().failure();
    assert_eq!(parent.state(), State::Open);
    assert!(keyed.try_acquire(&2).is_err() && other.try_acquire(&2).is_err());
}

#[test]
fn in_shadow_keys_trip_for_nobody() {
    let Family { parent, keyed, .. } = family();
    keyed.shadow_all();
    (1..=5).for_each(|key| trip(&keyed, key));
    assert_eq!((parent.state(), parent.snapshot().failures.len()), (State::Closed, 0));
    keyed.shadow(&9).unwrap();
    keyed.auto_all();
    keyed.shadow(&9).unwrap();
    trip(&keyed, 9);
    assert_eq!(parent.snapshot().failures.len(), 0, "one key in shadow, too");
}

#[test]
fn a_call_without_a_key_that_is_its_probe_is_judged_by_its_outcome() {
    let Family { clock, parent, keyed } = family();
    (1..=3).for_each(|key| trip(&keyed, key));
    clock.advance(5 * SECOND);
    keyed.admit(None, || true).unwrap().record(Verdict::Failure(None));
    assert_eq!(parent.state(), State::Open);
    clock.advance(8 * SECOND);
    drop(keyed.admit(None, || true).unwrap());
    assert_eq!(parent.state(), State::HalfOpen, "given up at once, it says nothing");
    keyed.admit(None, || true).unwrap().record(Verdict::Success);
    assert_eq!(parent.state(), State::Closed);
    assert_eq!(keyed.try_acquire_no_probe(&77).map(drop).ok(), Some(()));
}
