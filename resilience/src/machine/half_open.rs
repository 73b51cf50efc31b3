use crate::clock::Instant;
use crate::policy::{Policy, Rules};

/// A probe whose outcome is still waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Probe {
    number: u32,
    stage: u32,
    admitted: Instant,
}

/// The probes of one spell of half-open: who is out, how far recovery is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct HalfOpen {
    /// The open time that led here, in nanoseconds: "the current cool-down".
    pub(super) cool_down: u64,
    stage: u32,
    stage_began: Instant,
    /// How many of this stage's own probes succeeded, and when the last one that was needed did.
    succeeded: u32,
    completed: Instant,
    /// Oldest first: numbers and instants ascend.
    out: Vec<Probe>,
    admitted: u32,
    /// The newest probe that has succeeded: an older one that runs out of time no longer speaks for the upstream.
    last_success: Option<u32>,
    /// When a request that may probe was last seen; the beginning, if none was.
    eligible_seen: Instant,
}

/// What the passing of time alone does to half-open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// The oldest probe has outlived its deadline.
    Overdue,
    /// The stage has its successes and has lasted long enough.
    StageComplete,
}

/// Why no probe is admitted; the wait in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoProbe {
    SlotsTaken { wait: u64 },
    MayNotProbe { wait: u64 },
}

impl HalfOpen {
    /// Probes are numbered in so many bits (by the permit's packed form); after the last one the spell begins anew.
    pub(super) const NUMBER_BITS: u32 = 24;

    pub(super) fn begin(at: Instant, cool_down: u64, rules: &Rules) -> Self {
        Self {
            cool_down,
            stage: 0,
            stage_began: at,
            succeeded: 0,
            completed: at,
            // One block for all that can ever be out, so that no probe allocates. The policy's check bounds it.
            out: Vec::with_capacity(most_out(rules)),
            admitted: 0,
            last_success: None,
            eligible_seen: at,
        }
    }

    pub(super) fn stage(&self) -> u32 {
        self.stage
    }

    /// The probes that take up a slot at `now`.
    pub(super) fn in_flight(&self, rules: &Rules, now: Instant) -> u32 {
        let impatient = self.out.partition_point(|probe| now >= probe.admitted.plus(rules.patience));
        u32::try_from(self.out.len() - impatient).unwrap_or(u32::MAX)
    }

    /// Whether the numbers of this spell are used up.
    pub(super) fn exhausted(&self) -> bool {
        self.admitted >> Self::NUMBER_BITS != 0
    }

    /// As if all numbers but one had been given out.
    #[cfg(test)]
    pub(super) fn spend_numbers(&mut self) {
        self.admitted = (1 << Self::NUMBER_BITS) - 1;
    }

    /// Whether a probe would be admitted.
    pub(super) fn check(&self, rules: &Rules, may_probe: bool, now: Instant) -> Result<(), NoProbe> {
        if self.stage == 0 && !may_probe && now < self.eligible_seen.plus(self.cool_down) {
            return Err(NoProbe::MayNotProbe { wait: self.cool_down });
        }
        let impatient = self.out.partition_point(|probe| now >= probe.admitted.plus(rules.patience));
        let holding = &self.out[impatient..];
        match holding.first() {
            Some(oldest) if holding.len() >= slots(self.stage, rules) as usize => {
                let wait = oldest.admitted.plus(rules.patience).since(now);
                Err(NoProbe::SlotsTaken { wait: wait.min(self.cool_down) })
            }
            _ => Ok(()),
        }
    }

    /// Remembers that a request that may probe has come, whether or not it found a slot.
    pub(super) fn saw_eligible(&mut self, now: Instant) {
        self.eligible_seen = now;
    }

    /// Admits a probe that [`check`](Self::check) let pass; tells its number.
    pub(super) fn admit(&mut self, now: Instant) -> u32 {
        let number = self.admitted;
        self.admitted += 1;
        self.out.push(Probe { number, stage: self.stage, admitted: now });
        number
    }

    /// Takes a probe's permit back; `None` if it had been given up.
    pub(super) fn take_back(&mut self, number: u32) -> Option<Returned> {
        let index = self.out.binary_search_by_key(&number, |probe| probe.number).ok()?;
        let probe = self.out.remove(index);
        Some(Returned { number, stage: probe.stage })
    }

    /// Counts the success of a probe that was taken back.
    pub(super) fn succeed(&mut self, probe: Returned, rules: &Rules, now: Instant) {
        self.last_success = self.last_success.max(Some(probe.number));
        if probe.stage == self.stage {
            self.succeeded = self.succeeded.saturating_add(1);
            if self.succeeded <= slots(self.stage, rules) {
                self.completed = now;
            }
        }
    }

    /// The first thing that time alone has brought about by `now`, and when.
    pub(super) fn due(&self, rules: &Rules, now: Instant) -> Option<(Instant, Due)> {
        let overdue = self.out.first().map(|probe| (probe.admitted.plus(rules.deadline), Due::Overdue));
        let complete = (self.succeeded >= slots(self.stage, rules)).then(|| {
            let least = self.stage_began.plus(rules.stage_time);
            (self.completed.max(least), Due::StageComplete)
        });
        // At the same instant the failure counts: the cautious reading.
        first(overdue, complete).filter(|(at, _)| *at <= now)
    }

    /// Gives up the oldest probe, whose deadline has passed. Whether that is a failure of the upstream: not if a probe
    /// that was admitted after it has succeeded meanwhile.
    pub(super) fn give_up_oldest(&mut self) -> bool {
        if self.out.is_empty() {
            return false;
        }
        let oldest = self.out.remove(0);
        self.last_success.is_none_or(|newest| newest < oldest.number)
    }

    /// Goes to the next stage; `None` if this was the last one.
    pub(super) fn next_stage(&mut self, rules: &Rules, at: Instant) -> Option<u32> {
        let next = self.stage + 1;
        (next < rules.policy().stages).then(|| {
            self.stage = next;
            self.stage_began = at;
            self.succeeded = 0;
            self.completed = at;
            next
        })
    }
}

/// What comes first of two things that may come; the former, if they come together.
#[inline]
pub(super) fn first<T>(a: Option<(Instant, T)>, b: Option<(Instant, T)>) -> Option<(Instant, T)> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if a.0 <= b.0 { a } else { b }),
        (a, b) => a.or(b),
    }
}

/// A probe's permit that came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Returned {
    number: u32,
    stage: u32,
}

/// The probes that a stage lets be in flight, and the successes that it wants.
fn slots(stage: u32, rules: &Rules) -> u32 {
    // Rules that were put in force meanwhile may have fewer stages: the later ones are as their last one. So their check
    // keeps the product at 4096 at most.
    let Policy { probes, stages, .. } = rules.policy();
    probes.checked_shl(stage.min(stages - 1)).unwrap_or(u32::MAX)
}

/// How many probes can be out at once: those of the last stage, and those whose patience but not whose deadline is over.
fn most_out(rules: &Rules) -> usize {
    // Whatever comes after the last stage is as that one.
    let last_stage = u64::from(slots(u32::MAX, rules));
    // At its deadline a probe is given up before the next one is admitted.
    let generations = rules.deadline.div_ceil(rules.patience.max(1)).max(1);
    usize::try_from(last_stage.saturating_mul(generations)).unwrap_or(usize::MAX).min(4096)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const SECOND: u64 = 1_000_000_000;

    /// Admits whenever it may, and nothing ever comes back: the most that were out at once.
    fn out_at_worst(rules: &Rules) -> usize {
        let mut half_open = HalfOpen::begin(Instant::default(), SECOND, rules);
        half_open.stage = rules.policy().stages - 1;
        let mut most = 0;
        for tenth in 0..200 {
            let now = Instant::from_nanos(tenth * SECOND / 10);
            while half_open.due(rules, now).is_some() {
                half_open.give_up_oldest();
            }
            while half_open.check(rules, true, now).is_ok() {
                half_open.admit(now);
            }
            most = most.max(half_open.out.len());
        }
        most
    }

    #[test]
    fn room_is_kept_for_as_many_probes_as_can_be_out_and_for_no_more() {
        for (probes, stages, patience, deadline, expected) in
            [(1, 1, 1000, 3000, 3), (2, 3, 1000, 2500, 24), (3, 2, 700, 700, 6), (1, 1, 5000, 4000, 1)]
        {
            let policy = Policy {
                probes,
                stages,
                probe_patience: Some(Duration::from_millis(patience)),
                probe_deadline: Duration::from_millis(deadline),
                ..Policy::default()
            };
            let rules = Rules::new(policy).unwrap();
            assert_eq!((out_at_worst(&rules), most_out(&rules)), (expected, expected), "{rules:?}");
        }
    }
}
