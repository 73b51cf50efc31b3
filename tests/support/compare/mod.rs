//! Runs a script against the model and a real thing side by side, and compares all that can be seen after each step.

mod report;
mod subject;

pub use report::Disagreement;
pub use subject::{Imitation, Seen, SeenPhase, SeenView, Subject};

use crate::model::{Answer, Cause, Event, Model, Nanos, Phase, Policy, Verdict, Why};
use crate::script::{Draft, Script, Step};

/// A model and a subject to which the same things happen.
#[derive(Clone, Debug)]
pub struct Comparison<S> {
    /// The states that the description allows, given all that was seen: one, unless it left a choice open.
    models: Vec<Model>,
    subject: S,
    now: Nanos,
    done: Script,
    /// Calls that are out.
    out: Vec<usize>,
    admitted: usize,
    /// Somebody looks after each step.
    watched: bool,
    /// How many events there were.
    told: usize,
}

impl<S: Subject> Comparison<S> {
    /// Begins; the subject must have been made with the same policy.
    pub fn new(policy: &Policy, subject: S) -> Self {
        let done = Script { policy: policy.clone(), steps: Vec::new() };
        Self {
            models: vec![Model::new(policy.clone())],
            subject,
            now: 0,
            done,
            out: Vec::new(),
            admitted: 0,
            watched: true,
            told: 0,
        }
    }

    /// Nobody looks but where the script says so: what is computed must not depend on being seen. Only for policies that
    /// leave no open time to chance.
    #[must_use]
    pub fn unwatched(mut self) -> Self {
        self.watched = false;
        self
    }

    /// Runs a whole script.
    ///
    /// # Errors
    ///
    /// Where the two disagree.
    pub fn run(mut self, steps: &[Step]) -> Result<Self, Disagreement> {
        for step in steps {
            self.step(step)?;
        }
        Ok(self)
    }

    /// A draft becomes steps: which calls are out and what is about to happen is known now.
    ///
    /// # Errors
    ///
    /// Where the two disagree.
    pub fn draft(&mut self, draft: &Draft) -> Result<(), Disagreement> {
        match draft {
            Draft::Admit { may_probe } => self.step(&Step::Admit { may_probe: *may_probe })?,
            Draft::Outcome { pick, verdict } => {
                let Some(call) = self.pick(*pick) else { return Ok(()) };
                self.step(&Step::Outcome { call, verdict: *verdict })?
            }
            Draft::Drop { pick } => {
                let Some(call) = self.pick(*pick) else { return Ok(()) };
                self.step(&Step::Drop { call })?
            }
            Draft::Calls { count, verdict } => {
                for _ in 0..*count {
                    if let Some(call) = self.step(&Step::Admit { may_probe: true })? {
                        self.step(&Step::Outcome { call, verdict: *verdict })?;
                    }
                }
                None
            }
            Draft::Wait(leap) => self.wait(leap.length(&self.models[0], self.now))?,
            Draft::Overlay(overlay) => self.step(&Step::Overlay(*overlay))?,
            Draft::Reset => self.step(&Step::Reset)?,
            Draft::SetPolicy(policy) => self.set_policy(policy)?,
            Draft::Read => self.step(&Step::Read)?,
        };
        Ok(())
    }

    /// It is not said by which policy calls are judged that are out while closed, so none is.
    fn set_policy(&mut self, policy: &Policy) -> Result<Option<usize>, Disagreement> {
        let mut policy = policy.clone();
        match self.models[0].phase() {
            Phase::Closed { .. } => {
                for call in self.out.clone() {
                    self.step(&Step::Outcome { call, verdict: Verdict::Ignore })?;
                }
            }
            // Nor is it said which comes first at that instant: a stage that wants fewer successes now than there have
            // been, or a deadline that is shorter.
            Phase::HalfOpen { .. } => policy.probes = self.models[0].policy().probes,
            _ => {}
        }
        self.step(&Step::SetPolicy(Box::new(policy)))
    }

    /// Where chance or rounding decides how long an open time is, no event may go unseen: whatever follows depends on it.
    fn wait(&mut self, length: Nanos) -> Result<Option<usize>, Disagreement> {
        let end = self.now + length;
        while let Some(at) = self.unseen_event(end) {
            self.step(&Step::Wait(at - self.now))?;
        }
        self.step(&Step::Wait(end - self.now))
    }

    fn unseen_event(&self, end: Nanos) -> Option<Nanos> {
        let model = &self.models[0];
        let unseen = model.next_event().filter(|at| *at > self.now && *at < end)?;
        (!model.policy().is_exact()).then_some(unseen)
    }

    fn pick(&self, pick: usize) -> Option<usize> {
        if self.out.is_empty() { None } else { Some(self.out[pick % self.out.len()]) }
    }

    /// One step; the number of the call if one was admitted.
    ///
    /// # Errors
    ///
    /// If the two disagree.
    pub fn step(&mut self, step: &Step) -> Result<Option<usize>, Disagreement> {
        self.done.steps.push(step.clone());
        let answer = self.act(step);
        let expected: Vec<_> = self.models.iter().flat_map(|model| self.successors(model, step)).collect();
        let seen = (self.watched || *step == Step::Read).then(|| self.subject.view());
        let events = self.subject.events();
        let all = self.subject.tells_all_with(step);
        let mut allowed = expected.clone();
        allowed.retain_mut(|(model, expected)| {
            model.read(self.now);
            answers_agree(*expected, answer, model.level(self.now))
                && events_agree(&model.events()[self.told..], &events, all)
                && seen.as_ref().is_none_or(|seen| views_agree(model, self.now, seen))
        });
        if allowed.is_empty() {
            return Err(report::disagreement(&self.done, expected, self.now, answer, &events, seen.as_ref()));
        }
        self.told += events.len();
        self.models.clear();
        for (model, _) in allowed {
            if !self.models.contains(&model) {
                self.models.push(model);
            }
        }
        Ok(answer.filter(|seen| *seen == Seen::Admitted).map(|_| self.admitted - 1))
    }

    /// Makes it happen to the subject.
    fn act(&mut self, step: &Step) -> Option<Seen> {
        match step {
            Step::Admit { may_probe } => {
                let seen = self.subject.admit(*may_probe);
                if seen == Seen::Admitted {
                    self.out.push(self.admitted);
                    self.admitted += 1;
                }
                return Some(seen);
            }
            Step::Outcome { call, verdict } => {
                self.out.retain(|out| out != call);
                self.subject.outcome(*call, *verdict);
            }
            Step::Drop { call } => {
                self.out.retain(|out| out != call);
                self.subject.drop_call(*call);
            }
            Step::Wait(length) => {
                self.now += length;
                self.subject.wait(*length);
            }
            Step::Overlay(overlay) => self.subject.overlay(*overlay),
            Step::Reset => self.subject.reset(),
            Step::SetPolicy(policy) => self.subject.set_policy(policy),
            Step::Read => {}
        }
        None
    }

    /// What the description allows to come of a step.
    fn successors(&self, model: &Model, step: &Step) -> Vec<(Model, Option<Answer>)> {
        let mut model = model.clone();
        let now = self.now;
        match step {
            Step::Admit { may_probe } => {
                let answer = model.admit(*may_probe, now);
                return vec![(model, Some(answer))];
            }
            Step::Outcome { call, verdict } => return without_answer(model.outcome(*call, *verdict, now)),
            Step::Drop { call } => return without_answer(model.drop_call(*call, self.subject.judges_drops(), now)),
            Step::Overlay(overlay) => model.overlay(overlay.map_expiry(|length| now + length), now),
            Step::Reset => model.reset(now),
            Step::SetPolicy(policy) => model.set_policy((**policy).clone(), now),
            Step::Wait(_) | Step::Read => {}
        }
        vec![(model, None)]
    }

    /// What has happened so far.
    pub fn script(&self) -> &Script {
        &self.done
    }

    /// The real thing.
    pub fn subject(&self) -> &S {
        &self.subject
    }

    /// The real thing, to look closer at it.
    pub fn subject_mut(&mut self) -> &mut S {
        &mut self.subject
    }

    /// The calls that are out, in order of admission.
    pub fn out(&self) -> &[usize] {
        &self.out
    }

    /// The time since the start.
    pub fn now(&self) -> Nanos {
        self.now
    }

    /// The first of the states that the description allows.
    pub fn model(&self) -> &Model {
        &self.models[0]
    }
}

fn without_answer(models: Vec<Model>) -> Vec<(Model, Option<Answer>)> {
    models.into_iter().map(|model| (model, None)).collect()
}

fn answers_agree(expected: Option<Answer>, seen: Option<Seen>, expected_level: u32) -> bool {
    match (expected, seen) {
        (None, None) | (Some(Answer::Admitted(_)), Some(Seen::Admitted)) => true,
        (Some(Answer::Refused(refusal)), Some(Seen::Refused { why, wait, level })) => {
            refusal.why == why
                && level.is_none_or(|level| level == expected_level)
                && refusal.wait.is_none_or(|expected| expected == wait)
        }
        _ => false,
    }
}

/// One of the rules that held is named, and what it counted is told.
fn causes_agree(expected: &[Cause], seen: Option<Cause>) -> bool {
    let agrees = |cause: Cause| {
        expected.iter().any(|expected| {
            expected.rule == cause.rule && (expected.counted.is_none() || expected.counted == cause.counted)
        })
    };
    seen.map_or(expected.is_empty(), agrees)
}

/// What was told is what has happened, in order; the rest is told later.
fn events_agree(expected: &[Event], seen: &[Event], all: bool) -> bool {
    expected.starts_with(seen) && (!all || expected.len() == seen.len())
}

fn views_agree(model: &mut Model, now: Nanos, seen: &SeenView) -> bool {
    let view = model.read(now);
    let phase = match view.phase {
        Phase::Closed { .. } => SeenPhase::Closed,
        Phase::Open(_) => SeenPhase::Open,
        Phase::HalfOpen { stage, .. } => SeenPhase::HalfOpen { stage },
    };
    phase == seen.phase
        && view.overlay == seen.overlay
        && view.level == seen.level
        // Without a window nobody says which failures are meant.
        && (model.policy().window.is_none() || view.failures == seen.failures)
        && causes_agree(&view.tripped_by, seen.cause)
        && seen.totals == view.totals
        && matches!(view.phase, Phase::Open(_)) == seen.remaining.is_some()
        && seen.remaining.is_none_or(|remaining| model.pin(now + remaining))
}

/// The reasons by their everyday names.
impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Forced => "forced open",
            Self::Open => "open",
            Self::SlotsTaken => "all slots taken",
            Self::MayNotProbe => "may not probe",
        })
    }
}
