//! Every state that a small machine can reach, beside the model: all orders of calls, outcomes, commands and ticks of
//! the clock, without end in time, with up to three calls in flight.
//!
//! Two states are one if the model says that they have the same [essence](support::model::Essence), so the walk comes to
//! an end. That the machine then behaves alike is looked at, too.
//!
//! - `alike`: what a machine will do, as far as a few ticks and one more step show;
//! - `safety`: what must hold of each single step;
//! - `liveness`: what must come about from each state, if the upstream is well from then on.

mod alike;
mod liveness;
mod policies;
mod safety;

use std::collections::VecDeque;
use std::collections::hash_map::{Entry, HashMap};

use support::compare::Comparison;
use support::model::{Overlay, Policy, Verdict};
use support::script::Step;

use crate::real::RealMachine;

/// What can happen besides calls and ticks, and how many calls are out at most.
#[derive(Clone, Debug)]
struct Limits {
    calls_out: usize,
    verdicts: Vec<Verdict>,
    overlays: Vec<Overlay>,
    /// Requests that may not probe come, too.
    choosy: bool,
}

type World = Comparison<RealMachine>;

/// Walks through everything that can happen; checks each step, and recovery from each state.
fn explore(policy: &Policy, limits: &Limits) -> (usize, usize) {
    let mut seen = HashMap::new();
    let mut left = VecDeque::from([World::new(policy, RealMachine::new(policy))]);
    let mut steps = 0;
    while let Some(world) = left.pop_front() {
        for step in deeds(&world, limits) {
            let mut next = world.clone();
            let before = next.subject_mut().take_events();
            assert!(before.is_empty());
            next.step(&step).unwrap();
            steps += 1;
            safety::check(&world, &step, &mut next);
            let future = alike::future(&next, limits);
            match seen.entry(next.model().essence(next.now())) {
                Entry::Vacant(new) => {
                    new.insert((future, next.script().clone()));
                    liveness::check(&next);
                    left.push_back(next);
                }
                Entry::Occupied(known) => {
                    let (expected, script) = known.get();
                    assert_eq!(future, *expected, "should be alike:\n\n{script}\nand\n\n{}", next.script());
                }
            }
        }
    }
    (seen.len(), steps)
}

/// All that can happen next.
fn deeds(world: &World, limits: &Limits) -> Vec<Step> {
    let mut deeds = vec![Step::Wait(1)];
    if world.out().len() < limits.calls_out {
        deeds.push(Step::Admit { may_probe: true });
        deeds.extend(limits.choosy.then_some(Step::Admit { may_probe: false }));
    }
    for call in world.out() {
        deeds.extend(limits.verdicts.iter().map(|verdict| Step::Outcome { call: *call, verdict: *verdict }));
    }
    deeds.extend(limits.overlays.iter().map(|overlay| Step::Overlay(*overlay)));
    deeds
}
