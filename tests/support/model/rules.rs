//! The trip rules, each worked out from the whole history.

use super::history::End;
use super::outcome::Meaning;
use super::{Call, Model, Nanos, Rate, Role};

/// Why it tripped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// N failures within a length of time.
    Window,
    /// N failures in a row.
    InARow,
    /// The share of failures.
    FailureRate,
    /// The share of slow calls.
    SlowCalls,
    /// Calls that do not come back.
    Stall,
    /// The upstream limits its callers, and hints are obeyed.
    Limited,
    /// A probe failed.
    Probe,
    /// A probe did not come back in time.
    ProbeDeadline,
}

/// What a refusal tells of a trip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The rule.
    pub rule: Rule,
    /// How many failures it counted, the first and the last of them, where there are such.
    pub counted: Option<(u32, Nanos, Nanos)>,
}

impl Cause {
    /// One failure is enough.
    pub(super) fn one(rule: Rule, at: Nanos) -> Self {
        Self { rule, counted: Some((1, at, at)) }
    }

    /// A rule that counts something else.
    pub(super) fn uncounted(rule: Rule) -> Self {
        Self { rule, counted: None }
    }
}

/// Whether a rule holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    No,
    Maybe,
    Yes,
}

impl Model {
    /// The rules that hold after an outcome, and those for which the resolution of a window leaves it open.
    pub(super) fn rules_after(&self, meaning: Meaning, slow: bool, now: Nanos) -> (Vec<Cause>, Vec<Cause>) {
        let failed = matches!(meaning, Meaning::Failure { .. });
        let mut held = Vec::new();
        if failed {
            held.extend(self.window_holds(now).map(|cause| (cause, Holds::Yes)));
            held.extend(self.in_a_row_holds().map(|cause| (cause, Holds::Yes)));
            held.push((Cause::uncounted(Rule::FailureRate), self.failure_rate_holds(now)));
        }
        if slow {
            held.push((Cause::uncounted(Rule::SlowCalls), self.slow_calls_hold(now)));
        }
        let pick = |wanted| held.iter().filter(|(_, holds)| *holds == wanted).map(|(cause, _)| *cause).collect();
        (pick(Holds::Yes), pick(Holds::Maybe))
    }

    /// Failures that no success has cleared since: a success clears those that were recorded before its own call was
    /// admitted, by the order of events.
    fn uncleared(&self, from: u64, successes_from: u64) -> Vec<(Call, End)> {
        let ends = self.history.evidence(from);
        let cleared_up_to = ends
            .iter()
            .filter(|(_, end)| end.meaning == Meaning::Success && end.seq > successes_from)
            .map(|(call, _)| call.seq)
            .max()
            .unwrap_or(0);
        ends.into_iter().filter(|(_, end)| is_failure(end) && end.seq > cleared_up_to).collect()
    }

    /// The failures of the present run.
    pub(super) fn run(&self) -> Vec<(Call, End)> {
        self.uncleared(self.history.forgotten.in_a_row, 0)
    }

    /// The last failures of the log, as many as the longest rule wants; with *keep* successes clear nothing.
    pub(super) fn log(&self) -> Vec<(Call, End)> {
        let from = self.history.forgotten.log;
        let failures = if self.policy.window.is_some_and(|window| window.keep) {
            self.history.evidence(from).into_iter().filter(|(_, end)| is_failure(end)).collect()
        } else {
            self.uncleared(from, self.history.forgotten.log_successes)
        };
        last(&failures, self.policy.log()).to_vec()
    }

    /// The place of the oldest of the last `count` failures of the log.
    pub(super) fn oldest_kept(&self, count: u32) -> Option<u64> {
        last(&self.log(), count).first().map(|(_, end)| end.seq)
    }

    /// The failures of the log that lie at most the window away.
    pub(super) fn failures_in_window(&self, now: Nanos) -> usize {
        let Some(window) = self.policy.window else { return 0 };
        self.log().iter().filter(|(_, end)| now - end.at <= window.within).count()
    }

    /// The N-th trips if the oldest of the last N is at most the window away.
    fn window_holds(&self, now: Nanos) -> Option<Cause> {
        let window = self.policy.window?;
        let log = self.log();
        let (first, last) = ends_of_newest(&log, window.failures)?;
        (now - first <= window.within)
            .then_some(Cause { rule: Rule::Window, counted: Some((window.failures, first, last)) })
    }

    /// N in a row, however far apart; a success ends only the run that came before its call.
    fn in_a_row_holds(&self) -> Option<Cause> {
        let failures = self.policy.in_a_row?;
        let (first, last) = ends_of_newest(&self.run(), failures)?;
        Some(Cause { rule: Rule::InARow, counted: Some((failures, first, last)) })
    }

    fn failure_rate_holds(&self, now: Nanos) -> Holds {
        let Some(rate) = self.policy.failure_rate else { return Holds::No };
        let calls: Vec<_> = self
            .history
            .evidence(self.history.forgotten.failure_rate)
            .iter()
            .filter(|(_, end)| end.meaning != Meaning::Nothing)
            .map(|(_, end)| (end.at, is_failure(end)))
            .collect();
        share_holds(&rate, &calls, now)
    }

    fn slow_calls_hold(&self, now: Nanos) -> Holds {
        let Some(slow) = self.policy.slow_calls else { return Holds::No };
        let calls: Vec<_> = self
            .history
            .evidence(self.history.forgotten.slow_calls)
            .iter()
            .filter(|(_, end)| end.meaning != Meaning::Nothing)
            .map(|(_, end)| (end.at, end.slow))
            .collect();
        share_holds(&slow.rate, &calls, now)
    }

    pub(super) fn is_slow(&self, call: &Call, end: Nanos) -> bool {
        call.timed && self.policy.slow_calls.is_some_and(|slow| end - call.admitted > slow.limit)
    }

    /// When N calls have been out for so long, and nobody was answered meanwhile: each of them was admitted after the
    /// last answer.
    pub(super) fn stalls_at(&self) -> Option<Nanos> {
        let stall = self.policy.stall?;
        let last_answer = self.last_answer();
        let out = self.history.calls().iter().filter(|call| {
            call.epoch == self.epoch && call.role == Role::Regular && call.end.is_none() && call.seq > last_answer
        });
        Some(out.map(|call| call.admitted).nth(size(stall.calls) - 1)? + stall.after)
    }

    /// The place of the last answer that anybody got, as far as the stall rule looks back.
    pub(super) fn last_answer(&self) -> u64 {
        let from = self.history.forgotten.stall.max(self.history.clean);
        let answers = self.history.evidence(from).into_iter().filter(|(_, end)| end.answered);
        answers.map(|(_, end)| end.seq).max().unwrap_or(from)
    }

    /// The farthest not-before of the failures in the log.
    pub(super) fn farthest_hint(&self, now: Nanos) -> Option<Nanos> {
        self.log()
            .iter()
            .filter_map(|(_, end)| match end.meaning {
                Meaning::Failure { wait, .. } if wait > 0 => Some(end.at.saturating_add(wait)),
                _ => None,
            })
            .filter(|not_before| *not_before > now)
            .max()
    }
}

fn is_failure(end: &End) -> bool {
    matches!(end.meaning, Meaning::Failure { .. })
}

/// Whether the share of marked calls in a sliding window is large enough. A call's age up to the window counts for
/// certain, beyond 65 64ths of it certainly not; between the two it is a matter of resolution, oldest first out.
fn share_holds(rate: &Rate, calls: &[(Nanos, bool)], now: Nanos) -> Holds {
    let age = |at: Nanos| now - at;
    let certain = calls.iter().filter(|(at, _)| age(*at) <= rate.over).count();
    let widest = calls.iter().filter(|(at, _)| age(*at) * 64 <= rate.over * 65).count();
    let holds: Vec<bool> = (certain..=widest)
        .map(|count| {
            let counted = &calls[calls.len() - count..];
            let marked = counted.iter().filter(|(_, marked)| *marked).count();
            count > 0 && count >= size(rate.min_calls) && share(marked, count) >= rate.ratio
        })
        .collect();
    match (holds.contains(&true), holds.contains(&false)) {
        (true, false) => Holds::Yes,
        (true, true) => Holds::Maybe,
        _ => Holds::No,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a test never has that many calls")]
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

/// When the first and the last of the newest `count` were recorded, if there are so many.
fn ends_of_newest(failures: &[(Call, End)], count: u32) -> Option<(Nanos, Nanos)> {
    let newest = last(failures, count);
    (newest.len() == size(count)).then_some((newest.first()?.1.at, newest.last()?.1.at))
}

fn size(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn last<T>(items: &[T], count: u32) -> &[T] {
    &items[items.len().saturating_sub(size(count))..]
}
