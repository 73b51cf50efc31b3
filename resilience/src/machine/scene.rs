//! What tests of the machine's corners are written with: a machine, its rules, and what it has told.

use super::{Command, Context, Event, Machine, Phase, Refusal, Report, Ticket, View};
use crate::Verdict;
use crate::clock::Instant;
use crate::policy::{Policy, Rules};
use std::time::Duration;

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// The instant so many seconds after the clock's origin.
pub(super) fn at(seconds: u64) -> Instant {
    Instant::from_nanos(seconds * 1_000_000_000)
}

pub(super) struct Scene {
    pub(super) rules: Rules,
    pub(super) machine: Machine,
    pub(super) events: Vec<Event>,
}

impl Scene {
    pub(super) fn new(policy: Policy) -> Self {
        let rules = Rules::new(policy).unwrap();
        Self { machine: Machine::new(&rules), rules, events: Vec::new() }
    }

    /// Without jitter, and with one stage of recovery: times are exact, and one good probe closes.
    pub(super) fn plain(change: impl FnOnce(&mut Policy)) -> Self {
        let mut policy = Policy { jitter: 0.0, stages: 1, ..Policy::default() };
        change(&mut policy);
        Self::new(policy)
    }

    /// Takes a step at an instant, in seconds.
    pub(super) fn step<R>(
        &mut self,
        seconds: u64,
        step: impl FnOnce(&mut Machine, &Context<'_>, &mut Vec<Event>) -> R,
    ) -> R {
        step(&mut self.machine, &Context::new(&self.rules, at(seconds)), &mut self.events)
    }

    pub(super) fn admit(&mut self, seconds: u64) -> Result<Ticket, Refusal> {
        self.step(seconds, |machine, cx, events| machine.admit(cx, true, events))
    }

    pub(super) fn record(&mut self, seconds: u64, ticket: Ticket, verdict: Verdict) {
        self.step(seconds, |machine, cx, events| machine.record(cx, ticket, Report::new(verdict), events));
    }

    /// A call that is answered at once.
    pub(super) fn call(&mut self, seconds: u64, verdict: Verdict) {
        let ticket = self.admit(seconds).unwrap();
        self.record(seconds, ticket, verdict);
    }

    pub(super) fn fail(&mut self, seconds: u64) {
        self.call(seconds, Verdict::Failure(None));
    }

    pub(super) fn command(&mut self, seconds: u64, command: Command) {
        self.step(seconds, |machine, cx, events| machine.command(cx, command, events));
    }

    /// Puts a policy in force.
    pub(super) fn change(&mut self, seconds: u64, change: impl FnOnce(&mut Policy)) {
        let mut policy = self.rules.policy().clone();
        change(&mut policy);
        let old = std::mem::replace(&mut self.rules, Rules::new(policy).unwrap());
        self.step(seconds, |machine, cx, events| machine.change_rules(&old, cx, events));
    }

    pub(super) fn view(&self, seconds: u64) -> View {
        self.machine.view(&Context::new(&self.rules, at(seconds)))
    }

    pub(super) fn is_closed(&self, seconds: u64) -> bool {
        self.view(seconds).phase == Phase::Closed
    }

    pub(super) fn is_open(&self, seconds: u64) -> bool {
        matches!(self.view(seconds).phase, Phase::Open { .. })
    }
}
