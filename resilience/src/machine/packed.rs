//! A machine in as little room as what it holds allows: for those who keep many.

use super::core::{Rest, State};
use super::log::FailureLog;
use super::{Context, Counts, Machine, Overlay, ProbeResults, Refusal, Rule, Trip};
use crate::clock::Instant;
use crate::policy::Rules;

/// A machine, packed: 64 bytes while it is closed without a past, or open. In any other state (half-open, overlaid, with
/// a hint or a level that is not forgiven) it lies in a block of its own.
#[derive(Clone, Debug)]
pub(crate) enum Packed {
    /// Has never been anything but closed.
    Closed(Machine),
    Open(Open),
    Other(Box<Machine>),
}

/// What an open machine holds that nothing else lies over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Open {
    first: Instant,
    at: Instant,
    until: Instant,
    epoch: u32,
    seq: u32,
    failures: u32,
    level: u32,
    counted: [u16; 4],
    /// What came of probes, in the order of [`ProbeResults`].
    results: [u16; 5],
    rule: Rule,
    hinted: bool,
}

impl Packed {
    pub(crate) fn new(machine: Machine) -> Self {
        if machine.rest.is_none() {
            return Self::Closed(machine);
        }
        Open::of(&machine).map_or_else(|| Self::Other(Box::new(machine)), Self::Open)
    }

    /// Takes a step with the machine.
    pub(crate) fn step<R>(&mut self, rules: &Rules, step: impl FnOnce(&mut Machine) -> R) -> R {
        match self {
            Self::Closed(machine) => {
                let result = step(machine);
                if machine.rest.is_some() {
                    let machine = std::mem::replace(machine, Machine::nothing());
                    *self = Self::new(machine);
                }
                result
            }
            Self::Open(open) => {
                let mut machine = open.unpacked(rules);
                let result = step(&mut machine);
                *self = Self::new(machine);
                result
            }
            // In its own block, so that half-open refuses without an allocation.
            Self::Other(machine) => {
                let result = step(machine);
                if let Some(open) = Open::of(machine) {
                    *self = Self::Open(open);
                }
                result
            }
        }
    }

    /// Whether time has done something to it that it does not show yet. One that is open is left as it is until somebody
    /// calls: half-open it would take up more room.
    pub(crate) fn is_due(&self, cx: &Context<'_>) -> bool {
        matches!(self, Self::Other(machine) if machine.is_due(cx))
    }

    /// Looks at the machine.
    pub(crate) fn look<R>(&self, rules: &Rules, look: impl FnOnce(&Machine) -> R) -> R {
        match self {
            Self::Closed(machine) => look(machine),
            Self::Open(open) => look(&open.unpacked(rules)),
            Self::Other(machine) => look(machine),
        }
    }

    /// The refusal of a call, where it takes no step and nothing is unpacked to see it.
    pub(crate) fn refuses_plainly(&self, now: Instant) -> Option<Refusal> {
        match self {
            Self::Open(open) if now < open.until => {
                let trip = Some(open.trip());
                // A clock that lags behind the trip would tell to wait for longer than it is open.
                Some(super::admit::open(trip, now.max(open.at)))
            }
            _ => None,
        }
    }

    /// Whether calls are admitted without a probe.
    pub(crate) fn is_closed(&self) -> bool {
        match self {
            Self::Closed(_) => true,
            Self::Open(_) => false,
            Self::Other(machine) => machine.is_closed() && machine.overlay().0 == Overlay::Automatic,
        }
    }

    pub(crate) fn epoch(&self) -> u64 {
        match self {
            Self::Closed(machine) => machine.epoch,
            Self::Open(open) => u64::from(open.epoch),
            Self::Other(machine) => machine.epoch,
        }
    }
}

impl Open {
    /// `None` for a machine that would not come back the same.
    fn of(machine: &Machine) -> Option<Self> {
        let Machine { epoch, seq, cleared, log, rest } = machine;
        let rest = rest.as_deref()?;
        let Rest { state, born, since, trip, level, overlay, hints, stall, quota, counts, .. } = rest;
        let trip = trip.as_ref().filter(|_| *state == State::Open)?;
        let plain = *overlay == Overlay::Automatic && hints.is_empty() && stall.is_none() && quota.is_none();
        let ordinary = trip.last == trip.at && trip.calls == trip.failures && trip.level == *level;
        let empty = log.len() == 0 && cleared == seq && *born == 1 && *since <= trip.until;
        let Counts { successes, failures, trips, late, probes, probe_results, shadow_refused } = *counts;
        let ProbeResults { succeeded, failed, ignored, abandoned, overdue } = probe_results;
        let healthy = successes.is_none() && shadow_refused == 0;
        let counted = small([failures, trips, late, probes])?;
        let results = small([succeeded, failed, ignored, abandoned, overdue])?;
        (plain && ordinary && empty && healthy).then_some(Self {
            first: trip.first,
            at: trip.at,
            until: trip.until,
            epoch: u32::try_from(*epoch).ok()?,
            seq: *seq,
            failures: trip.failures,
            level: trip.level,
            counted,
            results,
            rule: trip.rule,
            hinted: trip.hinted,
        })
    }

    fn trip(&self) -> Trip {
        let Self { first, at, until, failures, level, rule, hinted, .. } = *self;
        Trip { rule, failures, calls: failures, first, last: at, level, hinted, at, until }
    }

    fn unpacked(&self, rules: &Rules) -> Machine {
        let Self { epoch, seq, level, counted, results, at, .. } = *self;
        let [failures, trips, late, probes] = counted.map(u64::from);
        let [succeeded, failed, ignored, abandoned, overdue] = results.map(u64::from);
        let probe_results = ProbeResults { succeeded, failed, ignored, abandoned, overdue };
        let rest = Rest {
            state: State::Open,
            born: 1,
            since: at,
            trip: Some(self.trip()),
            level,
            counts: Counts { failures, trips, late, probes, probe_results, ..Counts::default() },
            ..Rest::default()
        };
        let log = FailureLog::new(rules.log);
        Machine { epoch: u64::from(epoch), seq, cleared: seq, log, rest: Some(Box::new(rest)) }
    }
}

/// Counts in a little room each, if they fit.
fn small<const N: usize>(counts: [u64; N]) -> Option<[u16; N]> {
    let mut small = [0; N];
    for (small, count) in small.iter_mut().zip(counts) {
        *small = u16::try_from(count).ok()?;
    }
    Some(small)
}

impl Machine {
    /// What stands in place of a machine that is moved.
    fn nothing() -> Self {
        Self { epoch: 0, seq: 0, cleared: 0, log: FailureLog::new(0), rest: None }
    }

    /// Whether a machine that was just made would do the same from now on: closed, every failure answered or too old to
    /// count, nothing to forgive, nothing laid over it.
    pub(crate) fn is_spotless(&self, cx: &Context<'_>) -> bool {
        let policy = cx.rules.policy();
        let in_row = policy.in_a_row.is_some() && self.seq != self.cleared;
        let newest = self.log.newest(0);
        let counts = policy.window.is_some() && newest.is_some_and(|at| cx.now.since(at) <= cx.rules.within);
        let well = self.rest.as_deref().is_none_or(|rest| {
            rest.state == State::Closed && rest.overlay == Overlay::Automatic && self.level(cx) == 0
        });
        well && !in_row && !counts
    }

    pub(crate) fn counts(&self) -> Counts {
        self.rest.as_ref().map_or_else(|| self.first_counts(), |rest| rest.counts)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Command, Phase, Report, Ticket};
    use super::*;
    use crate::policy::Policy;
    use crate::{Hint, Verdict};
    use std::time::Duration;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_closed_and_an_open_machine_take_up_a_cache_line() {
        assert!(size_of::<Packed>() <= 64, "{}", size_of::<Packed>());
    }

    /// Whatever happens to a machine, one that is packed after each step is seen to be the same.
    #[test]
    fn a_packed_machine_goes_through_the_same_as_one_that_never_was() {
        let policy = Policy { in_a_row: Some(4), stages: 2, ..Policy::default() };
        let rules = Rules::new(policy).unwrap();
        let mut seen_open = 0;
        for seed in 0..200_u64 {
            let mut draw = seed;
            let mut plain = Machine::new(&rules);
            let mut packed = Packed::new(Machine::new(&rules));
            let mut out: Vec<Ticket> = Vec::new();
            let mut now = SECOND;
            for _ in 0..120 {
                draw = u64::from(super::super::outcome::mix(draw)) << 7 ^ draw.rotate_left(9);
                now += draw % 3 * (SECOND / 4);
                let cx = Context::new(&rules, Instant::from_nanos(now)).salted(7);
                let (mut fx, mut packed_fx) = (Vec::new(), Vec::new());
                let (epoch, seq, closed) = (plain.epoch(), plain.seq(), plain.is_closed());
                let mut both = |step: &dyn Fn(&mut Machine, &mut Vec<super::super::Event>) -> String| {
                    let told = step(&mut plain, &mut fx);
                    let as_packed = packed.step(&rules, |machine| step(machine, &mut packed_fx));
                    assert_eq!(told, as_packed);
                };
                match draw >> 8 & 15 {
                    0..=5 => both(&|machine, fx| format!("{:?}", machine.admit(&cx, true, fx))),
                    6 => both(&|machine, fx| {
                        machine.command(&cx, Command::Overlay(Overlay::ForcedOpen, Some(cx.now.plus(SECOND))), fx);
                        String::new()
                    }),
                    7 if draw & 16 == 0 => both(&|machine, fx| {
                        machine.command(&cx, Command::Reset, fx);
                        String::new()
                    }),
                    _ => {
                        let verdict = match draw >> 16 & 7 {
                            0 | 1 => Verdict::Success,
                            2 => Verdict::Failure(Some(Hint::after(Duration::from_secs(3)))),
                            3 => Verdict::Ignore,
                            _ => Verdict::Failure(None),
                        };
                        let ticket = Ticket::Call { epoch, seen: seq };
                        let ticket = out.pop().filter(|_| draw & 32 == 0).unwrap_or(ticket);
                        if matches!(ticket, Ticket::Call { .. }) && !closed {
                            continue;
                        }
                        both(&|machine, fx| {
                            machine.record(&cx, ticket, Report::new(verdict), fx);
                            String::new()
                        });
                    }
                }
                if let Ok(ticket) = plain.clone().admit(&cx, true, &mut Vec::new()) {
                    out.push(ticket);
                }
                assert_eq!(fx, packed_fx);
                assert_eq!(packed.look(&rules, |machine| machine.view(&cx)), plain.view(&cx));
                if let (Packed::Open(_), Phase::Open { until }) = (&packed, plain.view(&cx).phase) {
                    seen_open += 1;
                    assert_eq!(packed.refuses_plainly(cx.now), plain.would_refuse(&cx, true), "until {until:?}");
                }
            }
        }
        assert!(seen_open > 1000, "{seen_open}");
    }

    /// Two seconds open, from a trip at one second.
    fn open(rules: &Rules) -> Machine {
        let mut machine = Machine::new(rules);
        let cx = Context::new(rules, Instant::from_nanos(SECOND));
        for _ in 0..3 {
            let ticket = machine.admit(&cx, true, &mut Vec::new()).unwrap();
            machine.record(&cx, ticket, Report::new(Verdict::Failure(None)), &mut Vec::new());
        }
        machine
    }

    /// That nothing is lost but what nobody asks a packed machine for.
    fn assert_same(packed: &Packed, rules: &Rules, machine: &Machine) {
        packed.look(rules, |unpacked| {
            let parts = |machine: &Machine| (machine.epoch, machine.seq, machine.cleared, machine.log.len());
            assert_eq!(parts(unpacked), parts(machine));
            let rest = |machine: &Machine| Rest { forgotten: 0, ..machine.rest.as_deref().unwrap().clone() };
            assert_eq!(rest(unpacked), rest(machine));
        });
    }

    #[test]
    fn only_an_open_machine_that_comes_back_the_same_is_packed_closely() {
        let rules = Rules::new(Policy { jitter: 0.0, ..Policy::default() }).unwrap();
        let machine = open(&rules);
        let packed = Packed::new(machine.clone());
        assert!(matches!(packed, Packed::Open(_)));
        assert_same(&packed, &rules, &machine);

        type Change = fn(&mut Rest);
        let changes: [Change; 14] = [
            |rest| rest.state = State::Closed,
            |rest| rest.overlay = Overlay::Shadow,
            |rest| rest.hints.push_back((3, Instant::FAR_FUTURE)),
            |rest| rest.stall = Some(Default::default()),
            |rest| rest.quota = Some(Default::default()),
            |rest| rest.level += 1,
            |rest| rest.born += 1,
            |rest| rest.since = Instant::FAR_FUTURE,
            |rest| rest.trip.as_mut().unwrap().last = Instant::default(),
            |rest| rest.trip.as_mut().unwrap().calls += 1,
            |rest| rest.counts.successes = Some(0),
            |rest| rest.counts.shadow_refused = 1,
            |rest| rest.counts.late = 1 << 16,
            |rest| rest.counts.probe_results.overdue = 1 << 16,
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut machine = machine.clone();
            change(machine.rest.as_deref_mut().unwrap());
            let packed = Packed::new(machine.clone());
            assert!(matches!(packed, Packed::Other(_)), "change {number}");
            assert_same(&packed, &rules, &machine);
        }
        // A run that goes on.
        let running = Machine { cleared: machine.seq - 1, ..machine };
        let packed = Packed::new(running.clone());
        assert!(matches!(packed, Packed::Other(_)));
        assert_same(&packed, &rules, &running);
    }

    #[test]
    fn only_what_lies_in_a_block_of_its_own_is_ever_due() {
        let rules = Rules::new(Policy { jitter: 0.0, ..Policy::default() }).unwrap();
        let at = |seconds: u64| Context::new(&rules, Instant::from_nanos(seconds * SECOND));
        assert!(!Packed::new(Machine::new(&rules)).is_due(&at(9)));
        assert!(!Packed::new(open(&rules)).is_due(&at(9)), "it stays small until somebody calls");
        let mut forced = open(&rules);
        forced.command(
            &at(1),
            Command::Overlay(Overlay::ForcedOpen, Some(Instant::from_nanos(3 * SECOND))),
            &mut Vec::new(),
        );
        let packed = Packed::new(forced);
        assert_eq!([2, 3].map(|second| packed.is_due(&at(second))), [false, true]);
    }
}
