//! May this call pass, and if not, why and for how long?

use super::history::Arrival;
use super::{Model, Nanos, Overlay, Phase, Role};

/// What a call is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It may pass; its place in the list of calls.
    Admitted(usize),
    /// It may not.
    Refused(Refusal),
}

/// Why, and how long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reason.
    pub why: Why,
    /// How long to wait; `None` where the description does not say.
    pub wait: Option<Nanos>,
}

/// Why a call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The operator said so.
    Forced,
    /// It is open.
    Open,
    /// Half-open, and all slots are taken.
    SlotsTaken,
    /// Half-open, and this request may not probe.
    MayNotProbe,
}

impl Model {
    /// A call comes.
    pub fn admit(&mut self, may_probe: bool, now: Nanos) -> Answer {
        self.settle(now);
        let decision = match self.overlay {
            Overlay::ForcedOpen { expiry } => Err(Refusal { why: Why::Forced, wait: expiry.map(|at| at - now) }),
            // Nothing is recorded: the machine does not hear of the call.
            Overlay::ForcedClosed { .. } => Ok(Role::Bystander),
            Overlay::Automatic => self.decide(may_probe, now),
            // What the machine would refuse is admitted all the same.
            Overlay::Shadow { .. } => self.decide(may_probe, now).or_else(|_| {
                self.totals.shadow_refused += 1;
                Ok(Role::Bystander)
            }),
        };
        self.totals.probes += u64::from(matches!(decision, Ok(Role::Probe { .. })));
        match decision {
            Ok(role) => {
                let timed = self.policy.slow_calls.is_some();
                Answer::Admitted(self.history.admit(now, self.epoch, role, timed))
            }
            Err(refusal) => Answer::Refused(refusal),
        }
    }

    /// What the machine says.
    fn decide(&mut self, may_probe: bool, now: Nanos) -> Result<Role, Refusal> {
        match self.phase {
            Phase::Closed { .. } => Ok(Role::Regular),
            Phase::Open(open) => Err(Refusal { why: Why::Open, wait: Some(open.earliest - now) }),
            Phase::HalfOpen { stage, cool_down, .. } => {
                let may_take_slot = self.may_take_slot(may_probe, now);
                if may_probe {
                    self.history.arrivals.push(Arrival { at: now, epoch: self.epoch });
                }
                let taken = self.taking_slots(now);
                if !may_take_slot {
                    return Err(Refusal { why: Why::MayNotProbe, wait: Some(cool_down) });
                }
                if taken.len() < self.policy.slots(stage) {
                    return Ok(Role::Probe { stage });
                }
                let oldest = taken.iter().map(|call| call.admitted + self.policy.patience() - now).min();
                Err(Refusal { why: Why::SlotsTaken, wait: oldest.map(|wait| wait.min(cool_down)) })
            }
        }
    }
}
