//! What threads can do to the breakers of keys at the same time, tried in every order of a few preemptions: see
//! `breaker/loom_tests.rs` for the command.

use super::{Keyed, KeyedPermit};
use crate::breaker::loom_tests::{at, check_up_to};
use crate::clock;
use crate::{Breaker, State};
use loom::thread;
use std::hash::{BuildHasherDefault, Hasher};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// A hash that is the same in every run: the checker has to find the same again.
#[derive(Clone, Debug, Default)]
struct Plain(u64);

impl Hasher for Plain {
    fn finish(&self) -> u64 {
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(8)
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |sum, byte| sum << 8 | u64::from(*byte));
    }
}

type Keys = Keyed<u64, BuildHasherDefault<Plain>>;

fn check(model: impl Fn() + Send + Sync + 'static) {
    check_up_to(3, model);
}

fn keys(failures: u32) -> Keys {
    let each = Breaker::builder().failures(failures).within(30 * SECOND).jitter(0.0).stages(1);
    Keyed::builder().each(each).most_keys(4).hasher(BuildHasherDefault::default()).build().unwrap()
}

fn permit(keys: &Keys, key: u64) -> KeyedPermit<u64, BuildHasherDefault<Plain>> {
    keys.try_acquire(&key).unwrap()
}

#[test]
fn of_failures_that_come_at_the_same_time_none_is_lost() {
    check(|| {
        let keys = keys(2);
        let out = [permit(&keys, 1), permit(&keys, 1)];
        let threads = out.map(|permit| thread::spawn(|| permit.failure()));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!((keys.state(&1), keys.kept()), (State::Open, 1));
    });
}

#[test]
fn a_call_that_is_admitted_as_healthy_beside_a_first_failure_does_not_clear_it() {
    check(|| {
        let keys = keys(2);
        let failed = permit(&keys, 1);
        let other = keys.clone();
        let thread = thread::spawn(move || {
            let beside = permit(&other, 1);
            let saw = other.kept() == 1;
            beside.success();
            saw
        });
        failed.failure();
        thread.join().unwrap();
        // Whether it was admitted before the failure or after: only one that saw the failure may have answered it.
        let left = keys.snapshot_of(&1).map_or(0, |seen| seen.failures.len());
        assert_eq!(keys.kept(), u64::from(left == 1));
        assert_eq!(keys.state(&1), State::Closed);
        permit(&keys, 1).success();
        assert_eq!(keys.kept(), 0);
    });
}

#[test]
fn a_failure_of_before_a_recovery_is_late_whichever_comes_first() {
    check(|| {
        let keys = keys(1);
        let before = permit(&keys, 1);
        permit(&keys, 1).failure();
        clock::set(at(2 * SECOND));
        let probe = permit(&keys, 1);
        let thread = thread::spawn(move || before.failure());
        probe.success();
        thread.join().unwrap();
        assert_eq!((keys.state(&1), keys.kept()), (State::Closed, 0));
        assert_eq!(keys.stats().counts.late, 1);
    });
}

#[test]
fn an_open_key_refuses_every_call_while_another_key_comes_and_goes_in_the_same_registry() {
    check(|| {
        let keys = keys(1);
        permit(&keys, 1).failure();
        let other = keys.clone();
        let thread = thread::spawn(move || {
            permit(&other, 2).failure();
            other.reset(&2);
        });
        assert!(keys.try_acquire(&1).is_err());
        thread.join().unwrap();
        assert!(keys.try_acquire(&1).is_err());
        assert_eq!(keys.kept(), 1);
    });
}
