//! An outcome that comes back after its key, or all keys, have moved on changes nothing.

use super::{admit, each, keyed, trip};
use crate::State;
use crate::clock::Manual;
use crate::keyed::Keyed;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn late(keyed: &Keyed<u64>) -> u64 {
    keyed.stats().counts.late
}

#[test]
fn a_failure_of_a_call_from_before_the_trip_does_not_prolong_it() {
    let clock = Manual::new();
    let keyed = keyed(&clock);
    let before = admit(&keyed, 1);
    trip(&keyed, 1);
    let wait = keyed.try_acquire(&1).unwrap_err().retry_after();
    before.failure();
    assert_eq!((keyed.try_acquire(&1).unwrap_err().retry_after(), late(&keyed)), (wait, 1));
}

#[test]
fn a_failure_of_a_call_from_before_the_trip_is_late_even_when_the_key_has_recovered_and_is_kept_no_longer() {
    let clock = Manual::new();
    let keyed: Keyed<u64> = Keyed::builder().each(each().stages(1)).clock(clock.clone()).build().unwrap();
    // Admitted while the key had no state, and had nothing to remember it by.
    let (before, at_open) = (admit(&keyed, 1), admit(&keyed, 2));
    trip(&keyed, 1);
    clock.advance(SECOND);
    admit(&keyed, 1).success();
    assert_eq!(keyed.kept(), 0);
    let after = admit(&keyed, 1);
    before.failure();
    assert_eq!((keyed.kept(), late(&keyed)), (0, 1));
    // Another key's is not, and neither is a later call's.
    at_open.failure();
    after.failure();
    assert_eq!((keyed.kept(), late(&keyed)), (2, 1));
}

#[test]
fn a_success_that_was_admitted_before_a_failure_does_not_clear_it() {
    let clock = Manual::new();
    let keyed = keyed(&clock);
    let before = admit(&keyed, 1);
    admit(&keyed, 1).failure();
    before.success();
    assert_eq!(keyed.kept(), 1, "it did not see the failure");
    admit(&keyed, 1).success();
    assert_eq!(keyed.kept(), 0);
}

#[test]
fn a_probe_of_an_earlier_half_open_neither_closes_nor_trips_the_next_one() {
    let clock = Manual::new();
    let keyed: Keyed<u64> =
        Keyed::builder().each(each().stages(1).probe_deadline(SECOND)).clock(clock.clone()).build().unwrap();
    trip(&keyed, 1);
    clock.advance(SECOND);
    let stuck = admit(&keyed, 1);
    // Out for too long: open again, for a second and a half.
    clock.advance(SECOND);
    assert_eq!(keyed.state(&1), State::Open);
    clock.advance(2 * SECOND);
    let probe = admit(&keyed, 1);
    stuck.success();
    assert_eq!((keyed.state(&1), late(&keyed)), (State::HalfOpen, 1));
    probe.success();
    assert_eq!(keyed.state(&1), State::Closed);
}

#[test]
fn what_an_operator_has_said_of_all_keys_makes_earlier_calls_late() {
    let clock = Manual::new();
    let keyed = keyed(&clock);
    let before: Vec<_> = (0..3).map(|_| admit(&keyed, 1)).collect();
    keyed.force_all_open();
    keyed.auto_all();
    before.into_iter().for_each(crate::keyed::KeyedPermit::failure);
    assert_eq!((keyed.kept(), late(&keyed)), (0, 3));
    trip(&keyed, 1);
    let before: Vec<_> = (0..3).map(|_| admit(&keyed, 2)).collect();
    keyed.reset_all();
    before.into_iter().for_each(crate::keyed::KeyedPermit::failure);
    assert_eq!((keyed.kept(), keyed.state(&1), keyed.state(&2)), (0, State::Closed, State::Closed));
}

#[test]
fn a_call_that_outlives_its_registry_finds_nobody_and_tells_no_other_one() {
    let clock = Manual::new();
    let keyed = self::keyed(&clock);
    trip(&keyed, 1);
    let rejected = keyed.try_acquire(&1).unwrap_err();
    let before: Vec<_> = (0..3).map(|_| admit(&keyed, 2)).collect();
    drop(keyed);
    let next = self::keyed(&clock);
    before.into_iter().for_each(crate::keyed::KeyedPermit::failure);
    assert_eq!((next.kept(), late(&next)), (0, 0));
    // So many that every place has one, with the same count of trips.
    (0..100).for_each(|key| trip(&next, key));
    assert_eq!((rejected.trip(), next.key_of(&rejected)), (None, None));
    assert_eq!(rejected.retry_after(), SECOND);
}

#[test]
fn a_call_that_finds_its_key_just_recovered_is_guarded_as_any_other() {
    let clock = Manual::new();
    let keyed = keyed(&clock);
    admit(&keyed, 1).failure();
    // Its failure has aged, which is seen by the next call that comes.
    clock.advance(31 * SECOND);
    let next = admit(&keyed, 1);
    assert_eq!(keyed.kept(), 0);
    next.failure();
    assert_eq!(keyed.snapshot_of(&1).unwrap().failures.len(), 1, "it was admitted as healthy, not unguarded");
}
