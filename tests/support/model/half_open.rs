//! Who may probe, who takes up a slot, and when a stage is complete.

use super::outcome::Meaning;
use super::{Call, Model, Nanos, Phase, Role};

impl Model {
    /// The probes that take up a slot: they are out, not void, and not out for longer than patience.
    pub(super) fn taking_slots(&self, now: Nanos) -> Vec<Call> {
        let patience = self.policy.patience();
        self.history
            .probes(self.epoch)
            .map(|(_, call)| *call)
            .filter(|call| call.end.is_none() && !call.void && now < call.admitted + patience)
            .collect()
    }

    /// Whether this request may take a slot: any from stage 1 on; in stage 0 those that may probe, and all of them once
    /// none that may has come for a whole further cool-down.
    pub(super) fn may_take_slot(&self, may_probe: bool, now: Nanos) -> bool {
        let Phase::HalfOpen { since, stage, cool_down, .. } = self.phase else { return false };
        may_probe || stage > 0 || now >= self.last_eligible().unwrap_or(since) + cool_down
    }

    /// When a request that may probe came last, in this spell of half-open.
    pub(super) fn last_eligible(&self) -> Option<Nanos> {
        self.history.arrivals.iter().filter(|arrival| arrival.epoch == self.epoch).map(|arrival| arrival.at).max()
    }

    /// When the probes of a stage have succeeded, in order.
    pub(super) fn successes_of(&self, stage: u32) -> Vec<Nanos> {
        let mut successes: Vec<_> = self
            .history
            .probes(self.epoch)
            .filter(|(_, call)| call.role == Role::Probe { stage } && has_succeeded(call))
            .filter_map(|(_, call)| call.end)
            .map(|end| end.at)
            .collect();
        successes.sort_unstable();
        successes
    }

    /// When the present stage ends: as many of its probes have succeeded as it admits, and its least length is over.
    pub(super) fn stage_ends(&self) -> Option<Nanos> {
        let Phase::HalfOpen { stage, stage_since, .. } = self.phase else { return None };
        let successes = self.successes_of(stage);
        let complete = successes.get(self.policy.slots(stage) - 1)?;
        Some((*complete).max(stage_since + self.policy.stage_time))
    }

    /// The probe whose deadline runs out next, and when.
    pub(super) fn overdue(&self) -> Option<(usize, Nanos)> {
        self.history
            .probes(self.epoch)
            .filter(|(_, call)| call.end.is_none() && !call.void)
            .map(|(index, call)| (index, call.admitted + self.policy.deadline))
            .min_by_key(|(_, at)| *at)
    }

    /// A probe admitted after this one has succeeded meanwhile, whatever its stage.
    pub(super) fn is_excused(&self, overdue: usize) -> bool {
        let admitted = self.history.calls()[overdue].seq;
        self.history.probes(self.epoch).any(|(_, call)| call.seq > admitted && has_succeeded(call))
    }
}

/// In half-open an answer that proves nothing counts like a success.
fn has_succeeded(call: &Call) -> bool {
    call.end.is_some_and(|end| end.counted && matches!(end.meaning, Meaning::Success | Meaning::Reachable))
}
