//! The pure machine, with a naive tally of calls at its side.

use resilience::clock::Instant;
use resilience::machine::{Command, Context, Event, EventKind, Machine, Phase, Report, Tally, Ticket};
use resilience::policy::Rules;
use resilience::{Verdict, machine};
use support::compare::{Seen, SeenPhase, SeenView, Subject};
use support::model::{self, Nanos, Overlay};
use support::script::Step;

/// A machine and the calls that it admitted.
#[derive(Clone, Debug)]
pub(crate) struct RealMachine {
    machine: Machine,
    rules: Rules,
    policy: model::Policy,
    now: u64,
    /// The ticket, the instant of admission, and whether the call is timed.
    calls: Vec<(Ticket, u64, bool)>,
    /// Calls that ended since the machine last became closed: when, and whether they failed.
    rate: Vec<(u64, bool)>,
    /// When, and whether they were slow.
    slow: Vec<(u64, bool)>,
    /// What was told and not compared yet.
    events: Vec<Event>,
    /// What was told and not looked at more closely yet.
    unseen: Vec<Event>,
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
            rate: Vec::new(),
            slow: Vec::new(),
            events: Vec::new(),
            unseen: Vec::new(),
        }
    }

    pub(crate) fn machine(&self) -> &Machine {
        &self.machine
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }

    pub(crate) fn context(&self) -> Context<'_> {
        Context::new(&self.rules, Instant::from_nanos(self.now))
    }

    /// The ticket of a call, and when it was admitted.
    pub(crate) fn ticket(&self, call: usize) -> (Ticket, u64) {
        let (ticket, admitted, _) = self.calls[call];
        (ticket, admitted)
    }

    /// What was told since this was asked last.
    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.unseen)
    }

    fn act<R>(&mut self, act: impl FnOnce(&mut Machine, &Context<'_>, &mut Vec<Event>) -> R) -> R {
        let mut events = Vec::new();
        let context = Context::new(&self.rules, Instant::from_nanos(self.now));
        let result = act(&mut self.machine, &context, &mut events);
        for event in &events {
            let clean = match event.kind {
                EventKind::Closed | EventKind::Reset => true,
                EventKind::OverlayChanged { from, .. } => {
                    matches!(from, machine::Overlay::ForcedOpen | machine::Overlay::ForcedClosed)
                }
                _ => false,
            };
            if clean {
                self.rate.clear();
                self.slow.clear();
            }
        }
        self.unseen.extend(&events);
        self.events.extend(events);
        result
    }

    fn end(&mut self, call: usize, verdict: Verdict, answered: bool) {
        let (ticket, admitted, timed) = self.calls[call];
        self.act(Machine::settle);
        let slow = timed && self.policy.slow_calls.is_some_and(|slow| Nanos::from(self.now - admitted) > slow.limit);
        let obeys = self.policy.hints == model::Hints::Obey;
        let failed = match verdict {
            Verdict::Failure(_) => true,
            Verdict::Limited(wait) => obeys && !wait.is_zero(),
            _ => false,
        };
        let counts = !matches!(verdict, Verdict::Ignore | Verdict::Relayed(_));
        if counts
            && matches!(ticket, Ticket::Call { epoch, .. } | Ticket::Watched { epoch, .. } if epoch == self.machine.epoch())
        {
            self.rate.push((self.now, failed));
            self.slow.push((self.now, slow));
        }
        let report = Report { slow, answered, tally: self.tally(), ..Report::new(verdict) };
        self.act(|machine, context, events| machine.record(context, ticket, report, events));
    }

    fn tally(&self) -> Tally {
        let count = |calls: &[(u64, bool)], over: Option<Nanos>| {
            let recent = calls.iter().filter(|(at, _)| over.is_some_and(|over| Nanos::from(self.now - at) <= over));
            (recent.clone().count() as u64, recent.filter(|(_, marked)| *marked).count() as u64)
        };
        let (rate_calls, rate_failures) = count(&self.rate, self.policy.failure_rate.map(|rate| rate.over));
        let (slow_calls, slow) = count(&self.slow, self.policy.slow_calls.map(|slow| slow.rate.over));
        Tally { rate_calls, rate_failures, slow_calls, slow }
    }
}

impl Subject for RealMachine {
    fn admit(&mut self, may_probe: bool) -> Seen {
        match self.act(|machine, context, events| machine.admit(context, may_probe, events)) {
            Ok(ticket) => {
                self.calls.push((ticket, self.now, self.policy.slow_calls.is_some()));
                Seen::Admitted
            }
            Err(refusal) => {
                Seen::Refused { why: super::why(refusal.reason), wait: refusal.wait.as_nanos(), level: None }
            }
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
        let until = overlay.expiry().map(after);
        let overlay = match overlay {
            Overlay::Automatic => machine::Overlay::Automatic,
            Overlay::ForcedOpen { .. } => machine::Overlay::ForcedOpen,
            Overlay::ForcedClosed { .. } => machine::Overlay::ForcedClosed,
            Overlay::Shadow { .. } => machine::Overlay::Shadow,
        };
        self.act(|machine, context, events| machine.command(context, Command::Overlay(overlay, until), events));
    }

    fn reset(&mut self) {
        self.act(|machine, context, events| machine.command(context, Command::Reset, events));
    }

    fn set_policy(&mut self, policy: &model::Policy) {
        let old = std::mem::replace(&mut self.rules, Rules::new(super::policy(policy)).unwrap());
        let lengths = |policy: &model::Policy| {
            (policy.failure_rate.map(|rate| rate.over), policy.slow_calls.map(|slow| slow.rate.over))
        };
        let ((rate, slow), (new_rate, new_slow)) = (lengths(&self.policy), lengths(policy));
        self.act(|machine, context, events| machine.change_rules(&old, context, events));
        self.policy = policy.clone();
        if rate != new_rate {
            self.rate.clear();
        }
        if slow != new_slow {
            self.slow.clear();
        }
    }

    fn view(&mut self) -> SeenView {
        let view = self.machine.view(&self.context());
        let (phase, remaining) = match view.phase {
            Phase::Closed => (SeenPhase::Closed, None),
            Phase::Open { until } => (SeenPhase::Open, Some(until.as_nanos().saturating_sub(self.now).into())),
            Phase::HalfOpen { stage, .. } => (SeenPhase::HalfOpen { stage }, None),
        };
        let overlay = super::overlay(view.overlay, view.overlay_until.map(|until| until.as_nanos().into()));
        let failures = view.failures.len();
        let instant = |at: Instant| Nanos::from(at.as_nanos());
        let cause =
            view.trip.map(|trip| super::cause(trip.rule, trip.failures, instant(trip.first), instant(trip.last)));
        SeenView { phase, overlay, remaining, level: view.level, failures, cause, totals: super::totals(view.counts) }
    }

    fn events(&mut self) -> Vec<model::Event> {
        self.events.drain(..).filter_map(super::event).collect()
    }

    fn tells_all_with(&self, step: &Step) -> bool {
        matches!(step, Step::Admit { .. } | Step::Outcome { .. } | Step::Drop { .. })
    }
}
