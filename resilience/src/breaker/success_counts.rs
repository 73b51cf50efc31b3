//! Success counts, as they are seen from outside.

use super::Breaker;
use crate::clock::Manual;
use std::time::Duration;

fn successes(breaker: &Breaker) -> Option<u64> {
    breaker.snapshot().counts.successes
}

#[test]
fn every_success_is_counted_those_of_probes_included() {
    let clock = Manual::new();
    let breaker = Breaker::builder().jitter(0.0).clock(clock.clone()).count_successes().build().unwrap();
    for _ in 0..5 {
        breaker.try_acquire().unwrap().success();
    }
    // Among failures that it may clear, too.
    breaker.try_acquire().unwrap().failure();
    breaker.try_acquire().unwrap().success();
    assert_eq!(successes(&breaker), Some(6));
    for _ in 0..3 {
        breaker.try_acquire().unwrap().failure();
    }
    clock.advance(Duration::from_secs(1));
    for _ in 0..7 {
        breaker.try_acquire().unwrap().success();
    }
    breaker.try_acquire().unwrap().success();
    assert_eq!(successes(&breaker), Some(14));
}

#[test]
fn successes_of_many_threads_add_up() {
    let breaker = Breaker::builder().count_successes().build().unwrap();
    // The interpreter is slow.
    let each = if cfg!(miri) { 20 } else { 1000 };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..each).for_each(|_| breaker.try_acquire().unwrap().success()));
        }
    });
    assert_eq!(successes(&breaker), Some(4 * each));
}

#[test]
fn a_new_policy_and_a_restart_keep_the_count_and_the_next_owner_of_the_slot_begins_anew() {
    let breaker = Breaker::builder().count_successes().build().unwrap();
    breaker.try_acquire().unwrap().success();
    breaker.set_policy(breaker.policy()).unwrap();
    breaker.try_acquire().unwrap().success();
    let snapshot = breaker.snapshot();
    drop(breaker);
    assert_eq!(snapshot.counts.successes, Some(2));
    let restored = Breaker::builder().count_successes().restore(snapshot.clone()).build().unwrap();
    restored.try_acquire().unwrap().success();
    assert_eq!(successes(&restored), Some(3));
    let silent = Breaker::builder().restore(snapshot).build().unwrap();
    silent.try_acquire().unwrap().success();
    assert_eq!(successes(&silent), None);
    let others: Vec<Breaker> = (0..8).map(|_| Breaker::builder().count_successes().build().unwrap()).collect();
    assert!(others.iter().all(|other| successes(other) == Some(0)));
}
