use super::core::{Machine, Rest, State};
use super::{Context, QuotaLeft, Trip};
use crate::clock::Instant;
use std::time::Duration;

/// Where the machine stands, as of the instant of the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Every call is admitted.
    Closed,
    /// Every call is refused.
    Open {
        /// When half-open begins.
        until: Instant,
    },
    /// A bounded number of calls is admitted as probes.
    HalfOpen {
        /// From 0 on.
        stage: u32,
        /// Probes that take up a slot.
        in_flight: u32,
    },
}

/// What an operator laid over the phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Overlay {
    /// Nothing: the machine decides.
    #[default]
    Automatic,
    /// Every call is refused, nothing is recorded.
    ForcedOpen,
    /// Every call is admitted, nothing is recorded.
    ForcedClosed,
    /// The machine runs and reports what it would do; nothing is refused.
    Shadow,
}

impl Overlay {
    pub(crate) const fn is_forced(self) -> bool {
        matches!(self, Self::ForcedOpen | Self::ForcedClosed)
    }

    /// A short name for metrics and logs.
    ///
    /// ```
    /// assert_eq!(resilience::machine::Overlay::ForcedOpen.name(), "forced_open");
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::ForcedOpen => "forced_open",
            Self::ForcedClosed => "forced_closed",
            Self::Shadow => "shadow",
        }
    }
}

/// Counts of what is not healthy, since the machine was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
#[non_exhaustive]
pub struct Counts {
    /// Successes, if the breaker counts them: see [`Builder::count_successes`](crate::Builder::count_successes). A
    /// machine does not, and hands on what it was given.
    pub successes: Option<u64>,
    /// Failures recorded, those of probes included.
    pub failures: u64,
    /// Trips, from closed and by failed probes.
    pub trips: u64,
    /// Outcomes that came back in another epoch and changed nothing.
    pub late: u64,
    /// Probes admitted.
    pub probes: u64,
    /// What came of them.
    pub probe_results: ProbeResults,
    /// Calls that shadow mode admitted although the machine would have refused them.
    pub shadow_refused: u64,
}

/// What came of the probes. One that is still out, or was when the phase changed under it, is none of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
#[non_exhaustive]
pub struct ProbeResults {
    /// The upstream answered well, or at least answered.
    pub succeeded: u64,
    /// It failed, or took too long where slow calls trip.
    pub failed: u64,
    /// The outcome said nothing about the upstream.
    pub ignored: u64,
    /// The call was given up before its outcome, too early to blame the upstream.
    pub abandoned: u64,
    /// It was out until its deadline.
    pub overdue: u64,
}

/// The most that a count starts from: what was saved may be any number, and is counted on.
pub(crate) const MOST_RESTORED: u64 = u64::MAX / 2;

impl ProbeResults {
    pub(crate) fn add(&mut self, other: &Self) {
        let Self { succeeded, failed, ignored, abandoned, overdue } = other;
        self.succeeded += succeeded;
        self.failed += failed;
        self.ignored += ignored;
        self.abandoned += abandoned;
        self.overdue += overdue;
    }
}

impl Counts {
    /// With room to go on counting.
    pub(super) fn with_room(self) -> Self {
        let Self { successes, failures, trips, late, probes, probe_results, shadow_refused } = self;
        let ProbeResults { succeeded, failed, ignored, abandoned, overdue } = probe_results;
        let room = |count: u64| count.min(MOST_RESTORED);
        Self {
            successes: successes.map(room),
            failures: room(failures),
            trips: room(trips),
            late: room(late),
            probes: room(probes),
            probe_results: ProbeResults {
                succeeded: room(succeeded),
                failed: room(failed),
                ignored: room(ignored),
                abandoned: room(abandoned),
                overdue: room(overdue),
            },
            shadow_refused: room(shadow_refused),
        }
    }
}

/// All that can be seen of a machine at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The phase, computed: an open whose time is over reads half-open although no call came.
    pub phase: Phase,
    /// What an operator laid over it.
    pub overlay: Overlay,
    /// When the overlay expires by itself.
    pub overlay_until: Option<Instant>,
    /// Grows with every change of phase or overlay.
    pub epoch: u64,
    /// Trips not yet forgiven.
    pub level: u32,
    /// How long ago each failure in the log was recorded, newest first; those older than the window are left out.
    pub failures: Vec<Duration>,
    /// How many there have been in a row, where a rule counts them.
    pub in_a_row: Option<u32>,
    /// The trip that opened it, while it is open or half-open.
    pub trip: Option<Trip>,
    /// What its quota leaves, if it has one.
    pub quota: Option<QuotaLeft>,
    /// Totals.
    pub counts: Counts,
}

impl Machine {
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
            in_a_row: cx.rules.policy().in_a_row.map(|_| self.seq.wrapping_sub(self.cleared)),
            trip: self.standing_trip().copied(),
            quota: self.quota_left(cx),
            counts: if self.rest.is_some() { rest.counts } else { self.first_counts() },
        }
    }
}
