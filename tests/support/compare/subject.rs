//! The real thing, as the comparison sees it.

use crate::model::{Answer, Cause, Event, Model, Nanos, Overlay, Phase, Policy, Totals, Verdict, Why};
use crate::script::Step;

/// What a call is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It may pass.
    Admitted,
    /// It may not.
    Refused {
        /// The reason given.
        why: Why,
        /// The wait given.
        wait: Nanos,
        /// The level given, if one was.
        level: Option<u32>,
    },
}

/// The phase that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeenPhase {
    /// Closed.
    Closed,
    /// Open.
    Open,
    /// Half-open.
    HalfOpen {
        /// In this stage.
        stage: u32,
    },
}

/// What a reader is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenView {
    /// The phase of the machine.
    pub phase: SeenPhase,
    /// The overlay; an expiry is an instant since the start of the script.
    pub overlay: Overlay,
    /// How long it is still open, if it is.
    pub remaining: Option<Nanos>,
    /// Trips not forgiven.
    pub level: u32,
    /// Failures in the window.
    pub failures: usize,
    /// Why it is not closed, if it is not.
    pub cause: Option<Cause>,
    /// Counts so far.
    pub totals: Totals,
}

/// Something that claims to be a breaker. Calls are numbered in order of admission.
pub trait Subject {
    /// A call comes.
    fn admit(&mut self, may_probe: bool) -> Seen;
    /// A call comes back.
    fn outcome(&mut self, call: usize, verdict: Verdict);
    /// A call is dropped.
    fn drop_call(&mut self, call: usize);
    /// Whether a dropped call is judged by its age; else it says nothing.
    fn judges_drops(&self) -> bool {
        true
    }
    /// Time passes.
    fn wait(&mut self, length: Nanos);
    /// The operator changes the overlay; the expiry is counted from now.
    fn overlay(&mut self, overlay: Overlay);
    /// The operator resets.
    fn reset(&mut self);
    /// The operator sets a new policy.
    fn set_policy(&mut self, policy: &Policy);
    /// Somebody looks.
    fn view(&mut self) -> SeenView;
    /// What observers were told since this was asked last.
    fn events(&mut self) -> Vec<Event>;
    /// Whether all that has happened by then is told with this step, and not only with the next call.
    fn tells_all_with(&self, step: &Step) -> bool;
}

/// The model as its own subject: with another policy than the one it is compared with it is a wrong breaker, to see that
/// the comparison notices.
#[derive(Debug)]
pub struct Imitation {
    /// What it does.
    pub model: Model,
    now: Nanos,
    told: usize,
}

impl Imitation {
    /// A breaker with this policy.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { model: Model::new(policy), now: 0, told: 0 }
    }
}

impl Subject for Imitation {
    fn admit(&mut self, may_probe: bool) -> Seen {
        match self.model.admit(may_probe, self.now) {
            Answer::Admitted(_) => Seen::Admitted,
            Answer::Refused(refusal) => {
                let level = self.model.read(self.now).level;
                Seen::Refused { why: refusal.why, wait: refusal.wait.unwrap_or(0), level: Some(level) }
            }
        }
    }

    fn outcome(&mut self, call: usize, verdict: Verdict) {
        self.model = self.model.outcome(call, verdict, self.now).remove(0);
    }

    fn drop_call(&mut self, call: usize) {
        self.model = self.model.drop_call(call, true, self.now).remove(0);
    }

    fn wait(&mut self, length: Nanos) {
        self.now += length;
    }

    fn overlay(&mut self, overlay: Overlay) {
        self.model.overlay(overlay.map_expiry(|length| self.now + length), self.now);
    }

    fn reset(&mut self) {
        self.model.reset(self.now);
    }

    fn set_policy(&mut self, policy: &Policy) {
        self.model.set_policy(policy.clone(), self.now);
    }

    fn view(&mut self) -> SeenView {
        let view = self.model.read(self.now);
        let (phase, remaining) = match view.phase {
            Phase::Closed { .. } => (SeenPhase::Closed, None),
            Phase::Open(_) => (SeenPhase::Open, Some(view.remaining)),
            Phase::HalfOpen { stage, .. } => (SeenPhase::HalfOpen { stage }, None),
        };
        let failures = view.failures;
        let cause = view.tripped_by.first().copied();
        SeenView { phase, overlay: view.overlay, remaining, level: view.level, failures, cause, totals: view.totals }
    }

    fn events(&mut self) -> Vec<Event> {
        let news = self.model.events()[self.told..].to_vec();
        self.told += news.len();
        news
    }

    fn tells_all_with(&self, step: &Step) -> bool {
        matches!(step, Step::Admit { .. } | Step::Outcome { .. } | Step::Drop { .. })
    }
}
