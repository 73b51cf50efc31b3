use super::half_open::{Due, HalfOpen, first};
use super::input::Context;
use super::log::FailureLog;
use super::outcome::Cause;
use super::quota::QuotaGuard;
use super::stall::StallWatch;
use super::{Counts, Event, EventKind, Overlay, Rule, Trip};
use crate::clock::Instant;
use crate::policy::Rules;
use std::collections::VecDeque;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum State {
    #[default]
    Closed,
    Open,
    HalfOpen(HalfOpen),
}

/// What a machine in good health does without.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Rest {
    pub(super) state: State,
    /// The machine's first epoch: what was admitted before it was admitted by somebody else, in the same place.
    pub(super) born: u64,
    /// The last change of state or overlay.
    pub(super) since: Instant,
    /// When the present rules were put in force, if they are not the first.
    pub(super) ruled_since: Instant,
    /// The last trip. Its deadline is that of the open state.
    pub(super) trip: Option<Trip>,
    pub(super) level: u32,
    pub(super) overlay: Overlay,
    pub(super) overlay_until: Option<Instant>,
    /// The not-before instants of the failures in the log (by sequence number), without those that a later one exceeds:
    /// so the first is the farthest.
    pub(super) hints: VecDeque<(u32, Instant)>,
    pub(super) stall: Option<StallWatch>,
    pub(super) quota: Option<QuotaGuard>,
    pub(super) counts: Counts,
    pub(super) forgotten: u64,
}

impl Rest {
    /// Whether time can bring anything about: it does nothing to a machine that is closed for good.
    #[inline]
    pub(super) fn minds_the_time(&self) -> bool {
        !matches!(self.state, State::Closed) || self.overlay_until.is_some() || self.stall.is_some()
    }
}

/// The breaker's state: see the [module](self::super).
///
/// It is small (56 bytes, plus a block once it has tripped), and it can be cloned, compared and hashed, so that a model
/// checker can walk its states.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Machine {
    pub(super) epoch: u64,
    /// The sequence number of the newest failure; the log's entries are the newest, without gaps. Wraps.
    pub(super) seq: u32,
    /// The failures up to here have been answered by a success of a later call.
    pub(super) cleared: u32,
    pub(super) log: FailureLog,
    pub(super) rest: Option<Box<Rest>>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
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
        machine.watch_quota(rules, Instant::default());
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

    /// Whether it has never been anything but closed, and watches no calls: there is nothing to it but its failures.
    #[inline]
    pub(crate) const fn is_unscathed(&self) -> bool {
        self.rest.is_none()
    }

    /// Whether a success could clear something.
    #[inline]
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

    /// Commits what time alone has brought about: deadlines that ran out, cool-downs that are over, overlays that
    /// expired, each as of its own instant and in order.
    #[inline]
    pub fn settle(&mut self, cx: &Context<'_>, fx: &mut Vec<Event>) {
        if self.rest.as_deref().is_some_and(Rest::minds_the_time) {
            self.settle_rest(cx, fx);
        }
    }

    /// Whether [`settle`](Self::settle) would change it.
    pub(crate) fn is_due(&self, cx: &Context<'_>) -> bool {
        self.rest.as_deref().is_some_and(Rest::minds_the_time) && self.next_step(cx).is_some()
    }

    #[inline(never)]
    fn settle_rest(&mut self, cx: &Context<'_>, fx: &mut Vec<Event>) {
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
                    let failed = half_open.give_up_oldest();
                    self.rest_mut().counts.probe_results.overdue += 1;
                    if failed {
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

    /// What [`settle`](Self::settle) would tell now.
    pub(crate) fn due(&self, cx: &Context<'_>) -> Vec<Event> {
        let mut events = Vec::new();
        if self.next_step(cx).is_some() {
            self.clone().settle(cx, &mut events);
        }
        events
    }

    pub(super) fn next_step(&self, cx: &Context<'_>) -> Option<(Instant, Step)> {
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
        first(lift, step)
    }

    fn half_open(&mut self, cx: &Context<'_>, at: Instant, fx: &mut Vec<Event>) {
        self.epoch += 1;
        let rest = self.rest_mut();
        // What was open under other rules, or was restored, may have been so for longer than these know.
        let cool_down =
            rest.trip.map_or(0, |trip| trip.until.since(trip.at).min(cx.rules.longest_jittered(trip.hinted)));
        rest.state = State::HalfOpen(HalfOpen::begin(at, cool_down, cx.rules));
        rest.since = at;
        self.tell(fx, at, EventKind::HalfOpened);
    }

    fn close(&mut self, cx: &Context<'_>, at: Instant, fx: &mut Vec<Event>) {
        self.epoch += 1;
        // The log is empty since the trip. What is counted outside is counted without a lock, so a call that was about to
        // be counted when it tripped may have been so after it.
        self.forget_failures();
        let rest = self.rest_mut();
        rest.state = State::Closed;
        rest.since = at;
        if cx.rules.forgive_each().is_none() {
            rest.level = 0;
        }
        self.watch_stalls(cx.rules);
        self.tell(fx, at, EventKind::Closed);
    }

    /// The level at this instant, what the time spent closed has forgiven taken off.
    pub(super) fn level(&self, cx: &Context<'_>) -> u32 {
        let Some(rest) = self.rest.as_deref() else { return 0 };
        match cx.rules.forgive_each() {
            Some(interval) if matches!(rest.state, State::Closed) && !rest.overlay.is_forced() => {
                let forgiven = cx.now.since(rest.since) / interval.max(1);
                rest.level.saturating_sub(u32::try_from(forgiven).unwrap_or(u32::MAX))
            }
            _ => rest.level,
        }
    }

    /// Begins to watch, if the rules want that; whoever is out comes back to another epoch.
    pub(super) fn watch_stalls(&mut self, rules: &Rules) {
        if rules.watches_stalls() {
            self.rest_mut().stall = Some(StallWatch::default());
        } else if let Some(rest) = self.rest.as_deref_mut() {
            rest.stall = None;
        }
    }

    /// All evidence gathered while closed: a trip clears it, a forced overlay, an operator's reset.
    pub(super) fn forget_failures(&mut self) {
        self.log.clear();
        self.cleared = self.seq;
        self.rest_mut().forgotten += 1;
    }

    /// Drops the hints of failures that have left the log.
    pub(super) fn forget_hints(&mut self) {
        let (seq, kept) = (self.seq, self.log.len());
        if let Some(rest) = self.rest.as_deref_mut() {
            while rest.hints.front().is_some_and(|(of, _)| seq.wrapping_sub(*of) >= kept) {
                rest.hints.pop_front();
            }
        }
    }

    pub(super) fn rest_mut(&mut self) -> &mut Rest {
        let (counts, born) = (self.first_counts(), self.epoch);
        self.rest.get_or_insert_with(|| Box::new(Rest { counts, born, ..Rest::default() }))
    }

    pub(super) fn begin_epoch(&mut self) {
        // So that it is known in which one the machine began.
        self.rest_mut();
        self.epoch += 1;
    }

    /// What has been counted by a machine that was always well: the sequence numbers have not wrapped.
    pub(super) fn first_counts(&self) -> Counts {
        Counts { failures: u64::from(self.seq), ..Counts::default() }
    }

    pub(super) fn stall_mut(&mut self) -> Option<&mut StallWatch> {
        self.rest.as_deref_mut()?.stall.as_mut()
    }

    pub(super) fn state_mut(&mut self) -> Option<&mut State> {
        self.rest.as_deref_mut().map(|rest| &mut rest.state)
    }

    pub(super) fn tell(&self, fx: &mut Vec<Event>, at: Instant, kind: EventKind) {
        let shadow = self.overlay().0 == Overlay::Shadow;
        fx.push(Event { at, epoch: self.epoch, shadow, kind });
    }
}
