use super::{Overlay, Trip};
use crate::clock::Instant;

/// Something that happened to a breaker, told after it happened and in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// When, on the breaker's clock. A deadline that ran out is told as of the deadline.
    pub at: Instant,
    /// The epoch that it started (or in which it happened, where it started none).
    pub epoch: u64,
    /// Whether the breaker only simulates: the shadow overlay was on.
    pub shadow: bool,
    /// What.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// It went open, from closed or by a failed probe from half-open.
    Tripped(Trip),
    /// The cool-down is over: the first stage of half-open began.
    HalfOpened,
    /// A further stage of half-open began (1 is the second one).
    StageReached(u32),
    /// It closed.
    Closed,
    /// An operator laid an overlay over the phase, or it was lifted or expired.
    OverlayChanged {
        /// What was in force.
        from: Overlay,
        /// What is now.
        to: Overlay,
    },
    /// An operator put it back to closed, at level zero.
    Reset,
    /// A new policy is in force.
    PolicyChanged,
    /// A call was refused. Told only to observers that ask for it.
    Refused(super::Reason),
}

impl EventKind {
    /// A short name for metrics and logs.
    ///
    /// ```
    /// assert_eq!(resilience::machine::EventKind::Closed.name(), "closed");
    /// ```
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Tripped(_) => "tripped",
            Self::HalfOpened => "half_opened",
            Self::StageReached(_) => "stage_reached",
            Self::Closed => "closed",
            Self::OverlayChanged { .. } => "overlay_changed",
            Self::Reset => "reset",
            Self::PolicyChanged => "policy_changed",
            Self::Refused(_) => "refused",
        }
    }
}
