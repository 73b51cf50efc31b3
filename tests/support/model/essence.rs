//! What of a model's past still matters: two models of the same essence behave alike for ever.
//!
//! Histories grow without end, but what can come of them does not: instants matter as ages, ages beyond every length of
//! the policy are alike, and so are calls of other epochs. With this a walk through all that can happen comes to an end.
//!
//! For policies whose open times do not depend on the level, that forgive at once, and without rates: those look
//! further back.

use super::{Call, CoolDown, Forgive, Model, Nanos, Overlay, Phase, Role};

/// What still matters of a model.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Essence {
    /// With an expiry as the time that is left.
    overlay: Overlay,
    phase: Place,
    out: Vec<OutCall>,
    /// The age of each failure of the log, and how far its hint reaches.
    log: Vec<(Nanos, Nanos)>,
    run: usize,
}

/// The phase by ages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Place {
    Closed,
    Open {
        remaining: Nanos,
        length: Nanos,
    },
    HalfOpen {
        stage: u32,
        stage_age: Nanos,
        cool_down: Nanos,
        successes: usize,
        /// Of the last request that may probe.
        arrival_age: Nanos,
    },
}

/// A call that is out, in order of admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum OutCall {
    /// Its outcome changes nothing.
    Idle {
        late: bool,
    },
    Regular {
        age: Nanos,
        /// Failures of the log, and of the run, that a success of it would not clear.
        newer: (usize, usize),
        /// Nobody was answered since its admission.
        unanswered: bool,
    },
    Probe {
        age: Nanos,
        stage: u32,
        excused: bool,
    },
}

impl Model {
    /// The essence at an instant that has been settled.
    ///
    /// # Panics
    ///
    /// If the policy looks further back than an essence does.
    #[must_use]
    pub fn essence(&self, now: Nanos) -> Essence {
        let policy = &self.policy;
        let forgets = policy.forgive == Forgive::AtOnce && policy.failure_rate.is_none() && policy.slow_calls.is_none();
        assert!(forgets && matches!(policy.cool_down, CoolDown::Constant(_)), "this policy never forgets");
        let age = |at: Nanos| (now - at).min(self.longest() + 1);
        let (log, run) = match self.phase {
            Phase::Closed { .. } => (self.log(), self.run()),
            _ => (Vec::new(), Vec::new()),
        };
        // A run that nobody asks for has no end.
        let run = if policy.in_a_row.is_some() { run } else { Vec::new() };
        let newer = |call: &Call| {
            let count = |failures: &[(Call, super::End)]| failures.iter().filter(|(_, end)| end.seq > call.seq).count();
            (count(&log), count(&run))
        };
        let out = self.history.calls().iter().enumerate().filter(|(_, call)| call.end.is_none());
        let out = out.map(|(index, call)| match call.role {
            Role::Bystander => OutCall::Idle { late: false },
            _ if call.epoch != self.epoch || call.void => OutCall::Idle { late: true },
            Role::Regular => OutCall::Regular {
                age: age(call.admitted),
                newer: newer(call),
                unanswered: call.seq > self.last_answer(),
            },
            Role::Probe { stage } => OutCall::Probe { age: age(call.admitted), stage, excused: self.is_excused(index) },
        });
        let reach = |end: &super::End| match end.meaning {
            super::Meaning::Failure { wait, .. } => (end.at + wait).saturating_sub(now),
            _ => 0,
        };
        Essence {
            overlay: self.overlay.map_expiry(|at| at - now),
            phase: self.place(now, age),
            out: out.collect(),
            log: log.iter().map(|(_, end)| (age(end.at), reach(end))).collect(),
            run: run.len(),
        }
    }

    fn place(&self, now: Nanos, age: impl Fn(Nanos) -> Nanos) -> Place {
        match self.phase {
            Phase::Closed { .. } => Place::Closed,
            Phase::Open(open) => Place::Open { remaining: open.earliest - now, length: open.length() },
            Phase::HalfOpen { since, stage, stage_since, cool_down, .. } => Place::HalfOpen {
                stage,
                stage_age: age(stage_since),
                cool_down,
                successes: self.successes_of(stage).len().min(self.policy.slots(stage)),
                arrival_age: age(self.last_eligible().unwrap_or(since)),
            },
        }
    }

    /// The longest length of time that the policy knows.
    fn longest(&self) -> Nanos {
        let policy = &self.policy;
        let window = policy.window.map_or(0, |window| window.within);
        let stall = policy.stall.map_or(0, |stall| stall.after);
        let rest = [policy.cool_down.longest(), policy.deadline, policy.patience(), policy.stage_time, policy.max_hint];
        rest.into_iter().chain([window, stall]).max().unwrap_or(0)
    }
}
