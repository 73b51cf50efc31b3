//! Whoever chooses keys can take neither more memory than the cap allows, nor an open breaker back.

use super::{admit, each, keyed, trip};
use crate::clock::Manual;
use crate::keyed::{Keyed, KeyedBuilder};
use crate::{Breaker, Reason, State};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn builder(clock: &Manual, most: usize) -> KeyedBuilder<u64> {
    Keyed::builder().each(each()).clock(clock.clone()).most_keys(most)
}

#[test]
fn a_flood_of_failing_keys_neither_grows_beyond_the_cap_nor_evicts_an_open_one() {
    let clock = Manual::new();
    for most in [1, 7, 64, 5000] {
        let keyed = builder(&clock, most).build().unwrap();
        let open: Vec<u64> = (0..(most as u64 / 2).min(20)).collect();
        open.iter().for_each(|key| trip(&keyed, *key));
        for key in 1000..1000 + 4 * most as u64 {
            admit(&keyed, key).failure();
            assert!(keyed.kept() <= most as u64, "{} are kept of {most}", keyed.kept());
        }
        let stats = keyed.stats();
        assert_eq!((stats.open, stats.kept), (open.len() as u64, keyed.kept()));
        assert_eq!(stats.overflowed, 0, "there was always a closed one to let go");
        assert_eq!(stats.evicted + stats.kept - stats.open, 4 * most as u64);
        for key in open {
            assert_eq!(keyed.try_acquire(&key).unwrap_err().reason(), Reason::Open);
        }
    }
}

#[test]
fn the_key_that_failed_the_longest_ago_is_the_one_that_is_let_go() {
    let clock = Manual::new();
    let keyed = builder(&clock, 3).build().unwrap();
    for key in [1, 2, 3, 1] {
        clock.advance(SECOND);
        admit(&keyed, key).failure();
    }
    admit(&keyed, 4).failure();
    let mut kept: Vec<u64> = keyed.snapshot().into_iter().map(|key| key.key).collect();
    kept.sort_unstable();
    assert_eq!(kept, [1, 3, 4]);
    assert_eq!(keyed.stats().evicted, 1);
    // Two failures are still known of it, so that one more trips it.
    admit(&keyed, 1).failure();
    assert_eq!(keyed.state(&1), State::Open);
}

#[test]
fn where_all_that_are_kept_are_open_a_further_key_is_admitted_unguarded_and_the_parent_hears_of_it() {
    let clock = Manual::new();
    let parent = Breaker::builder().jitter(0.0).clock(clock.clone()).failures(4).within(60 * SECOND).build().unwrap();
    let keyed = builder(&clock, 2).parent(parent.clone()).build().unwrap();
    trip(&keyed, 1);
    trip(&keyed, 2);
    for _ in 0..10 {
        admit(&keyed, 3).failure();
    }
    let stats = keyed.stats();
    assert_eq!((stats.kept, stats.open, stats.overflowed, stats.evicted), (2, 2, 10, 0));
    assert_eq!(keyed.state(&3), State::Closed);
    assert_eq!(parent.snapshot().failures.len(), 3, "of three keys, each once");
    admit(&keyed, 4).failure();
    assert_eq!(parent.state(), State::Open);
    assert!(keyed.try_acquire(&5).is_err());
}

#[test]
fn where_there_is_no_room_an_operator_is_told_so_and_room_comes_back() {
    let clock = Manual::new();
    let keyed = builder(&clock, 1).build().unwrap();
    keyed.force_open(&1).unwrap();
    assert_eq!(
        keyed.force_open(&2).unwrap_err().to_string().split(':').next(),
        Some("there is no room for another key")
    );
    assert!(keyed.force_closed_for(&2, SECOND).is_err() && keyed.shadow(&2).is_err());
    keyed.force_open_for(&1, SECOND).unwrap();
    clock.advance(SECOND);
    keyed.force_open(&2).unwrap();
    assert_eq!((keyed.state(&1), keyed.state(&2)), (State::Closed, State::Open));
}

#[test]
fn a_command_that_has_ended_is_told_and_keeps_its_room_no_longer_although_nobody_calls_the_key() {
    let clock = Manual::new();
    let (tell, told) = std::sync::mpsc::channel();
    let tell = crate::breaker::sync::Mutex::new(tell);
    let observer = move |_: &str, key: Option<&u64>, event: &crate::machine::Event| {
        crate::breaker::sync::lock(&tell).send((key.copied(), event.at)).unwrap();
    };
    let keyed = builder(&clock, 10).observer(observer).build().unwrap();
    keyed.force_open_for(&1, SECOND).unwrap();
    let at = told.try_recv().unwrap().1;
    clock.advance(5 * SECOND);
    assert_eq!((keyed.snapshot().len(), keyed.kept()), (0, 0));
    let (key, ended) = told.try_recv().unwrap();
    assert_eq!((key, ended.since(at)), (Some(1), 1_000_000_000));
}

#[test]
fn failures_that_have_aged_give_their_room_back_although_nobody_calls_their_key_again() {
    let clock = Manual::new();
    let keyed = keyed(&clock);
    for key in 0..1000 {
        admit(&keyed, key).failure();
    }
    assert_eq!(keyed.kept(), 1000);
    clock.advance(31 * SECOND);
    // Each visit looks at a few more.
    for key in 5000..6000 {
        admit(&keyed, key).failure();
        admit(&keyed, key).success();
    }
    assert_eq!(keyed.kept(), 0);
    assert_eq!(keyed.stats().counts.failures, 2000);
    // And whoever wants to know sees to all of them.
    (0..1000).for_each(|key| admit(&keyed, key).failure());
    clock.advance(31 * SECOND);
    assert_eq!((keyed.kept(), keyed.snapshot().len(), keyed.kept()), (1000, 0, 0));
}

#[test]
fn a_recovered_key_leaves_and_comes_back_with_a_clean_past() {
    let clock = Manual::new();
    let keyed: Keyed<u64> = Keyed::builder().each(each().stages(1)).clock(clock.clone()).build().unwrap();
    for _ in 0..3 {
        trip(&keyed, 9);
        assert_eq!(keyed.try_acquire(&9).unwrap_err().retry_after(), SECOND, "closing has forgiven");
        clock.advance(SECOND);
        admit(&keyed, 9).success();
        assert_eq!((keyed.kept(), keyed.snapshot_of(&9)), (0, None));
    }
    let counts = keyed.stats().counts;
    assert_eq!((counts.trips, counts.failures, counts.probe_results.succeeded), (3, 9, 3));
}

#[test]
fn keys_that_all_meet_in_one_hash_are_still_told_apart() {
    #[derive(Clone, Debug, Default)]
    struct Same;
    impl std::hash::BuildHasher for Same {
        type Hasher = Same;
        fn build_hasher(&self) -> Same {
            Same
        }
    }
    impl std::hash::Hasher for Same {
        fn finish(&self) -> u64 {
            7
        }
        fn write(&mut self, _: &[u8]) {}
    }
    let keyed = builder(&Manual::new(), 100).hasher(Same).build().unwrap();
    (0..3).for_each(|_| keyed.try_acquire(&1).unwrap().failure());
    (0..2).for_each(|_| keyed.try_acquire(&2).unwrap().failure());
    assert_eq!([1, 2, 3].map(|key| keyed.state(&key)), [State::Open, State::Closed, State::Closed]);
    assert_eq!(keyed.kept(), 2);
    keyed.try_acquire(&2).unwrap().success();
    assert_eq!((keyed.kept(), keyed.state(&1)), (1, State::Open));
}
