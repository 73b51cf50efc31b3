use super::half_open::{Due, HalfOpen, NoProbe};
use super::log::FailureLog;
use super::stall::StallWatch;
use super::{Counts, Event, EventKind, Overlay, Phase, Reason, Refusal, Rule, Saved, Tally, Trip, View};
use crate::clock::{Instant, nanos};
use crate::policy::Rules;
use crate::{Hint, Verdict};
use std::collections::VecDeque;
use std::time::Duration;

/// What a step of the machine is told besides its input: the rules and the time.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    pub(super) rules: &'a Rules,
    pub(super) now: Instant,
    salt: u64,
}

impl<'a> Context<'a> {
    /// A step under these rules at this instant.
    #[must_use]
    pub const fn new(rules: &'a Rules, now: Instant) -> Self {
        Self { rules, now, salt: 0 }
    }

    /// With a salt for the jitter. It has to be the same at each step of one machine, and should differ from one
    /// machine to the next, or a fleet of them would probe in step.
    #[must_use]
    pub const fn salted(self, salt: u64) -> Self {
        Self { salt, ..self }
    }

    /// The instant of the step.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }
}

/// What an admitted call holds: it names the epoch of the admission, and comes back exactly once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ticket {
    /// An ordinary call.
    Call {
        /// Of the admission.
        epoch: u64,
        /// How many failures had been recorded when it was admitted; wraps.
        seen: u32,
    },
    /// A call under a rule that watches every call.
    Watched {
        /// Of the admission.
        epoch: u64,
        /// Its number.
        number: u64,
    },
    /// A probe.
    Probe {
        /// Of the admission.
        epoch: u64,
        /// Its number in this spell of half-open.
        number: u32,
    },
    /// A call whose outcome does not matter: admitted under a forced overlay, or by shadow mode in place of a refusal.
    Untracked,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// What it says about the upstream.
    pub verdict: Verdict,
    /// Whether it took longer than the slow-call rule allows.
    pub slow: bool,
    /// Whether it came to an end at all; a call that was given up is no answer to anybody.
    pub answered: bool,
    /// The calls of the sliding windows, this one included.
    pub tally: Tally,
}

impl Report {
    /// A call that ended with this verdict, not slowly.
    #[must_use]
    pub const fn new(verdict: Verdict) -> Self {
        let tally = Tally { rate_calls: 0, rate_failures: 0, slow_calls: 0, slow: 0 };
        Self { verdict, slow: false, answered: true, tally }
    }

    /// Whether the upstream answered somebody.
    fn is_answer(&self) -> bool {
        self.answered && !matches!(self.verdict, Verdict::Ignore | Verdict::Relayed(_))
    }
}

/// What an operator tells the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Lays an overlay over the phase ([`Overlay::Automatic`]: lifts it), until an instant or until told otherwise.
    Overlay(Overlay, Option<Instant>),
    /// Back to closed at level zero, without an overlay.
    Reset,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
enum State {
    #[default]
    Closed,
    Open,
    HalfOpen(HalfOpen),
}

/// What a machine in good health does without.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Rest {
    state: State,
    /// The machine's first epoch: what was admitted before it was admitted by somebody else, in the same place.
    born: u64,
    /// The last change of state or overlay.
    since: Instant,
    /// When the present rules were put in force, if they are not the first.
    ruled_since: Instant,
    /// The last trip. Its deadline is that of the open state.
    trip: Option<Trip>,
    level: u32,
    overlay: Overlay,
    overlay_until: Option<Instant>,
    /// The not-before instants of the failures in the log (by sequence number), without those that a later one exceeds:
    /// so the first is the farthest.
    hints: VecDeque<(u32, Instant)>,
    stall: Option<StallWatch>,
    counts: Counts,
    forgotten: u64,
}

/// The breaker's state: see the [module](self::super).
///
/// It is small (56 bytes, plus a block once it has tripped), and it can be cloned, compared and hashed, so that a model
/// checker can walk its states.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Machine {
    epoch: u64,
    /// The sequence number of the newest failure; the log's entries are the newest, without gaps. Wraps.
    seq: u32,
    /// The failures up to here have been answered by a success of a later call.
    cleared: u32,
    log: FailureLog,
    rest: Option<Box<Rest>>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    LiftOverlay,
    HalfOpen,
    Probes(Due),
    Stall { first: Instant },
}

impl Machine {
    /// A closed machine.
    #[must_use]
    pub fn new(rules: &Rules) -> Self {
        Self::with_epoch(rules, 1)
    }

    /// A closed machine whose epochs start here: for state that is used again after its owner is gone.
    pub(crate) fn with_epoch(rules: &Rules, epoch: u64) -> Self {
        let mut machine = Self { epoch, seq: 0, cleared: 0, log: FailureLog::new(rules.log), rest: None };
        machine.watch_stalls(rules);
        machine
    }

    /// The present epoch. It grows with every change of phase or overlay.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The sequence number of the newest failure.
    pub(crate) const fn seq(&self) -> u32 {
        self.seq
    }

    /// The number of the next watched call.
    pub(crate) fn next_watched(&self) -> u64 {
        self.rest.as_ref().and_then(|rest| rest.stall.as_ref()).map_or(0, StallWatch::next)
    }

    /// Whether a success could clear something.
    pub(crate) fn has_failures(&self, rules: &Rules) -> bool {
        self.log.len() > 0 && !rules.keep || self.seq != self.cleared && rules.policy().in_a_row.is_some()
    }

    /// How often the evidence gathered while closed was cleared: so is what is counted outside.
    pub(crate) fn forgotten(&self) -> u64 {
        self.rest.as_ref().map_or(0, |rest| rest.forgotten)
    }

    pub(crate) fn overlay(&self) -> (Overlay, Option<Instant>) {
        self.rest.as_ref().map_or((Overlay::Automatic, None), |rest| (rest.overlay, rest.overlay_until))
    }

    /// The last change of state or overlay.
    pub(crate) fn since(&self) -> Instant {
        self.rest.as_ref().map_or(Instant::default(), |rest| rest.since)
    }

    /// The last trip, if it has not been recovered from.
    pub(crate) fn standing_trip(&self) -> Option<&Trip> {
        self.rest.as_ref().filter(|rest| rest.state != State::Closed)?.trip.as_ref()
    }

    /// The level, not counting what time spent closed has forgiven since.
    pub(crate) fn raw_level(&self) -> u32 {
        self.rest.as_ref().map_or(0, |rest| rest.level)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.rest.as_ref().is_none_or(|rest| matches!(rest.state, State::Closed))
    }

    pub(crate) fn is_open(&self) -> bool {
        self.rest.as_ref().is_some_and(|rest| matches!(rest.state, State::Open))
    }

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
            Overlay::Automatic | Overlay::ForcedOpen => {
                if let Some(refusal) = self.refuses(cx, may_probe) {
                    self.saw(cx, may_probe);
                    return Err(refusal);
                }
                self.admit_by_state(cx, may_probe)
            }
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

    fn admit_by_state(&mut self, cx: &Context<'_>, may_probe: bool) -> Result<Ticket, Refusal> {
        let (epoch, seen) = (self.epoch, self.seq);
        let Some(rest) = self.rest.as_deref_mut() else { return Ok(Ticket::Call { epoch, seen }) };
        match &mut rest.state {
            State::Closed => {
                if let (Some(stall), true) = (&mut rest.stall, cx.rules.watches_stalls()) {
                    return Ok(Ticket::Watched { epoch, number: stall.admit(cx.now, seen) });
                }
                Ok(Ticket::Call { epoch, seen })
            }
            State::Open => Err(open(rest.trip, cx.now)),
            State::HalfOpen(half_open) => {
                if may_probe {
                    half_open.saw_eligible(cx.now);
                }
                half_open.check(cx.rules, may_probe, cx.now).map_err(refused_probe)?;
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
        let rest = self.rest.as_deref()?;
        match (rest.overlay, &rest.state) {
            (Overlay::ForcedOpen, _) => {
                let wait = match rest.overlay_until {
                    Some(until) => until.since(cx.now),
                    // Nobody knows when the operator will lift it; the cool-down that a trip would have is as good a guess as any.
                    None => cx.rules.cool_down(self.level(cx)),
                };
                Some(Refusal { reason: Reason::ForcedOpen, wait: Duration::from_nanos(wait) })
            }
            (Overlay::ForcedClosed | Overlay::Shadow, _) | (Overlay::Automatic, State::Closed) => None,
            (Overlay::Automatic, State::Open) => Some(open(rest.trip, cx.now)),
            (Overlay::Automatic, State::HalfOpen(half_open)) => {
                half_open.check(cx.rules, may_probe, cx.now).err().map(refused_probe)
            }
        }
    }

    /// Takes an admitted call's ticket back with its outcome.
    pub fn record(&mut self, cx: &Context<'_>, ticket: Ticket, report: Report, fx: &mut Vec<Event>) {
        self.settle(cx, fx);
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

    fn record_call(&mut self, cx: &Context<'_>, seen: u32, report: Report, fx: &mut Vec<Event>) {
        match report.verdict {
            Verdict::Success => self.clear_up_to(cx, seen),
            // "Come back at once" is no hint.
            Verdict::Failure(hint) => return self.fail(cx, hint.filter(|hint| !hint.wait().is_zero()), &report, fx),
            Verdict::Limited(wait) if cx.rules.obeys_hints() && !wait.is_zero() => {
                return self.fail(cx, Some(Hint::limiting(wait)), &report, fx);
            }
            Verdict::Reachable | Verdict::Limited(_) => {}
            Verdict::Ignore | Verdict::Relayed(_) => return,
        }
        if report.slow {
            self.check_slow(cx, &report.tally, fx);
        }
    }

    fn record_probe(&mut self, cx: &Context<'_>, number: u32, report: Report, fx: &mut Vec<Event>) {
        let Some(State::HalfOpen(half_open)) = self.state_mut() else { return };
        let Some(returned) = half_open.take_back(number) else { return self.count_late(self.epoch) };
        let slow = report.slow && cx.rules.policy().slow_calls.is_some();
        let (rule, hint) = match report.verdict {
            Verdict::Ignore => return,
            Verdict::Failure(hint) => (Rule::Probe, hint.map(Hint::wait)),
            Verdict::Limited(wait) if cx.rules.obeys_hints() && !wait.is_zero() => (Rule::Probe, Some(wait)),
            Verdict::Relayed(hint) => (Rule::Probe, hint),
            // What trips by slowness must not be closed by a slow success.
            Verdict::Success | Verdict::Reachable | Verdict::Limited(_) if slow => (Rule::SlowCalls, None),
            Verdict::Success | Verdict::Reachable | Verdict::Limited(_) => {
                half_open.succeed(returned, cx.rules, cx.now);
                return self.settle(cx, fx);
            }
        };
        self.rest_mut().counts.failures += 1;
        self.trip(cx, Cause::one(rule, cx.now), hint.map(|wait| cx.now.plus(nanos(wait))), fx);
    }

    /// A success clears the failures that were recorded before its own call was admitted, and only those.
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

    fn trip(&mut self, cx: &Context<'_>, cause: Cause, not_before: Option<Instant>, fx: &mut Vec<Event>) {
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

    /// Commits what time alone has brought about: deadlines that ran out, cool-downs that are over, overlays that
    /// expired, each as of its own instant and in order.
    pub fn settle(&mut self, cx: &Context<'_>, fx: &mut Vec<Event>) {
        while let Some((at, step)) = self.next_step(cx) {
            match step {
                Step::LiftOverlay => self.lay(cx, at, Overlay::Automatic, None, fx),
                Step::HalfOpen => self.half_open(cx, at, fx),
                Step::Stall { first } => {
                    let calls = cx.rules.stalled;
                    let cause = Cause { rule: Rule::Stall, failures: calls, calls, first, last: at, at };
                    self.rest_mut().counts.failures += 1;
                    self.trip(cx, cause, None, fx);
                }
                Step::Probes(Due::Overdue) => {
                    let Some(State::HalfOpen(half_open)) = self.state_mut() else { return };
                    if half_open.give_up_oldest() {
                        self.rest_mut().counts.failures += 1;
                        self.trip(cx, Cause::one(Rule::ProbeDeadline, at), None, fx);
                    }
                }
                Step::Probes(Due::StageComplete) => {
                    let Some(State::HalfOpen(half_open)) = self.state_mut() else { return };
                    match half_open.next_stage(cx.rules, at) {
                        Some(stage) => self.tell(fx, at, EventKind::StageReached(stage)),
                        None => self.close(cx, at, fx),
                    }
                }
            }
        }
    }

    fn next_step(&self, cx: &Context<'_>) -> Option<(Instant, Step)> {
        let rest = self.rest.as_deref()?;
        let lift = rest.overlay_until.filter(|until| *until <= cx.now).map(|until| (until, Step::LiftOverlay));
        if rest.overlay.is_forced() {
            // Under a forced overlay the machine stands still.
            return lift;
        }
        let step = match &rest.state {
            State::Closed => rest.stall.as_ref().and_then(|stall| {
                let due = stall.due(cx.rules.stalled, cx.rules.stall_time, cx.now);
                due.map(|(at, first)| (at, Step::Stall { first }))
            }),
            State::Open => {
                let until = rest.trip.map_or(rest.since, |trip| trip.until);
                // If an overlay was lifted after the deadline, half-open begins with the lifting.
                (until <= cx.now).then_some((until.max(rest.since), Step::HalfOpen))
            }
            State::HalfOpen(half_open) => half_open.due(cx.rules, cx.now).map(|(at, due)| (at, Step::Probes(due))),
        };
        let step = step.map(|(at, step)| (at.max(rest.ruled_since), step));
        [lift, step].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    fn half_open(&mut self, cx: &Context<'_>, at: Instant, fx: &mut Vec<Event>) {
        self.epoch += 1;
        let rest = self.rest_mut();
        let cool_down = rest.trip.map_or(0, |trip| trip.until.since(trip.at));
        rest.state = State::HalfOpen(HalfOpen::begin(at, cool_down, cx.rules));
        rest.since = at;
        self.tell(fx, at, EventKind::HalfOpened);
    }

    fn close(&mut self, cx: &Context<'_>, at: Instant, fx: &mut Vec<Event>) {
        self.epoch += 1;
        let rest = self.rest_mut();
        rest.state = State::Closed;
        rest.since = at;
        if cx.rules.forgive_each().is_none() {
            rest.level = 0;
        }
        self.watch_stalls(cx.rules);
        self.tell(fx, at, EventKind::Closed);
    }

    /// Carries an operator's command out.
    pub fn command(&mut self, cx: &Context<'_>, command: Command, fx: &mut Vec<Event>) {
        self.settle(cx, fx);
        match command {
            Command::Overlay(overlay, until) => {
                let until = until.filter(|_| overlay != Overlay::Automatic);
                if self.overlay() != (overlay, until) {
                    self.lay(cx, cx.now, overlay, until, fx);
                }
            }
            Command::Reset => {
                self.begin_epoch();
                self.forget_failures();
                let Rest { counts, born, forgotten, .. } = *self.rest_mut();
                self.rest = Some(Box::new(Rest { since: cx.now, counts, born, forgotten, ..Rest::default() }));
                self.watch_stalls(cx.rules);
                self.tell(fx, cx.now, EventKind::Reset);
            }
        }
    }

    fn lay(&mut self, cx: &Context<'_>, at: Instant, to: Overlay, until: Option<Instant>, fx: &mut Vec<Event>) {
        self.begin_epoch();
        let level = self.level(&Context { now: at, ..*cx });
        let from = self.overlay().0;
        let forced = from.is_forced() || to.is_forced();
        if forced {
            // Closed starts clean when a forced overlay ends, so what it held before is of no more use.
            self.forget_failures();
        }
        let rest = self.rest_mut();
        if forced {
            rest.hints.clear();
            // The count of time spent closed starts anew; what was earned so far is kept.
            (rest.level, rest.since) = (level, at);
        }
        if let State::HalfOpen(half_open) = &mut rest.state {
            *half_open = HalfOpen::begin(at, half_open.cool_down, cx.rules);
        }
        (rest.overlay, rest.overlay_until) = (to, until);
        if matches!(rest.state, State::Closed) {
            self.watch_stalls(cx.rules);
        }
        let event = Event {
            at,
            epoch: self.epoch,
            shadow: from == Overlay::Shadow,
            kind: EventKind::OverlayChanged { from, to },
        };
        fx.push(event);
    }

    /// Puts new rules in force; `cx` carries them. What is open stays open, its deadline clamped to the new maximum.
    pub fn change_rules(&mut self, old: &Rules, cx: &Context<'_>, fx: &mut Vec<Event>) {
        let before = Context { rules: old, ..*cx };
        self.settle(&before, fx);
        let level = self.level(&before);
        if old.policy().in_a_row.is_none() {
            // Nobody counted a run so far.
            self.cleared = self.seq;
        }
        self.log.resize(cx.rules.log);
        self.forget_hints();
        if cx.rules.watches_stalls() && !old.watches_stalls() {
            // Those who are still out from the last time it was watched come back to the same watch.
            self.rest_mut().stall.get_or_insert_default();
        }
        if let Some(rest) = self.rest.as_deref_mut() {
            if let (State::Open, Some(trip)) = (&rest.state, &mut rest.trip) {
                trip.until = trip.until.min(cx.now.plus(cx.rules.longest_open(trip.hinted)));
            }
            if old.forgive_each() != cx.rules.forgive_each() && matches!(rest.state, State::Closed) {
                // What was forgiven so far stays forgiven; the new way counts from now.
                (rest.level, rest.since) = (level, cx.now);
            }
            // Nothing that the new rules bring about is dated earlier than them.
            rest.ruled_since = cx.now;
        }
        self.tell(fx, cx.now, EventKind::PolicyChanged);
    }

    /// The level at this instant, what the time spent closed has forgiven taken off.
    fn level(&self, cx: &Context<'_>) -> u32 {
        let Some(rest) = self.rest.as_deref() else { return 0 };
        match cx.rules.forgive_each() {
            Some(interval) if matches!(rest.state, State::Closed) && !rest.overlay.is_forced() => {
                let forgiven = cx.now.since(rest.since) / interval.max(1);
                rest.level.saturating_sub(u32::try_from(forgiven).unwrap_or(u32::MAX))
            }
            _ => rest.level,
        }
    }

    /// All that can be seen at this instant. Computed: nothing is committed, nobody is told.
    #[must_use]
    pub fn view(&self, cx: &Context<'_>) -> View {
        if self.next_step(cx).is_some() {
            let mut settled = self.clone();
            settled.settle(cx, &mut Vec::new());
            return settled.view_settled(cx);
        }
        self.view_settled(cx)
    }

    fn view_settled(&self, cx: &Context<'_>) -> View {
        let none = Rest::default();
        let rest = self.rest.as_deref().unwrap_or(&none);
        let phase = match &rest.state {
            State::Closed => Phase::Closed,
            State::Open => match rest.trip.map_or(rest.since, |trip| trip.until) {
                // Under a forced overlay nothing is committed, and yet the time passes.
                until if until <= cx.now => Phase::HalfOpen { stage: 0, in_flight: 0 },
                until => Phase::Open { until },
            },
            State::HalfOpen(half_open) => {
                Phase::HalfOpen { stage: half_open.stage(), in_flight: half_open.in_flight(cx.rules, cx.now) }
            }
        };
        let ages = self.log.newest_first().map(|at| cx.now.since(at));
        let within = if cx.rules.policy().window.is_some() { cx.rules.within } else { u64::MAX };
        View {
            phase,
            overlay: rest.overlay,
            overlay_until: rest.overlay_until,
            epoch: self.epoch,
            level: self.level(cx),
            failures: ages.take_while(|age| *age <= within).map(Duration::from_nanos).collect(),
            trip: self.standing_trip().copied(),
            counts: if self.rest.is_some() { rest.counts } else { self.first_counts() },
        }
    }

    pub(super) fn take_up(&mut self, cx: &Context<'_>, saved: Saved) {
        let Saved { level, overlay, mut failures, trip, counts } = saved;
        failures.sort_unstable();
        if trip.is_none() {
            for at in failures {
                self.seq = self.seq.wrapping_add(1);
                self.log.push(at.min(cx.now));
            }
        }
        let rest = self.rest_mut();
        (rest.level, rest.counts, rest.since) = (level, counts, cx.now);
        (rest.overlay, rest.overlay_until) = overlay;
        if let Some(mut trip) = trip {
            let longest = cx.rules.longest_open(trip.hinted);
            trip.until = trip.until.min(cx.now.plus(longest));
            rest.state = State::Open;
            rest.trip = Some(trip);
        }
    }

    /// Begins to watch, if the rules want that; whoever is out comes back to another epoch.
    fn watch_stalls(&mut self, rules: &Rules) {
        if rules.watches_stalls() {
            self.rest_mut().stall = Some(StallWatch::default());
        } else if let Some(rest) = self.rest.as_deref_mut() {
            rest.stall = None;
        }
    }

    /// All evidence gathered while closed: a trip clears it, a forced overlay, an operator's reset.
    fn forget_failures(&mut self) {
        self.log.clear();
        self.cleared = self.seq;
        self.rest_mut().forgotten += 1;
    }

    /// Drops the hints of failures that have left the log.
    fn forget_hints(&mut self) {
        let (seq, kept) = (self.seq, self.log.len());
        if let Some(rest) = self.rest.as_deref_mut() {
            while rest.hints.front().is_some_and(|(of, _)| seq.wrapping_sub(*of) >= kept) {
                rest.hints.pop_front();
            }
        }
    }

    fn rest_mut(&mut self) -> &mut Rest {
        let (counts, born) = (self.first_counts(), self.epoch);
        self.rest.get_or_insert_with(|| Box::new(Rest { counts, born, ..Rest::default() }))
    }

    fn begin_epoch(&mut self) {
        // So that it is known in which one the machine began.
        self.rest_mut();
        self.epoch += 1;
    }

    /// What has been counted by a machine that was always well: the sequence numbers have not wrapped.
    fn first_counts(&self) -> Counts {
        Counts { failures: u64::from(self.seq), ..Counts::default() }
    }

    fn stall_mut(&mut self) -> Option<&mut StallWatch> {
        self.rest.as_deref_mut()?.stall.as_mut()
    }

    fn state_mut(&mut self) -> Option<&mut State> {
        self.rest.as_deref_mut().map(|rest| &mut rest.state)
    }

    fn tell(&self, fx: &mut Vec<Event>, at: Instant, kind: EventKind) {
        let shadow = self.overlay().0 == Overlay::Shadow;
        fx.push(Event { at, epoch: self.epoch, shadow, kind });
    }
}

/// What a trip is told of.
#[derive(Clone, Copy, Debug)]
struct Cause {
    rule: Rule,
    failures: u32,
    calls: u32,
    first: Instant,
    last: Instant,
    at: Instant,
}

impl Cause {
    fn one(rule: Rule, at: Instant) -> Self {
        Self { rule, failures: 1, calls: 1, first: at, last: at, at }
    }
}

fn open(trip: Option<Trip>, now: Instant) -> Refusal {
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
