//! Who is admitted, and why not.

use super::core::{Machine, Rest, State};
use super::half_open::{HalfOpen, NoProbe};
use super::{Context, Event, Overlay, Reason, Refusal, Ticket, Trip};
use crate::clock::Instant;
use std::time::Duration;

impl Machine {
    /// Admits a call, or says why not.
    ///
    /// # Errors
    ///
    /// The refusal: why, and how long to wait.
    pub fn admit(&mut self, cx: &Context<'_>, may_probe: bool, fx: &mut Vec<Event>) -> Result<Ticket, Refusal> {
        self.settle(cx, fx);
        match self.overlay().0 {
            Overlay::ForcedClosed => Ok(Ticket::Untracked),
            Overlay::Shadow => self.admit_by_state(cx, may_probe).or_else(|_| {
                self.rest_mut().counts.shadow_refused += 1;
                Ok(Ticket::Untracked)
            }),
            Overlay::Automatic => self.admit_by_state(cx, may_probe),
            Overlay::ForcedOpen => Err(self.forced_open(cx)),
        }
    }

    /// Turns a call away that cannot be made whatever the machine says; why it would have been refused, if it would.
    pub(crate) fn turn_away(&mut self, cx: &Context<'_>, may_probe: bool, fx: &mut Vec<Event>) -> Option<Refusal> {
        self.settle(cx, fx);
        let refusal = self.refuses(cx, may_probe);
        self.saw(cx, may_probe);
        refusal
    }

    fn saw(&mut self, cx: &Context<'_>, may_probe: bool) {
        if let (true, Some(State::HalfOpen(half_open))) = (may_probe, self.state_mut()) {
            half_open.saw_eligible(cx.now);
        }
    }

    /// Asks everything before it takes anything: a call that the quota refuses takes no probe's slot, and one that the
    /// phase refuses takes no token.
    fn admit_by_state(&mut self, cx: &Context<'_>, may_probe: bool) -> Result<Ticket, Refusal> {
        let (epoch, seen) = (self.epoch, self.seq);
        self.saw(cx, may_probe);
        if let Some(refusal) = self.refused_by_state(cx, may_probe) {
            return Err(refusal);
        }
        let Some(rest) = self.rest.as_deref_mut() else { return Ok(Ticket::Call { epoch, seen }) };
        if let (Some(guard), Some(pace)) = (&mut rest.quota, &cx.rules.quota) {
            guard.take(pace, cx.now);
        }
        match &mut rest.state {
            // Open refuses, so it is closed.
            State::Closed | State::Open => {
                if let (Some(stall), true) = (&mut rest.stall, cx.rules.watches_stalls()) {
                    return Ok(Ticket::Watched { epoch, number: stall.admit(cx.now, seen) });
                }
                Ok(Ticket::Call { epoch, seen })
            }
            State::HalfOpen(half_open) => {
                rest.counts.probes += 1;
                if half_open.exhausted() {
                    // No number is left that an earlier probe of this epoch has not had.
                    self.epoch += 1;
                    *half_open = HalfOpen::begin(cx.now, half_open.cool_down, cx.rules);
                }
                Ok(Ticket::Probe { epoch: self.epoch, number: half_open.admit(cx.now) })
            }
        }
    }

    /// Admits a probe that the owner makes of itself, not for a request: in half-open only, and shadow mode knows none.
    ///
    /// # Errors
    ///
    /// When to ask again, if nothing happens before; `None`: when something happens.
    pub fn admit_probe(&mut self, cx: &Context<'_>, fx: &mut Vec<Event>) -> Result<Ticket, Option<Duration>> {
        self.settle(cx, fx);
        let none = Rest::default();
        let rest = self.rest.as_deref().unwrap_or(&none);
        let expires = rest.overlay_until.map(|until| Duration::from_nanos(until.since(cx.now)));
        let due = match &rest.state {
            _ if rest.overlay.is_forced() => None,
            State::Closed => None,
            State::Open => Some(open(rest.trip, cx.now).wait),
            State::HalfOpen(half_open) => match half_open.check(cx.rules, true, cx.now) {
                Ok(()) => return self.admit_by_state(cx, true).map_err(|refusal| Some(refusal.wait)),
                Err(why) => Some(refused_probe(why).wait),
            },
        };
        if let (true, Some(State::HalfOpen(half_open))) = (due.is_some(), self.state_mut()) {
            half_open.saw_eligible(cx.now);
        }
        Err([due, expires].into_iter().flatten().min())
    }

    /// Why a call would be refused now, if it would; changes nothing and remembers nothing.
    #[must_use]
    pub fn would_refuse(&self, cx: &Context<'_>, may_probe: bool) -> Option<Refusal> {
        if self.next_step(cx).is_some() {
            let mut settled = self.clone();
            settled.settle(cx, &mut Vec::new());
            return settled.refuses(cx, may_probe);
        }
        self.refuses(cx, may_probe)
    }

    fn refuses(&self, cx: &Context<'_>, may_probe: bool) -> Option<Refusal> {
        match self.overlay().0 {
            Overlay::ForcedOpen => Some(self.forced_open(cx)),
            Overlay::ForcedClosed | Overlay::Shadow => None,
            Overlay::Automatic => self.refused_by_state(cx, may_probe),
        }
    }

    fn forced_open(&self, cx: &Context<'_>) -> Refusal {
        let wait = match self.overlay().1 {
            Some(until) => until.since(cx.now),
            // Nobody knows when the operator will lift it; the cool-down that a trip would have is as good a guess as any.
            None => cx.rules.cool_down(self.level(cx)),
        };
        Refusal { reason: Reason::ForcedOpen, wait: Duration::from_nanos(wait) }
    }

    /// Why the phase refuses a call, or else the quota; whatever lies over them.
    fn refused_by_state(&self, cx: &Context<'_>, may_probe: bool) -> Option<Refusal> {
        let rest = self.rest.as_deref()?;
        let by_phase = match &rest.state {
            State::Closed => None,
            State::Open => Some(open(rest.trip, cx.now)),
            State::HalfOpen(half_open) => half_open.check(cx.rules, may_probe, cx.now).err().map(refused_probe),
        };
        by_phase.or_else(|| {
            let wait = rest.quota.as_ref()?.wait(cx.rules.quota.as_ref()?, cx.now);
            (wait > 0).then(|| Refusal { reason: Reason::Quota, wait: Duration::from_nanos(wait) })
        })
    }
}

pub(super) fn open(trip: Option<Trip>, now: Instant) -> Refusal {
    let wait = trip.map_or(0, |trip| trip.until.since(now));
    Refusal { reason: Reason::Open, wait: Duration::from_nanos(wait) }
}

fn refused_probe(why: NoProbe) -> Refusal {
    let (reason, wait) = match why {
        NoProbe::SlotsTaken { wait } => (Reason::ProbesOut, wait),
        NoProbe::MayNotProbe { wait } => (Reason::MayNotProbe, wait),
    };
    Refusal { reason, wait: Duration::from_nanos(wait) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{Phase, Report};
    use crate::policy::{Policy, Rules};
    use crate::{Verdict, clock};

    #[test]
    fn when_the_numbers_of_probes_are_used_up_the_next_epoch_begins_and_earlier_probes_are_late() {
        let rules = Rules::new(Policy { jitter: 0.0, probes: 2, stages: 1, ..Policy::default() }).unwrap();
        let at = |seconds: u64| Context::new(&rules, Instant::from_nanos(seconds * 1_000_000_000)).salted(1);
        let (mut machine, mut fx) = (Machine::new(&rules), Vec::new());
        for _ in 0..3 {
            let ticket = machine.admit(&at(1), true, &mut fx).unwrap();
            machine.record(&at(1), ticket, Report::new(Verdict::Failure(None)), &mut fx);
        }
        let open = machine.admit(&at(1), true, &mut fx).unwrap_err();
        assert_eq!(clock::nanos(open.wait), 1_000_000_000);
        machine.settle(&at(2), &mut fx);
        let epoch = machine.epoch();
        if let Some(State::HalfOpen(half_open)) = machine.rest.as_deref_mut().map(|rest| &mut rest.state) {
            half_open.spend_numbers();
        }
        let last = machine.admit(&at(2), true, &mut fx).unwrap();
        assert_eq!((last.epoch(), machine.epoch()), (Some(epoch), epoch));
        let first = machine.admit(&at(2), true, &mut fx).unwrap();
        assert_eq!((first.epoch(), machine.epoch()), (Some(epoch + 1), epoch + 1));
        machine.record(&at(2), last, Report::new(Verdict::Failure(None)), &mut fx);
        assert!(matches!(machine.view(&at(2)).phase, Phase::HalfOpen { .. }), "the last of the epoch before is late");
        let second = machine.admit(&at(2), true, &mut fx).unwrap();
        for ticket in [first, second] {
            machine.record(&at(2), ticket, Report::new(Verdict::Success), &mut fx);
        }
        assert!(machine.is_closed());
        assert_eq!(machine.view(&at(2)).counts.late, 1);
    }
}
