use super::Observer;
use crate::machine::{Event, EventKind};

/// Tells every event to [`tracing`]: trips as warnings, the rest of the transitions as information, refusals (if asked
/// for) as debug.
///
/// Nothing is recorded for a healthy call.
///
/// ```
/// use resilience::{Breaker, observe::Tracing};
///
/// let breaker = Breaker::builder().name("orders").observer(Tracing::new()).build()?;
/// # Ok::<(), resilience::PolicyError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Tracing {
    refusals: bool,
}

impl Tracing {
    /// Transitions only.
    #[must_use]
    pub const fn new() -> Self {
        Self { refusals: false }
    }

    /// Refusals, too. Each then takes the breaker's lock.
    #[must_use]
    pub const fn with_refusals(self) -> Self {
        Self { refusals: true }
    }
}

impl Observer for Tracing {
    fn on_event(&self, name: &str, event: &Event) {
        let Event { epoch, shadow, kind, .. } = event;
        let what = kind.name();
        match kind {
            EventKind::Tripped(trip) => tracing::warn!(
                breaker = name,
                event = what,
                epoch,
                shadow,
                rule = trip.rule.name(),
                failures = trip.failures,
                calls = trip.calls,
                level = trip.level,
                hinted = trip.hinted,
                open_for_ms = u64::try_from(trip.open_for().as_millis()).unwrap_or(u64::MAX),
                "breaker tripped: {}",
                trip.rule
            ),
            EventKind::StageReached(stage) => {
                tracing::info!(breaker = name, event = what, epoch, shadow, stage, "breaker recovers");
            }
            EventKind::OverlayChanged { from, to } => tracing::info!(
                breaker = name,
                event = what,
                epoch,
                shadow,
                from = from.name(),
                to = to.name(),
                "an operator changed the breaker"
            ),
            EventKind::Refused(reason) => {
                tracing::debug!(breaker = name, event = what, reason = reason.name(), "call refused");
            }
            EventKind::HalfOpened | EventKind::Closed | EventKind::Reset | EventKind::PolicyChanged => {
                tracing::info!(breaker = name, event = what, epoch, shadow, "breaker changed");
            }
        }
    }

    fn wants_refusals(&self) -> bool {
        self.refusals
    }
}

#[cfg(test)]
mod tests;
