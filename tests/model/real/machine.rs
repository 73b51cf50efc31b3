//! The pure machine, with a naive tally of calls at its side.

use resilience::clock::Instant;
use resilience::machine::{Command, Context, EventKind, Machine, Phase, Report, Tally, Ticket};
use resilience::policy::Rules;
use resilience::{Verdict, machine};
use support::compare::{Seen, SeenPhase, SeenView, Subject};
use support::model::{self, Nanos, Overlay};

/// A machine and the calls that it admitted.
#[derive(Debug)]
pub(crate) struct RealMachine {
    machine: Machine,
    rules: Rules,
    policy: model::Policy,
    now: u64,
    calls: Vec<(Ticket, u64)>,
    /// Calls that ended since the machine last became closed: when, whether failed, whether slow.
    ended: Vec<(u64, bool, bool)>,
    events: Vec<machine::Event>,
}

impl RealMachine {
    pub(crate) fn new(policy: &model::Policy) -> Self {
        let rules = Rules::new(super::policy(policy)).unwrap();
        Self {
            machine: Machine::new(&rules),
            rules,
            policy: policy.clone(),
            now: 0,
            calls: Vec::new(),
            ended: Vec::new(),
            events: Vec::new(),
        }
    }

    fn act<R>(&mut self, act: impl FnOnce(&mut Machine, &Context<'_>, &mut Vec<machine::Event>) -> R) -> R {
        let context = Context::new(&self.rules, Instant::from_nanos(self.now));
        let result = act(&mut self.machine, &context, &mut self.events);
        for event in self.events.drain(..) {
            let clean = match event.kind {
                EventKind::Closed | EventKind::Reset => true,
                EventKind::OverlayChanged { from, .. } => {
                    matches!(from, machine::Overlay::ForcedOpen | machine::Overlay::ForcedClosed)
                }
                _ => false,
            };
            if clean {
                self.ended.clear();
            }
        }
        result
    }

    fn end(&mut self, call: usize, verdict: Verdict, answered: bool) {
        let (ticket, admitted) = self.calls[call];
        self.act(|machine, context, events| machine.settle(context, events));
        let slow = self.policy.slow_calls.is_some_and(|slow| Nanos::from(self.now - admitted) > slow.limit);
        let obeys = self.policy.hints == model::Hints::Obey;
        let failed = match verdict {
            Verdict::Failure(_) => true,
            Verdict::Limited(wait) => obeys && !wait.is_zero(),
            _ => false,
        };
        let counts = !matches!(verdict, Verdict::Ignore | Verdict::Relayed(_));
        if counts && matches!(ticket, Ticket::Call { epoch, .. } if epoch == self.machine.epoch()) {
            self.ended.push((self.now, failed, slow));
        }
        let report = Report { slow, answered, tally: self.tally(), ..Report::new(verdict) };
        self.act(|machine, context, events| machine.record(context, ticket, report, events));
    }

    fn tally(&self) -> Tally {
        let count = |over: Option<Nanos>, which: fn(&(u64, bool, bool)) -> bool| {
            let recent = self.ended.iter().filter(|(at, ..)| over.is_some_and(|over| Nanos::from(self.now - at) <= over));
            recent.filter(|call| which(call)).count() as u64
        };
        let rate = self.policy.failure_rate.map(|rate| rate.over);
        let slow = self.policy.slow_calls.map(|slow| slow.rate.over);
        Tally {
            rate_calls: count(rate, |_| true),
            rate_failures: count(rate, |(_, failed, _)| *failed),
            slow_calls: count(slow, |_| true),
            slow: count(slow, |(_, _, slow)| *slow),
        }
    }
}

impl Subject for RealMachine {
    fn admit(&mut self, may_probe: bool) -> Seen {
        match self.act(|machine, context, events| machine.admit(context, may_probe, events)) {
            Ok(ticket) => {
                self.calls.push((ticket, self.now));
                Seen::Admitted
            }
            Err(refusal) => Seen::Refused { why: super::why(refusal.reason), wait: refusal.wait.as_nanos(), level: 0 },
        }
    }

    fn outcome(&mut self, call: usize, verdict: model::Verdict) {
        self.end(call, super::verdict(verdict), true);
    }

    fn drop_call(&mut self, call: usize) {
        let age = Nanos::from(self.now - self.calls[call].1);
        let verdict = if age < self.policy.abandon_after { Verdict::Ignore } else { Verdict::Failure(None) };
        self.end(call, verdict, false);
    }

    fn wait(&mut self, length: Nanos) {
        self.now += u64::try_from(length).unwrap();
    }

    fn overlay(&mut self, overlay: Overlay) {
        let after = |length: Nanos| Instant::from_nanos(self.now + u64::try_from(length).unwrap());
        let (overlay, until) = match overlay {
            Overlay::Automatic => (machine::Overlay::Automatic, None),
            Overlay::ForcedOpen { expiry } => (machine::Overlay::ForcedOpen, expiry.map(after)),
            Overlay::ForcedClosed => (machine::Overlay::ForcedClosed, None),
            Overlay::Shadow => (machine::Overlay::Shadow, None),
        };
        self.act(|machine, context, events| machine.command(context, Command::Overlay(overlay, until), events));
    }

    fn reset(&mut self) {
        self.act(|machine, context, events| machine.command(context, Command::Reset, events));
    }

    fn set_policy(&mut self, policy: &model::Policy) {
        let old = std::mem::replace(&mut self.rules, Rules::new(super::policy(policy)).unwrap());
        let same_windows =
            self.policy.failure_rate == policy.failure_rate && self.policy.slow_calls == policy.slow_calls;
        self.act(|machine, context, events| machine.change_rules(&old, context, events));
        self.policy = policy.clone();
        if !same_windows {
            self.ended.clear();
        }
    }

    fn view(&mut self) -> SeenView {
        let view = self.machine.view(&Context::new(&self.rules, Instant::from_nanos(self.now)));
        let (phase, remaining) = match view.phase {
            Phase::Closed => (SeenPhase::Closed, None),
            Phase::Open { until } => (SeenPhase::Open, Some(until.as_nanos().saturating_sub(self.now).into())),
            Phase::HalfOpen { stage, .. } => (SeenPhase::HalfOpen { stage }, None),
        };
        let overlay = match view.overlay {
            machine::Overlay::Automatic => Overlay::Automatic,
            machine::Overlay::ForcedOpen => {
                Overlay::ForcedOpen { expiry: view.overlay_until.map(|until| until.as_nanos().into()) }
            }
            machine::Overlay::ForcedClosed => Overlay::ForcedClosed,
            machine::Overlay::Shadow => Overlay::Shadow,
        };
        let failures = view.failures.len();
        SeenView { phase, overlay, remaining, level: view.level, failures, late: Some(view.counts.late) }
    }
}
