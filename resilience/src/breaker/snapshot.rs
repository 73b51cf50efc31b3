use super::rejected::TripSummary;
use crate::clock::{self, Instant, nanos};
use crate::machine::{Counts, Overlay, Phase, QuotaLeft, Reason, Saved, Trip, View};
use crate::observe::{History, TransitionCount};
use std::time::{Duration, SystemTime};

/// What callers meet: the phase, with a forced overlay on top of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum State {
    /// Every call is admitted.
    Closed,
    /// Every call is refused.
    Open,
    /// A bounded number of calls is admitted as probes.
    HalfOpen,
}

impl State {
    /// A short name for metrics and logs.
    ///
    /// ```
    /// assert_eq!(resilience::State::HalfOpen.name(), "half_open");
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }

    pub(crate) fn of(view: &View) -> Self {
        Self::under(view.overlay, Self::of_phase(view.phase))
    }

    pub(super) const fn of_phase(phase: Phase) -> Self {
        match phase {
            Phase::Closed => Self::Closed,
            Phase::Open { .. } => Self::Open,
            Phase::HalfOpen { .. } => Self::HalfOpen,
        }
    }

    /// What callers meet of a phase that lies under this overlay.
    pub(crate) const fn under(overlay: Overlay, phase: Self) -> Self {
        match overlay {
            Overlay::ForcedOpen => Self::Open,
            Overlay::ForcedClosed => Self::Closed,
            Overlay::Automatic | Overlay::Shadow => phase,
        }
    }
}

/// How many calls were refused, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
#[non_exhaustive]
pub struct Refusals {
    /// [`Reason::Open`].
    pub open: u64,
    /// [`Reason::ProbesOut`].
    pub probes_out: u64,
    /// [`Reason::MayNotProbe`].
    pub may_not_probe: u64,
    /// [`Reason::ForcedOpen`].
    pub forced_open: u64,
    /// [`Reason::StaleReadiness`].
    pub stale_readiness: u64,
    /// [`Reason::Quota`].
    pub quota: u64,
}

impl Refusals {
    /// Each reason with its count, zeros too.
    ///
    /// ```
    /// use resilience::{Breaker, Reason};
    ///
    /// let breaker = Breaker::builder().count_refusals().build()?;
    /// breaker.force_open();
    /// assert!(breaker.try_acquire().is_err());
    /// let refusals = breaker.snapshot().refusals.unwrap();
    /// assert_eq!(refusals.forced_open, 1);
    /// assert_eq!(refusals.iter().map(|(_, count)| count).sum::<u64>(), 1);
    /// # Ok::<(), resilience::PolicyError>(())
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (Reason, u64)> + use<> {
        let Self { open, probes_out, may_not_probe, forced_open, stale_readiness, quota } = *self;
        [
            (Reason::Open, open),
            (Reason::ProbesOut, probes_out),
            (Reason::MayNotProbe, may_not_probe),
            (Reason::ForcedOpen, forced_open),
            (Reason::StaleReadiness, stale_readiness),
            (Reason::Quota, quota),
        ]
        .into_iter()
    }

    pub(super) fn by(count: impl Fn(Reason) -> u64) -> Self {
        Self {
            open: count(Reason::Open),
            probes_out: count(Reason::ProbesOut),
            may_not_probe: count(Reason::MayNotProbe),
            forced_open: count(Reason::ForcedOpen),
            stale_readiness: count(Reason::StaleReadiness),
            quota: count(Reason::Quota),
        }
    }
}

/// Where a breaker stands: for people, dashboards, and a restart.
///
/// Taken by [`Breaker::snapshot`](crate::Breaker::snapshot), which changes nothing; given back to a new breaker by
/// [`Builder::restore`](crate::Builder::restore). Serialisable with the feature `serde`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Snapshot {
    /// The breaker's name.
    pub name: String,
    /// What callers meet.
    pub state: State,
    /// The phase below a forced overlay.
    pub phase: State,
    /// The stage of half-open, from 0 on; else 0.
    pub stage: u32,
    /// Probes that take up a slot.
    pub probes_out: u32,
    /// Until half-open begins, while the phase is open.
    pub remaining: Option<Duration>,
    /// How long the breaker stays open in all for the present trip.
    pub open_for: Option<Duration>,
    /// What an operator laid over the phase.
    pub overlay: Overlay,
    /// Until the overlay expires by itself.
    pub overlay_remaining: Option<Duration>,
    /// Trips not yet forgiven.
    pub level: u32,
    /// How long ago each failure in the window was recorded, newest first.
    pub failures: Vec<Duration>,
    /// How many there have been in a row, where a rule counts them.
    #[cfg_attr(feature = "serde", serde(default))]
    pub in_a_row: Option<u32>,
    /// Why it is not closed.
    pub trip: Option<TripSummary>,
    /// What its quota leaves, if it has one.
    #[cfg_attr(feature = "serde", serde(default))]
    pub quota: Option<QuotaSnapshot>,
    /// Totals of what is not healthy.
    pub counts: Counts,
    /// Calls refused, if they are counted: see [`Builder::count_refusals`](crate::Builder::count_refusals).
    #[cfg_attr(feature = "serde", serde(default))]
    pub refusals: Option<Refusals>,
    /// The changes of state that there have been, if they are counted: see
    /// [`Builder::count_transitions`](crate::Builder::count_transitions).
    #[cfg_attr(feature = "serde", serde(default))]
    pub transitions: Option<Vec<TransitionCount>>,
    /// How long callers met it open in all, if transitions are counted.
    #[cfg_attr(feature = "serde", serde(default))]
    pub open_time: Option<Duration>,
    /// Grows with every change of phase or overlay.
    pub epoch: u64,
    /// When it was taken, by the wall clock; 1970 where there is none.
    pub taken_at: SystemTime,
}

/// What a quota leaves to be called, as a snapshot tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct QuotaSnapshot {
    /// Calls that would be admitted at once, as far as the policy's own quota goes.
    pub tokens: u32,
    /// Calls admitted that no answer has come to.
    pub in_flight: u32,
    /// How many more calls the server takes, by its own word, calls that it may not have counted yet taken off.
    pub remaining: Option<u64>,
    /// Until the server's count starts anew.
    pub reset_in: Option<Duration>,
}

impl Snapshot {
    pub(crate) fn of(view: View, name: &str, now: Instant) -> Self {
        let (phase, stage, probes_out, until) = match view.phase {
            Phase::Closed => (State::Closed, 0, 0, None),
            Phase::Open { until } => (State::Open, 0, 0, Some(until)),
            Phase::HalfOpen { stage, in_flight } => (State::HalfOpen, stage, in_flight, None),
        };
        Self {
            name: name.to_owned(),
            state: State::of(&view),
            phase,
            stage,
            probes_out,
            remaining: until.map(|until| until.saturating_since(now)),
            open_for: view.trip.map(|trip| trip.open_for()),
            overlay: view.overlay,
            overlay_remaining: view.overlay_until.map(|until| until.saturating_since(now)),
            level: view.level,
            trip: view.trip.map(|trip| TripSummary {
                rule: trip.rule,
                failures: trip.failures,
                calls: trip.calls,
                first_ago: now.saturating_since(trip.first),
                last_ago: now.saturating_since(trip.last),
                hinted: trip.hinted,
            }),
            failures: view.failures,
            in_a_row: view.in_a_row,
            quota: view.quota.map(|left| QuotaSnapshot {
                tokens: left.tokens,
                in_flight: left.in_flight,
                remaining: left.server.map(|(remaining, _)| remaining),
                reset_in: left.server.map(|(_, until)| until.saturating_since(now)),
            }),
            counts: view.counts,
            refusals: None,
            transitions: None,
            open_time: None,
            epoch: view.epoch,
            taken_at: clock::wall().unwrap_or(SystemTime::UNIX_EPOCH),
        }
    }

    /// With what is counted beside the machine, if it is.
    pub(super) fn counted(self, refusals: Option<Refusals>, history: Option<&History>, now: Instant) -> Self {
        let transitions = history.map(History::transitions);
        Self { refusals, transitions, open_time: history.map(|history| history.open_time(now)), ..self }
    }

    /// How long every call is still refused, if it is and an end is known.
    ///
    /// ```
    /// use std::time::Duration;
    /// use resilience::{Breaker, clock::Manual};
    ///
    /// let breaker = Breaker::builder().clock(Manual::new()).build()?;
    /// assert_eq!(breaker.snapshot().refuses_for(), None);
    /// breaker.force_open_for(Duration::from_secs(5));
    /// assert_eq!(breaker.snapshot().refuses_for(), Some(Duration::from_secs(5)));
    /// # Ok::<(), resilience::PolicyError>(())
    /// ```
    #[must_use]
    pub fn refuses_for(&self) -> Option<Duration> {
        match self.overlay {
            Overlay::ForcedOpen => self.overlay_remaining,
            Overlay::ForcedClosed | Overlay::Shadow => None,
            Overlay::Automatic => self.remaining,
        }
    }

    /// What of it is good for a machine whose clock says `now`. Time that has passed by the wall clock is taken off;
    /// a wall clock that was set back takes nothing off.
    pub(crate) fn saved(&self, now: Instant) -> Saved {
        let passed = clock::wall().and_then(|now| now.duration_since(self.taken_at).ok()).map_or(0, nanos);
        let ago = |age: Duration| Instant::from_nanos(now.as_nanos().saturating_sub(nanos(age).saturating_add(passed)));
        let ahead = |wait: Duration| now.plus(nanos(wait).saturating_sub(passed));
        let trip = self.trip.filter(|_| self.phase != State::Closed).map(|trip| {
            // Half-open begins anew with its first stage: the probes of the old process are nobody's.
            let until = ahead(self.remaining.filter(|_| self.phase == State::Open).unwrap_or_default());
            let open_for = self.open_for.map_or(0, nanos).max(until.since(now));
            Trip {
                rule: trip.rule,
                failures: trip.failures,
                calls: trip.calls,
                first: ago(trip.first_ago),
                last: ago(trip.last_ago),
                level: self.level,
                hinted: trip.hinted,
                at: Instant::from_nanos(until.as_nanos().saturating_sub(open_for)),
                until,
            }
        });
        let overlay = match self.overlay_remaining {
            // Expired while nobody ran.
            Some(remaining) if nanos(remaining) <= passed => (Overlay::Automatic, None),
            remaining => (self.overlay, remaining.map(ahead)),
        };
        // Calls in flight are not taken up: what remained was told without them.
        let quota = self.quota.map(|QuotaSnapshot { tokens, remaining, reset_in, .. }| {
            let server = remaining.zip(reset_in.map(ahead));
            (QuotaLeft { tokens, in_flight: 0, server }, ago(Duration::ZERO))
        });
        Saved {
            level: self.level,
            overlay,
            failures: self.failures.iter().rev().map(|age| ago(*age)).collect(),
            in_a_row: self.in_a_row,
            trip,
            quota,
            counts: self.counts,
        }
    }
}
