use crate::State;
use crate::breaker::sync::{Mutex, lock};
use crate::clock::Instant;
use crate::machine::{Event, EventKind, MOST_RESTORED, Overlay, Rule};
use std::fmt;
use std::time::Duration;

/// Why callers met another state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(into = "&'static str", try_from = "String"))]
#[non_exhaustive]
pub enum TransitionReason {
    /// It tripped by this rule.
    Tripped(Rule),
    /// The cool-down was over.
    CoolDownOver,
    /// The last stage of half-open was passed.
    Recovered,
    /// An operator laid an overlay over it, or it was lifted or expired.
    Operator,
    /// An operator put it back to closed.
    Reset,
}

impl TransitionReason {
    /// A short name for metrics and logs: that of the rule, if one tripped.
    ///
    /// ```
    /// use resilience::{machine::Rule, observe::TransitionReason};
    ///
    /// assert_eq!(TransitionReason::Tripped(Rule::InARow).name(), "in_a_row");
    /// assert_eq!(TransitionReason::CoolDownOver.name(), "cool_down_over");
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tripped(rule) => rule.name(),
            Self::CoolDownOver => "cool_down_over",
            Self::Recovered => "recovered",
            Self::Operator => "operator",
            Self::Reset => "reset",
        }
    }
}

impl From<TransitionReason> for &'static str {
    fn from(reason: TransitionReason) -> Self {
        reason.name()
    }
}

/// A name that no reason has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownReason(String);

impl fmt::Display for UnknownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no reason for a transition", self.0)
    }
}

impl std::error::Error for UnknownReason {}

impl TryFrom<String> for TransitionReason {
    type Error = UnknownReason;

    fn try_from(name: String) -> Result<Self, UnknownReason> {
        let known = EVERY.iter().map(|(_, _, reason)| *reason).find(|reason| reason.name() == name);
        known.ok_or(UnknownReason(name))
    }
}

/// How often callers met one state after another, for this reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct TransitionCount {
    /// What they met before.
    pub from: State,
    /// What they met after.
    pub to: State,
    /// Why.
    pub reason: TransitionReason,
    /// How often.
    pub count: u64,
}

use State::{Closed, HalfOpen, Open};
use TransitionReason::{CoolDownOver, Operator, Recovered, Reset, Tripped};

/// Every transition that there is: what is exported, with explicit zeros.
pub(crate) const EVERY: [(State, State, TransitionReason); 19] = [
    (Closed, Open, Tripped(Rule::FailureWindow)),
    (Closed, Open, Tripped(Rule::InARow)),
    (Closed, Open, Tripped(Rule::FailureRate)),
    (Closed, Open, Tripped(Rule::SlowCalls)),
    (Closed, Open, Tripped(Rule::Stall)),
    (Closed, Open, Tripped(Rule::Hint)),
    (Closed, Open, Operator),
    (Open, HalfOpen, CoolDownOver),
    (Open, HalfOpen, Operator),
    (Open, Closed, Operator),
    (Open, Closed, Reset),
    (HalfOpen, Open, Tripped(Rule::Probe)),
    (HalfOpen, Open, Tripped(Rule::ProbeDeadline)),
    (HalfOpen, Open, Tripped(Rule::SlowCalls)),
    (HalfOpen, Open, Operator),
    (HalfOpen, Closed, Recovered),
    (HalfOpen, Closed, Operator),
    (HalfOpen, Closed, Reset),
    (Closed, HalfOpen, Operator),
];

/// What a breaker's events add up to: the transitions that callers met, and how long they met it open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct History {
    phase: State,
    overlay: Overlay,
    /// When the state that callers meet began.
    since: Instant,
    /// Nanoseconds spent open before that.
    open: u64,
    counts: [u64; EVERY.len()],
}

impl History {
    /// Of a breaker that stands here.
    pub(crate) fn starting(phase: State, overlay: Overlay, now: Instant) -> Self {
        Self { phase, overlay, since: now, open: 0, counts: [0; EVERY.len()] }
    }

    /// Goes on with what was counted before a restart; a transition that there is not was not counted.
    pub(crate) fn resume(&mut self, transitions: &[TransitionCount], open_time: Duration) {
        for TransitionCount { from, to, reason, count } in transitions {
            if let Some(kept) = self.count_mut(*from, *to, *reason) {
                *kept = kept.saturating_add(*count).min(MOST_RESTORED);
            }
        }
        self.open = self.open.saturating_add(crate::clock::nanos(open_time));
    }

    pub(crate) fn note(&mut self, event: &Event) {
        let (phase, overlay, reason) = match event.kind {
            EventKind::Tripped(trip) => (Open, self.overlay, Tripped(trip.rule)),
            EventKind::HalfOpened => (HalfOpen, self.overlay, CoolDownOver),
            EventKind::Closed => (Closed, self.overlay, Recovered),
            EventKind::OverlayChanged { to, .. } => (self.phase, to, Operator),
            EventKind::Reset => (Closed, Overlay::Automatic, Reset),
            EventKind::StageReached(_) | EventKind::PolicyChanged | EventKind::Refused(_) => return,
        };
        let from = self.state();
        (self.phase, self.overlay) = (phase, overlay);
        let to = self.state();
        if from == to {
            return;
        }
        let count = self.count_mut(from, to, reason);
        debug_assert!(count.is_some(), "{from:?} to {to:?} by {reason:?} is not in the table");
        if let Some(count) = count {
            *count += 1;
        }
        if from == Open {
            self.open = self.open.saturating_add(event.at.since(self.since));
        }
        self.since = event.at;
    }

    /// The transitions that there have been.
    pub(crate) fn transitions(&self) -> Vec<TransitionCount> {
        let counted = EVERY.iter().zip(self.counts).filter(|(_, count)| *count > 0);
        counted
            .map(|((from, to, reason), count)| TransitionCount { from: *from, to: *to, reason: *reason, count })
            .collect()
    }

    /// How long callers met it open, until now.
    pub(crate) fn open_time(&self, now: Instant) -> Duration {
        let present = if self.state() == Open { now.since(self.since) } else { 0 };
        Duration::from_nanos(self.open.saturating_add(present))
    }

    fn state(&self) -> State {
        State::under(self.overlay, self.phase)
    }

    fn count_mut(&mut self, from: State, to: State, reason: TransitionReason) -> Option<&mut u64> {
        let at = EVERY.iter().position(|transition| *transition == (from, to, reason));
        self.counts.get_mut(at?)
    }
}

/// The history of one breaker, written under its lock. It also stands for the breaker's identity: slots are used again,
/// and nobody else ever has this ledger.
#[derive(Debug)]
pub(crate) struct Ledger(Mutex<History>);

impl Ledger {
    pub(crate) fn new(history: History) -> Self {
        Self(Mutex::new(history))
    }

    pub(crate) fn note(&self, events: &[Event]) {
        let mut history = lock(&self.0);
        events.iter().for_each(|event| history.note(event));
    }

    pub(crate) fn resume(&self, transitions: &[TransitionCount], open_time: Duration) {
        lock(&self.0).resume(transitions, open_time);
    }

    /// The history, as it is once these events are committed.
    pub(crate) fn with(&self, due: &[Event]) -> History {
        let mut history = lock(&self.0).clone();
        due.iter().for_each(|event| history.note(event));
        history
    }
}
