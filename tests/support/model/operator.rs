//! Overlay, reset and new policies.

use super::{Model, Nanos, Overlay, Phase, Policy, What};

impl Model {
    /// The operator changes the overlay.
    pub fn overlay(&mut self, overlay: Overlay, now: Nanos) {
        self.settle(now);
        if std::mem::discriminant(&self.overlay) == std::mem::discriminant(&overlay) {
            // Nothing changes but the expiry.
            self.overlay = overlay;
        } else {
            self.put_overlay(overlay, now);
        }
    }

    /// Every change of overlay starts a new epoch. When a forced one ends, closed starts clean; open goes on to its
    /// deadline. Half-open starts again at stage 0 whatever the change is, for the permits of its probes are void.
    pub(super) fn put_overlay(&mut self, overlay: Overlay, at: Nanos) {
        let was_forced = self.overlay.is_forced();
        self.tell(at, What::OverlayChanged(self.overlay.bare(), overlay.bare()));
        self.level = self.level_at(at);
        self.overlay = overlay;
        self.epoch += 1;
        if was_forced || overlay.is_forced() {
            self.history.clean();
        }
        match &mut self.phase {
            Phase::Closed { since } => {
                if was_forced || overlay.is_forced() {
                    *since = at;
                } else if let super::Forgive::Each(interval) = self.policy.forgive {
                    // What was forgiven up to now is settled; the interval that has begun goes on.
                    *since += at.saturating_sub(*since) / interval * interval;
                }
            }
            Phase::Open(_) => {}
            Phase::HalfOpen { since, stage, stage_since, .. } => {
                (*since, *stage, *stage_since) = (at, 0, at);
            }
        }
        self.tell_half_opened(at);
    }

    /// As newly built.
    pub fn reset(&mut self, now: Nanos) {
        self.settle(now);
        self.overlay = Overlay::Automatic;
        self.phase = Phase::Closed { since: now };
        self.level = 0;
        self.epoch += 1;
        self.history.clean();
        self.untold = false;
        self.tell(now, What::Reset);
    }

    /// A new policy keeps the state, and acts from now on.
    pub fn set_policy(&mut self, policy: Policy, now: Nanos) {
        self.settle(now);
        self.level = self.level_at(now);
        self.forget_for(&policy);
        match &mut self.phase {
            Phase::Closed { since } => {
                if self.policy.forgive != policy.forgive {
                    *since = now;
                } else if let super::Forgive::Each(interval) = policy.forgive {
                    *since += now.saturating_sub(*since) / interval * interval;
                }
            }
            // What is open stays open, its deadline clamped to the new maximum, or to the new `max_hint` where a hint
            // set it.
            Phase::Open(open) => {
                let longest = if open.hinted { policy.max_hint } else { policy.cool_down.longest() };
                let clamped = open.earliest.min(now + longest);
                (open.earliest, open.latest) = (clamped, clamped);
            }
            Phase::HalfOpen { cool_down, hinted, .. } => *cool_down = (*cool_down).min(policy.longest_open(*hinted)),
        }
        self.policy = policy;
        self.policy_since = now;
        self.tell(now, What::PolicyChanged);
    }

    /// The failure log keeps what fits into both; a window of another length starts with nothing.
    fn forget_for(&mut self, policy: &Policy) {
        let seq = self.history.last_seq();
        let oldest_kept = self.oldest_kept(self.policy.log().min(policy.log()));
        let forgotten = &mut self.history.forgotten;
        forgotten.log = forgotten.log.max(oldest_kept.map_or(seq, |oldest| oldest - 1));
        let old = &self.policy;
        if old.window.is_some_and(|window| window.keep) {
            forgotten.log_successes = seq;
        }
        // A run is counted from when somebody asks for it.
        if old.in_a_row.is_none() {
            forgotten.in_a_row = seq;
        }
        if old.failure_rate.map(|rate| rate.over) != policy.failure_rate.map(|rate| rate.over) {
            forgotten.failure_rate = seq;
        }
        if old.slow_calls.map(|slow| slow.rate.over) != policy.slow_calls.map(|slow| slow.rate.over) {
            forgotten.slow_calls = seq;
        }
        if old.stall.is_none() {
            forgotten.stall = seq;
        }
    }
}
