use super::{SECOND, Scene, quota};
use crate::Verdict;
use crate::clock::Instant;
use crate::machine::{Command, Context, Overlay, Ticket};
use crate::policy::{CoolDown, Policy, Rules};
use proptest::prelude::*;
use std::time::Duration;

#[derive(Clone, Debug)]
enum Act {
    Wait(u64),
    Call,
    /// The oldest call that is out, or the newest, ends.
    End(bool, Verdict),
    Command(Command),
    Learn(u64, u64),
    Policy(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let verdicts = [Verdict::Success, Verdict::Reachable, Verdict::Ignore, Verdict::Failure(None)];
    let overlays = [Overlay::Automatic, Overlay::ForcedOpen];
    prop_oneof![
        4 => (0_u64..300).prop_map(Act::Wait),
        1 => (0_u64..20_000).prop_map(Act::Wait),
        12 => Just(Act::Call),
        6 => (any::<bool>(), prop::sample::select(verdicts.to_vec())).prop_map(|(oldest, how)| Act::End(oldest, how)),
        1 => prop::sample::select(overlays.to_vec()).prop_map(|overlay| Act::Command(Command::Overlay(overlay, None))),
        1 => Just(Act::Command(Command::Reset)),
        1 => (0_u64..50, 0_u64..2).prop_map(|(remaining, seconds)| Act::Learn(remaining, seconds)),
        1 => (1_u64..5000).prop_map(Act::Policy),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens to the breaker: trips, probes, recovery, operators, new rules, the server's word.
    #[test]
    fn in_no_window_are_more_calls_admitted_than_the_quota_says(
        calls in 1_u32..20,
        share in 0_u32..20,
        per in 1_u64..2000,
        acts in prop::collection::vec(act(), 0..300),
    ) {
        let policy = Policy {
            quota: Some(quota(calls, per, 1 + share % calls)),
            cool_down: CoolDown::Constant(Duration::from_nanos(300)),
            probe_deadline: Duration::from_nanos(900),
            probe_patience: Some(Duration::from_nanos(300)),
            ..Policy::default()
        };
        let mut scene = Scene::of(policy);
        let (mut admitted, mut out) = (Vec::new(), Vec::new());
        for act in acts {
            match act {
                Act::Wait(nanos) => scene.now += nanos,
                Act::Call => if let Ok(ticket) = scene.admit() {
                    admitted.push(scene.now);
                    out.push(ticket);
                },
                Act::End(oldest, how) => if !out.is_empty() {
                    let ticket = out.remove(if oldest { 0 } else { out.len() - 1 });
                    scene.record(ticket, how);
                },
                Act::Command(command) => scene.command(command),
                Act::Learn(remaining, seconds) => scene.learn(remaining, seconds),
                Act::Policy(delay) => {
                    let delay = Duration::from_nanos(delay);
                    let policy = Policy { stage_time: delay, max_hint: delay, ..scene.rules.policy().clone() };
                    let old = std::mem::replace(&mut scene.rules, Rules::new(policy).unwrap());
                    let cx = Context::new(&scene.rules, Instant::from_nanos(scene.now));
                    scene.machine.change_rules(&old, &cx, &mut scene.events);
                }
            }
            prop_assert_eq!(scene.left().in_flight as usize, out.len());
        }
        for window in admitted.windows(calls as usize + 1) {
            prop_assert!(window[calls as usize] - window[0] > per, "{} calls from {} on", window.len(), window[0]);
        }
    }

    /// With answers that overtake one another, calls that never arrive and answers that say nothing.
    #[test]
    fn no_more_is_sent_than_the_server_said_however_late_it_is_heard(
        limit in 1_u64..30,
        acts in prop::collection::vec((0_u8..4, any::<prop::sample::Index>()), 0..200),
    ) {
        let mut scene = Scene::new(quota(1000, 60 * SECOND, 900));
        let (mut counted, mut heard) = (0, false);
        let (mut under_way, mut answers): (Vec<Ticket>, Vec<(Ticket, u64)>) = (Vec::new(), Vec::new());
        for (act, which) in acts {
            match act {
                0 => if let Ok(ticket) = scene.admit() {
                    under_way.push(ticket);
                    // Before the server was heard nothing could be known.
                    prop_assert!(!heard || counted + under_way.len() as u64 <= limit, "{} of {}", counted, limit);
                },
                // The server counts a call.
                1 if !under_way.is_empty() => {
                    counted += 1;
                    let ticket = under_way.remove(which.index(under_way.len()));
                    answers.push((ticket, limit.saturating_sub(counted)));
                }
                // An answer comes in.
                2 if !answers.is_empty() => {
                    heard = true;
                    let (ticket, remaining) = answers.remove(which.index(answers.len()));
                    scene.answer(ticket, remaining, 60);
                }
                // A call breaks off after it was counted.
                3 if heard && !answers.is_empty() => {
                    let (ticket, _) = answers.remove(which.index(answers.len()));
                    scene.record(ticket, Verdict::Failure(None));
                    scene.command(Command::Reset);
                }
                _ => {}
            }
        }
    }
}
