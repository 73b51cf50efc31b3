//! What has become due by now, one thing after another, each as of its own instant.

use super::{Cause, Forgive, Hints, Model, Nanos, OpenTime, Overlay, Phase, Rule, What};

/// Something that happens by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    OverlayExpires,
    CoolDownEnds,
    ProbeIsOverdue(usize),
    StageEnds,
    Stalls,
}

impl Model {
    /// Lets time pass. Everything that is due at `now` or before happens, the earliest first.
    pub(super) fn settle(&mut self, now: Nanos) {
        while let Some((at, due)) = self.next_due() {
            if at > now {
                return;
            }
            // What a new policy has made overdue happens when it is set.
            let at = at.max(self.policy_since);
            match due {
                Due::OverlayExpires => self.put_overlay(Overlay::Automatic, at),
                Due::CoolDownEnds => self.half_open(at),
                // A deadline that runs out reopens, as of that instant, only if no probe admitted later has succeeded
                // meanwhile; either way the permit is void from then on.
                Due::ProbeIsOverdue(call) if self.is_excused(call) => self.history.void(call),
                Due::ProbeIsOverdue(_) => {
                    self.totals.failures += 1;
                    self.trip(at, vec![Cause::one(Rule::ProbeDeadline, at)], None);
                }
                Due::StageEnds => self.next_stage(at),
                Due::Stalls => {
                    self.totals.failures += 1;
                    let farthest = self.farthest_hint(at);
                    self.trip(at, vec![Cause::uncounted(Rule::Stall)], farthest);
                }
            }
        }
    }

    /// The next instant at which something happens by itself, if nothing else comes.
    #[must_use]
    pub fn next_event(&self) -> Option<Nanos> {
        self.next_due().map(|(at, _)| at)
    }

    /// Of things due at the same instant the first of the list happens first.
    fn next_due(&self) -> Option<(Nanos, Due)> {
        let expires = self.overlay.expiry().map(|expiry| (expiry, Due::OverlayExpires));
        let of_the_phase = match self.phase {
            Phase::Closed { .. } => [self.stalls_at().map(|at| (at, Due::Stalls)), None],
            // A read at the deadline itself reports half-open.
            Phase::Open(open) => [Some((open.earliest, Due::CoolDownEnds)), None],
            Phase::HalfOpen { .. } => [
                self.overdue().map(|(call, at)| (at, Due::ProbeIsOverdue(call))),
                self.stage_ends().map(|at| (at, Due::StageEnds)),
            ],
        };
        std::iter::once(expires).chain(of_the_phase).flatten().min_by_key(|(at, _)| *at)
    }

    /// Opens for the cool-down of the present level, or for as long as a hint says, and raises the level by one.
    pub(super) fn trip(&mut self, at: Nanos, causes: Vec<Cause>, not_before: Option<Nanos>) {
        let level = self.level_at(at);
        let (own, own_rounded_up) = self.policy.cool_down.at(level);
        let hint = match self.policy.hints {
            Hints::Ignore => 0,
            Hints::Extend | Hints::Obey => not_before.map_or(0, |instant| instant.saturating_sub(at)),
        };
        let hint = hint.min(self.policy.max_hint);
        self.phase = Phase::Open(OpenTime {
            since: at,
            earliest: at + own.max(hint),
            latest: at + self.policy.with_jitter(own_rounded_up.max(hint)),
            hinted: hint > own,
        });
        self.level = level.saturating_add(1);
        self.epoch += 1;
        self.tripped_by = causes;
        self.totals.trips += 1;
        // A trip clears the log.
        self.history.clean();
        self.tell(at, What::Tripped(self.level));
    }

    fn half_open(&mut self, at: Nanos) {
        if let Phase::Open(open) = self.phase {
            let cool_down = open.length().min(self.policy.longest_open(open.hinted));
            self.phase = Phase::HalfOpen { since: at, stage: 0, stage_since: at, cool_down, hinted: open.hinted };
            self.epoch += 1;
            self.untold = true;
            self.tell_half_opened(at);
        }
    }

    fn next_stage(&mut self, at: Nanos) {
        let Phase::HalfOpen { stage, stage_since, .. } = &mut self.phase else { return };
        // A new stage is no new epoch.
        (*stage, *stage_since) = (*stage + 1, at);
        let stage = *stage;
        if stage >= self.policy.stages {
            self.close(at);
        } else {
            self.tell(at, What::StageReached(stage));
        }
    }

    fn close(&mut self, at: Nanos) {
        if self.policy.forgive == Forgive::AtOnce {
            self.level = 0;
        }
        self.phase = Phase::Closed { since: at };
        self.epoch += 1;
        self.history.clean();
        self.tell(at, What::Closed);
    }

    /// The level of an instant that has been settled.
    #[must_use]
    pub fn level(&self, now: Nanos) -> u32 {
        self.level_at(now)
    }

    /// The trips not forgiven by `now`: with forgiveness by intervals, one less for each full one spent closed.
    pub(super) fn level_at(&self, now: Nanos) -> u32 {
        match (self.phase, self.policy.forgive) {
            (Phase::Closed { since }, Forgive::Each(interval)) if !self.overlay.is_forced() => {
                self.level.saturating_sub(u32::try_from(now.saturating_sub(since) / interval).unwrap_or(u32::MAX))
            }
            _ => self.level,
        }
    }
}
