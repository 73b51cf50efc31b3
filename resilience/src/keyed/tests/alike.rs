//! Each key does what a breaker of its own would.

use super::each;
use crate::clock::Manual;
use crate::keyed::{Keyed, KeyedPermit};
use crate::machine::Event;
use crate::policy::OnSuccess;
use crate::{Breaker, Hint, Hints, Overlay, Permit, Policy, Snapshot, State, Verdict};
use std::sync::{Arc, mpsc};
use std::time::{Duration, SystemTime};

const KEYS: u64 = 4;

struct Draw(u64);

impl Draw {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

/// What can be compared of the two: totals and epochs of a key that has left and come back begin anew.
fn essence(snapshot: Option<Snapshot>) -> Option<Snapshot> {
    let mut snapshot = snapshot?;
    snapshot.name.clear();
    snapshot.taken_at = SystemTime::UNIX_EPOCH;
    snapshot.epoch = 0;
    snapshot.counts = crate::machine::Counts::default();
    // A single breaker that is well says so; of a key that is well nothing is said.
    let window = snapshot.failures.is_empty() && snapshot.in_a_row.unwrap_or(0) == 0;
    let well = snapshot.state == State::Closed && snapshot.level == 0 && window;
    (!well || snapshot.overlay != Overlay::Automatic).then_some(snapshot)
}

fn policies() -> Vec<Policy> {
    let base = Policy { jitter: 0.0, ..Policy::default() };
    let mut keep = base.clone();
    keep.window.as_mut().unwrap().on_success = OnSuccess::Keep;
    vec![
        base.clone(),
        keep,
        Policy { stages: 1, hints: Hints::Obey, ..base.clone() },
        Policy { in_a_row: Some(4), hints: Hints::Ignore, ..base.clone() },
        Policy { window: None, in_a_row: Some(2), stages: 2, probes: 2, ..base.clone() },
        Policy { forgive: crate::policy::Forgive::Each(Duration::from_secs(2)), ..base.clone() },
        Policy { stage_time: Duration::from_secs(1), probe_deadline: Duration::from_secs(3), ..base },
    ]
}

type Told = (u64, String);

struct Both {
    clock: Manual,
    alone: Vec<Breaker>,
    keyed: Keyed<u64>,
    out: Vec<(u64, Permit, KeyedPermit<u64>)>,
    told_alone: mpsc::Receiver<Told>,
    told_keyed: mpsc::Receiver<Told>,
}

/// Without the epoch: see `essence`.
fn line(event: &Event) -> String {
    format!("{:?} {} {:?}", event.at, event.shadow, event.kind)
}

impl Both {
    fn new(policy: &Policy) -> Self {
        let clock = Manual::new();
        let (tell_alone, told_alone) = mpsc::channel();
        let (tell_keyed, told_keyed) = mpsc::channel();
        let tell = Arc::new(crate::breaker::sync::Mutex::new((tell_alone, tell_keyed)));
        let alone = (0..KEYS).map(|key| {
            let tell = Arc::clone(&tell);
            let observer = move |_: &str, event: &Event| {
                crate::breaker::sync::lock(&tell).0.send((key, line(event))).unwrap();
            };
            Breaker::builder().policy(policy.clone()).clock(clock.clone()).observer(observer).build().unwrap()
        });
        let alone = alone.collect();
        let keyed = Keyed::builder().policy(policy.clone()).clock(clock.clone());
        let keyed = keyed.observer(move |_: &str, key: Option<&u64>, event: &Event| {
            crate::breaker::sync::lock(&tell).1.send((*key.unwrap(), line(event))).unwrap();
        });
        Self { clock, alone, keyed: keyed.build().unwrap(), out: Vec::new(), told_alone, told_keyed }
    }

    fn admit(&mut self, key: u64, may_probe: bool) {
        let alone = &self.alone[usize::try_from(key).unwrap()];
        let (one, other) = if may_probe {
            (alone.try_acquire(), self.keyed.try_acquire(&key))
        } else {
            (alone.try_acquire_no_probe(), self.keyed.try_acquire_no_probe(&key))
        };
        match (one, other) {
            (Ok(one), Ok(other)) => self.out.push((key, one, other)),
            (Err(one), Err(other)) => {
                assert_eq!(one.reason(), other.reason());
                // A key's wait is told to the microsecond.
                let (exact, told) = (one.retry_after(), other.retry_after());
                assert!(told >= exact && told - exact < Duration::from_micros(1), "{exact:?} is told as {told:?}");
                assert_eq!((one.level(), one.trip()), (other.level(), other.trip()));
                assert_eq!(self.keyed.key_of(&other), Some(key));
            }
            (one, other) => panic!("{one:?} is not {other:?}"),
        }
    }

    fn record(&mut self, draw: &mut Draw) {
        if self.out.is_empty() {
            return;
        }
        let at = draw.below(self.out.len() as u64);
        let (_, one, other) = self.out.swap_remove(usize::try_from(at).unwrap());
        let hint = Some(Hint::after(Duration::from_millis(draw.below(6000))));
        let verdict = match draw.below(16) {
            0..=6 => Verdict::Failure(None),
            7 => Verdict::Failure(hint),
            8 => Verdict::Failure(Some(Hint::limiting(Duration::from_secs(2)))),
            9 => Verdict::Reachable,
            10 => Verdict::Limited(Duration::from_secs(3)),
            11 => Verdict::Relayed(None),
            12 => return,
            _ => Verdict::Success,
        };
        one.record(verdict);
        other.record(verdict);
    }

    fn command(&self, key: u64, draw: &mut Draw) {
        let alone = &self.alone[usize::try_from(key).unwrap()];
        let time = Duration::from_millis(1 + draw.below(4000));
        match draw.below(8) {
            0 => {
                alone.force_open();
                self.keyed.force_open(&key).unwrap();
            }
            1 => {
                alone.force_open_for(time);
                self.keyed.force_open_for(&key, time).unwrap();
            }
            2 => {
                alone.force_closed_for(time);
                self.keyed.force_closed_for(&key, time).unwrap();
            }
            3 => {
                alone.shadow();
                self.keyed.shadow(&key).unwrap();
            }
            // Of a key that is well a reset tells nobody, as there is nothing to reset.
            4 if self.keyed.snapshot_of(&key).is_some() => {
                alone.reset();
                self.keyed.reset(&key);
            }
            _ => {
                alone.auto();
                self.keyed.auto(&key);
            }
        }
    }

    fn compare(&self, step: &str) {
        for (key, alone) in (0..).zip(&self.alone) {
            assert_eq!(
                essence(self.keyed.snapshot_of(&key)),
                essence(Some(alone.snapshot())),
                "key {key} after {step}"
            );
            assert_eq!(self.keyed.state(&key), alone.state(), "key {key} after {step}");
        }
    }

    /// Events of one key are in order; what is told of several keys at one instant may be told in any.
    fn compare_events(&mut self) {
        // A registry looks after keys that nobody calls, so it may have told already what a breaker tells with its next call.
        (0..KEYS).for_each(|key| self.admit(key, false));
        let sorted = |told: &mpsc::Receiver<Told>| {
            let mut told: Vec<Told> = told.try_iter().collect();
            told.sort_by_key(|(key, _)| *key);
            told
        };
        assert_eq!(sorted(&self.told_keyed), sorted(&self.told_alone));
    }
}

#[test]
fn a_key_does_what_a_breaker_of_its_own_would_whatever_happens() {
    // The interpreter is slow.
    let (seeds, steps) = if cfg!(miri) { (1, 60) } else { (24, 400) };
    for (number, policy) in policies().iter().enumerate() {
        for seed in 0..seeds {
            let mut draw = Draw(seed << 8 | number as u64);
            let mut both = Both::new(policy);
            for step in 0..steps {
                let key = draw.below(KEYS);
                match draw.below(20) {
                    0..=8 => both.admit(key, draw.below(4) > 0),
                    9..=16 => both.record(&mut draw),
                    17 if draw.below(4) == 0 => both.command(key, &mut draw),
                    _ => both.clock.advance(Duration::from_millis(draw.below(3) * draw.below(4000))),
                }
                both.compare(&format!("step {step} of seed {seed}, policy {number}"));
            }
            both.compare_events();
            both.out.clear();
        }
    }
}

#[test]
fn rules_that_have_to_watch_healthy_calls_are_refused_by_name() {
    let second = Duration::from_secs(1);
    let builders = [
        (each().failure_rate(0.5).over(second).min_calls(1), "failure_rate"),
        (each().slow_calls(0.5).slower_than(second).over(second).min_calls(1), "slow_calls"),
        (each().stalled(3).for_longer_than(second), "stall"),
        (each().quota(3).per(second), "quota"),
        (each().count_successes(), "count_successes"),
        (each().count_refusals(), "count_refusals"),
        (each().count_transitions(), "count_transitions"),
        (each().observer(|_: &str, _: &Event| {}), "observer"),
        (each().restore(Breaker::new().snapshot()), "restore"),
        (each().jitter(2.0), "jitter"),
    ];
    for (builder, field) in builders {
        assert_eq!(Keyed::<u64>::builder().each(builder).build().unwrap_err().field(), field);
    }
    for most in [0, 131_073] {
        assert_eq!(Keyed::<u64>::builder().most_keys(most).build().unwrap_err().field(), "most_keys");
    }
    let keyed: Keyed<u64> = Keyed::new();
    let rate = each().failure_rate(0.5).over(second).min_calls(1).build().unwrap().policy();
    assert_eq!(keyed.set_policy(rate).unwrap_err().field(), "failure_rate");
    keyed.try_acquire(&1).unwrap().success();
}
