//! What a verdict changes.

use super::history::End;
use super::{Cause, Hints, Model, Nanos, Phase, Role, Rule};

/// What one finished call says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Healthy.
    Success,
    /// Unhealthy, perhaps with a hint.
    Failure(Option<Hint>),
    /// Answered, but no proof of health.
    Reachable,
    /// Says nothing.
    Ignore,
    /// The upstream limits its callers: a failure only where hints are obeyed.
    Limited(Nanos),
    /// A breaker further on refused the call.
    Relayed(Option<Nanos>),
}

/// When the upstream asked not to be called before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hint {
    /// How long after the answer.
    pub after: Nanos,
    /// It came with a status that says that callers are limited.
    pub limiting: bool,
}

/// What a verdict means to the machine under its policy, in its phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Healthy.
    Success,
    /// Answered.
    Reachable,
    /// Unhealthy.
    Failure {
        /// The hint, or nothing.
        wait: Nanos,
        /// Trips whatever the rules say.
        at_once: bool,
    },
    /// As if it had not been.
    Nothing,
}

impl Model {
    /// A call comes back. Each answer is a state that the description allows; there is more than one where the
    /// resolution of a rate window leaves the decision open.
    #[must_use]
    pub fn outcome(&self, call: usize, verdict: Verdict, now: Nanos) -> Vec<Self> {
        self.end(call, verdict, true, now)
    }

    /// A call is dropped. It is judged by its age: younger than `abandon_after` it says nothing, older it has failed,
    /// though nobody was answered. A permit without a future is not judged.
    #[must_use]
    pub fn drop_call(&self, call: usize, judged: bool, now: Nanos) -> Vec<Self> {
        let age = now - self.history.calls()[call].admitted;
        let verdict = if !judged || age < self.policy.abandon_after { Verdict::Ignore } else { Verdict::Failure(None) };
        self.end(call, verdict, false, now)
    }

    fn end(&self, call: usize, verdict: Verdict, came_back: bool, now: Nanos) -> Vec<Self> {
        let mut model = self.clone();
        model.settle(now);
        let seq = model.history.next_seq();
        let permit = model.history.calls()[call];
        // An outcome that comes back in another epoch changes nothing; it is counted as late. So is that of a probe
        // whose deadline ran out.
        // A bystander's outcome never mattered.
        let late = permit.role != Role::Bystander && (permit.epoch != model.epoch || permit.void);
        model.totals.late += u64::from(late);
        let counted = !late && permit.role != Role::Bystander;
        let meaning = model.meaning(verdict);
        let slow = model.is_slow(&permit, now);
        let answered = came_back && meaning != Meaning::Nothing;
        model.history.end(call, End { at: now, seq, meaning, slow, answered, counted });
        if !counted {
            return vec![model];
        }
        let reopens = matches!(permit.role, Role::Probe { .. }) && slow && meaning != Meaning::Nothing;
        model.totals.failures += u64::from(reopens || matches!(meaning, Meaning::Failure { .. }));
        match (permit.role, meaning) {
            // It gives its permit back and changes nothing.
            (Role::Bystander, _) | (_, Meaning::Nothing) => vec![model],
            // Half-open: any failure opens again, with the failed probe's own hint.
            (Role::Probe { .. }, Meaning::Failure { wait, .. }) => {
                let not_before = now.saturating_add(wait);
                model.trip(now, vec![Cause::one(Rule::Probe, now)], Some(not_before));
                vec![model]
            }
            // Half-open: what may trip by slowness is not closed by a slow success.
            (Role::Probe { .. }, _) if slow => {
                model.trip(now, vec![Cause::one(Rule::SlowCalls, now)], None);
                vec![model]
            }
            // Half-open: a success counts for its stage, which may be complete by it.
            (Role::Probe { .. }, Meaning::Success | Meaning::Reachable) => {
                model.settle(now);
                vec![model]
            }
            (Role::Regular, meaning) => model.regular_outcome(meaning, slow, now),
        }
    }

    /// The closed machine looks at its rules; the outcome itself is in the history already.
    fn regular_outcome(mut self, meaning: Meaning, slow: bool, now: Nanos) -> Vec<Self> {
        if let Meaning::Failure { at_once: true, .. } = meaning {
            let farthest = self.farthest_hint(now);
            self.trip(now, vec![Cause::one(Rule::Limited, now)], farthest);
            return vec![self];
        }
        let (certain, possible) = self.rules_after(meaning, slow, now);
        if certain.is_empty() && possible.is_empty() {
            return vec![self];
        }
        let mut tripped = self.clone();
        let farthest = tripped.farthest_hint(now);
        let may_stay_closed = certain.is_empty();
        tripped.trip(now, [certain, possible].concat(), farthest);
        if may_stay_closed { vec![self, tripped] } else { vec![tripped] }
    }

    /// Worked out when the outcome is recorded, and kept: a later policy does not change what was.
    fn meaning(&self, verdict: Verdict) -> Meaning {
        let obeys = self.policy.hints == Hints::Obey;
        // Where hints are not taken nothing is remembered of them.
        let heard = |wait| if self.policy.hints == Hints::Ignore { 0 } else { wait };
        let half_open = matches!(self.phase, Phase::HalfOpen { .. });
        match verdict {
            Verdict::Success => Meaning::Success,
            Verdict::Reachable => Meaning::Reachable,
            Verdict::Ignore => Meaning::Nothing,
            Verdict::Failure(None) => Meaning::Failure { wait: 0, at_once: false },
            // A wait of nothing is a past one: as if there were no hint.
            Verdict::Failure(Some(hint)) => {
                Meaning::Failure { wait: heard(hint.after), at_once: obeys && hint.limiting && hint.after > 0 }
            }
            Verdict::Limited(wait) if obeys && wait > 0 => Meaning::Failure { wait, at_once: true },
            Verdict::Limited(_) => Meaning::Reachable,
            Verdict::Relayed(wait) if half_open => Meaning::Failure { wait: heard(wait.unwrap_or(0)), at_once: false },
            Verdict::Relayed(_) => Meaning::Nothing,
        }
    }
}
