//! What outcomes do: they are recorded, and may trip.

use super::core::{Machine, State};
use super::{Context, Event, EventKind, Report, Rule, Tally, Ticket, Trip};
use crate::clock::{Instant, nanos};
use crate::{Hint, Verdict};

impl Machine {
    /// Takes an admitted call's ticket back with its outcome.
    pub fn record(&mut self, cx: &Context<'_>, ticket: Ticket, report: Report, fx: &mut Vec<Event>) {
        self.settle(cx, fx);
        self.record_settled(cx, ticket, &report, fx);
    }

    /// As [`record`](Self::record), where time has brought about all that it can.
    #[inline]
    pub(crate) fn record_settled(&mut self, cx: &Context<'_>, ticket: Ticket, report: &Report, fx: &mut Vec<Event>) {
        self.answered(ticket);
        match ticket {
            Ticket::Untracked => {}
            Ticket::Call { epoch, .. } | Ticket::Watched { epoch, .. } | Ticket::Probe { epoch, .. }
                if epoch != self.epoch =>
            {
                self.count_late(epoch);
            }
            Ticket::Call { seen, .. } => {
                // Admitted before calls were watched, and yet an answer to somebody.
                if let (Some(stall), true) = (self.stall_mut(), report.is_answer()) {
                    stall.answer();
                }
                self.record_call(cx, seen, report, fx);
            }
            Ticket::Watched { number, .. } => {
                let answered = report.is_answer();
                if let Some(seen) = self.stall_mut().and_then(|stall| stall.take_back(number, answered)) {
                    self.record_call(cx, seen, report, fx);
                }
            }
            Ticket::Probe { number, .. } => self.record_probe(cx, number, report, fx),
        }
    }

    fn count_late(&mut self, epoch: u64) {
        // A machine that does without has always been in its first epoch, so it admitted nothing before.
        if let Some(rest) = self.rest.as_deref_mut().filter(|rest| epoch >= rest.born) {
            rest.counts.late += 1;
        }
    }

    #[inline]
    fn record_call(&mut self, cx: &Context<'_>, seen: u32, report: &Report, fx: &mut Vec<Event>) {
        match report.verdict {
            Verdict::Success => self.clear_up_to(cx, seen),
            // "Come back at once" is no hint.
            Verdict::Failure(hint) => return self.fail(cx, hint.filter(|hint| !hint.wait().is_zero()), report, fx),
            Verdict::Limited(wait) if cx.rules.obeys_hints() && !wait.is_zero() => {
                return self.fail(cx, Some(Hint::limiting(wait)), report, fx);
            }
            Verdict::Reachable | Verdict::Limited(_) => {}
            Verdict::Ignore | Verdict::Relayed(_) => return,
        }
        if report.slow {
            self.check_slow(cx, &report.tally, fx);
        }
    }

    #[inline(never)]
    fn record_probe(&mut self, cx: &Context<'_>, number: u32, report: &Report, fx: &mut Vec<Event>) {
        let Some(rest) = self.rest.as_deref_mut() else { return };
        let State::HalfOpen(half_open) = &mut rest.state else { return };
        let Some(returned) = half_open.take_back(number) else { return self.count_late(self.epoch) };
        let slow = report.slow && cx.rules.policy().slow_calls.is_some();
        let results = &mut rest.counts.probe_results;
        let (rule, hint) = match report.verdict {
            Verdict::Ignore => {
                let silent = if report.answered { &mut results.ignored } else { &mut results.abandoned };
                *silent += 1;
                return;
            }
            Verdict::Failure(hint) => (Rule::Probe, hint.map(Hint::wait)),
            Verdict::Limited(wait) if cx.rules.obeys_hints() && !wait.is_zero() => (Rule::Probe, Some(wait)),
            Verdict::Relayed(hint) => (Rule::Probe, hint),
            // What trips by slowness must not be closed by a slow success.
            Verdict::Success | Verdict::Reachable | Verdict::Limited(_) if slow => (Rule::SlowCalls, None),
            Verdict::Success | Verdict::Reachable | Verdict::Limited(_) => {
                results.succeeded += 1;
                half_open.succeed(returned, cx.rules, cx.now);
                return self.settle(cx, fx);
            }
        };
        results.failed += 1;
        rest.counts.failures += 1;
        self.trip(cx, Cause::one(rule, cx.now), hint.map(|wait| cx.now.plus(nanos(wait))), fx);
    }

    /// A success clears the failures that were recorded before its own call was admitted, and only those.
    #[inline(never)]
    fn clear_up_to(&mut self, cx: &Context<'_>, seen: u32) {
        let newer = self.seq.wrapping_sub(seen);
        if newer < self.seq.wrapping_sub(self.cleared) {
            self.cleared = seen;
        }
        if !cx.rules.keep {
            self.log.drop_oldest(self.log.len().saturating_sub(newer));
            self.forget_hints();
        }
    }

    #[inline(never)]
    fn fail(&mut self, cx: &Context<'_>, hint: Option<Hint>, report: &Report, fx: &mut Vec<Event>) {
        let (rules, now) = (cx.rules, cx.now);
        if let Some(rest) = self.rest.as_deref_mut() {
            rest.counts.failures += 1;
        }
        self.seq = self.seq.wrapping_add(1);
        self.log.push(now);
        self.forget_hints();
        if let (Some(hint), false) = (hint, rules.ignores_hints()) {
            let (seq, not_before) = (self.seq, now.plus(nanos(hint.wait())));
            let hints = &mut self.rest_mut().hints;
            while hints.back().is_some_and(|(_, earlier)| *earlier <= not_before) {
                hints.pop_back();
            }
            hints.push_back((seq, not_before));
        }
        if let Some(cause) = self.cause(cx, hint, &report.tally) {
            self.trip(cx, cause, None, fx);
        } else if report.slow {
            self.check_slow(cx, &report.tally, fx);
        }
    }

    /// The first rule that a failure recorded just now meets. Thresholds are inclusive.
    fn cause(&self, cx: &Context<'_>, hint: Option<Hint>, tally: &Tally) -> Option<Cause> {
        let (rules, last) = (cx.rules, cx.now);
        let oldest = self.log.oldest().unwrap_or(last);
        let counted = |rule, failures: u32, first| Cause { rule, failures, calls: failures, first, last, at: last };
        if rules.obeys_hints() && hint.is_some_and(Hint::is_limiting) {
            return Some(counted(Rule::Hint, 1, last));
        }
        if let Some(first) = self.log.newest(rules.window.wrapping_sub(1)) {
            if last.since(first) <= rules.within {
                return Some(counted(Rule::FailureWindow, rules.window, first));
            }
        }
        if self.seq.wrapping_sub(self.cleared) >= rules.in_a_row {
            let first = self.log.newest(rules.in_a_row - 1).unwrap_or(oldest);
            return Some(counted(Rule::InARow, rules.in_a_row, first));
        }
        let rate = rules.policy().failure_rate?;
        share(tally.rate_failures, tally.rate_calls, rate.ratio, rate.min_calls).map(|(failures, calls)| Cause {
            rule: Rule::FailureRate,
            failures,
            calls,
            first: oldest,
            last,
            at: last,
        })
    }

    fn check_slow(&mut self, cx: &Context<'_>, tally: &Tally, fx: &mut Vec<Event>) {
        let Some(rule) = cx.rules.policy().slow_calls else { return };
        if let Some((slow, calls)) = share(tally.slow, tally.slow_calls, rule.ratio, rule.min_calls) {
            let cause = Cause { failures: slow, calls, ..Cause::one(Rule::SlowCalls, cx.now) };
            self.trip(cx, cause, None, fx);
        }
    }

    pub(super) fn trip(&mut self, cx: &Context<'_>, cause: Cause, not_before: Option<Instant>, fx: &mut Vec<Event>) {
        let rules = cx.rules;
        self.begin_epoch();
        self.forget_failures();
        let draw = mix(cx.salt ^ self.epoch);
        let level = self.level(&Context { now: cause.at, ..*cx });
        let rest = self.rest_mut();
        let farthest = rest.hints.front().map(|(_, not_before)| *not_before).max(not_before);
        rest.hints.clear();
        let hint = match farthest {
            Some(not_before) if !rules.ignores_hints() => not_before.since(cause.at).min(rules.max_hint),
            _ => 0,
        };
        let own = rules.cool_down(level);
        let trip = Trip {
            rule: cause.rule,
            failures: cause.failures,
            calls: cause.calls,
            first: cause.first,
            last: cause.last,
            level: level.saturating_add(1),
            hinted: hint > own,
            at: cause.at,
            until: cause.at.plus(rules.jittered(own.max(hint), draw)),
        };
        rest.level = trip.level;
        rest.counts.trips += 1;
        rest.since = cause.at;
        rest.state = State::Open;
        rest.trip = Some(trip);
        self.tell(fx, cause.at, EventKind::Tripped(trip));
    }
}

/// What a trip is told of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cause {
    pub(super) rule: Rule,
    pub(super) failures: u32,
    pub(super) calls: u32,
    pub(super) first: Instant,
    pub(super) last: Instant,
    pub(super) at: Instant,
}

impl Cause {
    pub(super) fn one(rule: Rule, at: Instant) -> Self {
        Self { rule, failures: 1, calls: 1, first: at, last: at, at }
    }
}

/// The counts, if there are enough calls and the share is reached. Divided, not multiplied, so that three in ten is
/// exactly the `0.3` that somebody wrote.
fn share(part: u64, whole: u64, ratio: f64, min_calls: u32) -> Option<(u32, u32)> {
    #[allow(clippy::cast_precision_loss)]
    let reached = whole >= u64::from(min_calls) && part as f64 / whole as f64 >= ratio;
    reached.then(|| (u32::try_from(part).unwrap_or(u32::MAX), u32::try_from(whole).unwrap_or(u32::MAX)))
}

/// `SplitMix64`'s finaliser (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014), upper half.
pub(crate) fn mix(seed: u64) -> u32 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 32) as u32
}
