//! Corners of the machine that scripts seldom come to: each was once changed without any other test noticing.

use super::outcome::mix;
use super::scene::{SECOND, Scene, at};
use super::{Command, Context, Overlay, Phase, ProbeResults};
use crate::Verdict;
use crate::policy::{CoolDown, Forgive, Stall};

#[test]
fn a_reset_is_the_latest_change() {
    let mut scene = Scene::plain(|_| {});
    (0..3).for_each(|_| scene.fail(1));
    scene.command(7, Command::Reset);
    assert_eq!((scene.view(9).phase, scene.view(9).level, scene.machine.since()), (Phase::Closed, 0, at(7)));
}

#[test]
fn a_policy_without_a_rule_about_stalls_leaves_a_healthy_machine_as_small_as_it_was() {
    let mut scene = Scene::plain(|_| {});
    scene.fail(1);
    scene.change(2, |policy| policy.stages = 2);
    assert!(scene.machine.is_unscathed());
}

#[test]
fn calls_are_watched_from_when_a_rule_about_stalls_is_put_in_force() {
    let mut scene = Scene::plain(|_| {});
    scene.change(1, |policy| policy.stall = Some(Stall { calls: 2, longer_than: 5 * SECOND }));
    let _out = [scene.admit(2).unwrap(), scene.admit(2).unwrap()];
    assert!(scene.is_closed(6));
    assert!(scene.is_open(7));
    // Another length of it goes on with the same calls.
    let mut scene = Scene::plain(|policy| policy.stall = Some(Stall { calls: 2, longer_than: 5 * SECOND }));
    let _out = [scene.admit(2).unwrap(), scene.admit(2).unwrap()];
    scene.change(4, |policy| policy.stall = Some(Stall { calls: 2, longer_than: 8 * SECOND }));
    assert!(scene.is_closed(9));
    assert!(scene.is_open(10));
}

#[test]
fn a_policy_that_forgives_as_before_does_not_begin_the_count_of_forgiveness_anew() {
    let mut scene = Scene::plain(|policy| policy.forgive = Forgive::Each(10 * SECOND));
    (0..3).for_each(|_| scene.fail(0));
    scene.call(1, Verdict::Success);
    assert_eq!((scene.view(1).phase, scene.view(1).level), (Phase::Closed, 1));
    scene.change(9, |policy| policy.jitter = 0.0);
    assert_eq!((scene.view(10).level, scene.view(11).level), (1, 0));

    // While it is open there is nothing to forgive, and its change is the trip.
    let mut scene = Scene::plain(|policy| policy.forgive = Forgive::Each(10 * SECOND));
    (0..3).for_each(|_| scene.fail(0));
    scene.change(0, |policy| policy.forgive = Forgive::Each(20 * SECOND));
    assert_eq!(scene.machine.since(), at(0));
    scene.change(0, |policy| policy.cool_down = CoolDown::Constant(SECOND));
    assert_eq!((scene.view(0).level, scene.machine.since()), (1, at(0)));
}

#[test]
fn what_time_brings_about_is_due_from_its_instant_on() {
    let mut scene = Scene::plain(|_| {});
    let due = |scene: &Scene, seconds| scene.machine.is_due(&Context::new(&scene.rules, at(seconds)));
    assert!(!due(&scene, 9));
    (0..3).for_each(|_| scene.fail(1));
    assert_eq!((due(&scene, 1), due(&scene, 2)), (false, true));
    scene.command(1, Command::Overlay(Overlay::ForcedOpen, Some(at(5))));
    assert_eq!((due(&scene, 4), due(&scene, 5)), (false, true));
}

#[test]
fn results_of_probes_are_added_each_to_its_own() {
    let mut sum = ProbeResults { succeeded: 1, failed: 2, ignored: 3, abandoned: 4, overdue: 5 };
    sum.add(&ProbeResults { succeeded: 60, failed: 50, ignored: 40, abandoned: 30, overdue: 20 });
    assert_eq!(sum, ProbeResults { succeeded: 61, failed: 52, ignored: 43, abandoned: 34, overdue: 25 });
}

/// The first outputs of `SplitMix64` from these seeds, as its reference implementation prints them.
#[test]
fn jitter_is_drawn_by_the_published_generator() {
    for (seed, output) in [
        (0, 0xe220_a839_7b1d_cdaf_u64),
        (1, 0x910a_2dec_8902_5cc1),
        (1_234_567, 6_457_827_717_110_365_317),
        (1_234_567_u64.wrapping_add(0x9e37_79b9_7f4a_7c15), 3_203_168_211_198_807_973),
    ] {
        assert_eq!(u64::from(mix(seed)), output >> 32, "{seed}");
    }
}
