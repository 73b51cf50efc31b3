//! Instants at which something changes, so that scripts can go to them, and to just before and just after them.

use super::{Forgive, Model, Nanos, Phase};

impl Model {
    /// The instants after `now` that matter, as far as the present state knows them; sorted, each once.
    #[must_use]
    pub fn landmarks(&self, now: Nanos) -> Vec<Nanos> {
        let mut instants: Vec<Nanos> = self.next_event().into_iter().collect();
        for call in self.calls() {
            match call.end {
                None if call.epoch == self.epoch => instants.extend(self.ages().map(|age| call.admitted + age)),
                Some(end) if end.counted => instants.extend(self.lengths().map(|length| end.at + length)),
                _ => {}
            }
        }
        match (self.phase, self.policy.forgive) {
            (Phase::Closed { since }, Forgive::Each(interval)) => {
                instants.extend((1..4).map(|count| since + count * interval));
            }
            (Phase::HalfOpen { since, stage_since, cool_down, .. }, _) => {
                instants.extend([since + cool_down, stage_since + self.policy.stage_time]);
                instants.extend(self.history.arrivals.iter().map(|arrival| arrival.at + cool_down));
            }
            (Phase::Open(open), _) => instants.push(open.earliest),
            (Phase::Closed { .. }, Forgive::AtOnce) => {}
        }
        instants.extend(self.overlay.expiry());
        instants.retain(|instant| *instant > now);
        instants.sort_unstable();
        instants.dedup();
        instants
    }

    /// Ages that matter for a call that is out.
    fn ages(&self) -> impl Iterator<Item = Nanos> {
        let policy = &self.policy;
        let slow = policy.slow_calls.map(|slow| slow.limit);
        let stall = policy.stall.map(|stall| stall.after);
        [Some(policy.patience()), Some(policy.deadline), Some(policy.abandon_after), slow, stall].into_iter().flatten()
    }

    /// Lengths of time that matter for a call that has ended.
    fn lengths(&self) -> impl Iterator<Item = Nanos> {
        let policy = &self.policy;
        let rate = policy.failure_rate.map(|rate| rate.over);
        let slow = policy.slow_calls.map(|slow| slow.rate.over);
        let window = policy.window.map(|window| window.within);
        let (rate_end, slow_end) = (rate.map(|over| over * 65 / 64), slow.map(|over| over * 65 / 64));
        [window, rate, rate_end, slow, slow_end].into_iter().flatten()
    }
}
