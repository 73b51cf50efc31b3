//! Whose a slot is: handles that are cloned, dropped and found again while calls are in flight, and its next owner.

use super::{check, permit, tripping_at};
use crate::breaker::{Breaker, Permit, State};
use loom::thread;

#[test]
fn an_outcome_beside_the_drop_of_the_last_handle_leaves_nothing_to_the_next_owner() {
    check(|| {
        let old = tripping_at(1);
        let slot = std::ptr::from_ref(old.slot());
        let out = permit(&old);
        let other = thread::spawn(move || out.failure());
        drop(old);
        let new = tripping_at(1);
        other.join().unwrap();
        assert!(std::ptr::eq(slot, new.slot()), "the slot is used again");
        let snapshot = new.snapshot();
        assert_eq!((snapshot.state, snapshot.level, snapshot.failures.len()), (State::Closed, 0, 0));
        assert_eq!((snapshot.counts.failures, snapshot.counts.trips), (0, 0));
        assert!(new.try_acquire().is_ok());
    });
}

#[test]
fn an_old_owners_outcome_clears_no_failure_of_the_new_one() {
    check(|| {
        let old = tripping_at(2);
        // Admitted by a gate that says that a success may clear failures, so its outcome is looked at.
        permit(&old).failure();
        let out = permit(&old);
        drop(old);
        let new = tripping_at(2);
        let failures = [permit(&new), permit(&new)];
        let other = thread::spawn(move || out.success());
        failures.into_iter().for_each(Permit::failure);
        other.join().unwrap();
        assert_eq!(new.state(), State::Open);
    });
}

#[test]
fn a_handle_that_is_cloned_and_dropped_at_once_keeps_the_slot_for_its_owner() {
    check(|| {
        let breaker = tripping_at(1);
        let clone = breaker.clone();
        let other = thread::spawn(move || drop(clone.clone()));
        drop(breaker.clone());
        permit(&breaker).failure();
        other.join().unwrap();
        let stranger = Breaker::new();
        assert!(!std::ptr::eq(stranger.slot(), breaker.slot()));
        assert_eq!((breaker.state(), stranger.state()), (State::Open, State::Closed));
    });
}

#[test]
fn the_last_two_handles_dropped_at_once_give_the_slot_back_once() {
    check(|| {
        let one = Breaker::new();
        let other = one.clone();
        let thread = thread::spawn(move || drop(other));
        drop(one);
        thread.join().unwrap();
        let (first, second) = (Breaker::new(), Breaker::new());
        assert!(!std::ptr::eq(first.slot(), second.slot()));
    });
}

#[cfg(feature = "tokio")]
#[test]
fn a_weak_handle_beside_the_last_drop_and_the_next_owner_takes_nothing_from_either() {
    check(|| {
        let old = Breaker::new();
        let mut outpost = crate::breaker::Outpost::new(&old);
        let other = thread::spawn(move || {
            let turn = outpost.turn(std::task::Waker::noop());
            assert!(!matches!(turn, crate::breaker::Turn::Probe(..)), "neither of them is half-open");
        });
        drop(old);
        let new = Breaker::new();
        other.join().unwrap();
        let next = Breaker::new();
        assert!(!std::ptr::eq(new.slot(), next.slot()));
        assert_eq!((new.state(), next.state()), (State::Closed, State::Closed));
    });
}
