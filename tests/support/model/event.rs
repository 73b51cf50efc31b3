//! What observers are told: each transition once, in order, as of its own instant.

use super::{Model, Nanos, Overlay};

/// A transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it happened.
    pub at: Nanos,
    /// The breaker was only simulating.
    pub shadow: bool,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It tripped; the level after that.
    Tripped(u32),
    /// The first stage of half-open began.
    HalfOpened,
    /// A further stage began.
    StageReached(u32),
    /// It closed.
    Closed,
    /// From one overlay to another; what is told of them does not include their expiries.
    OverlayChanged(Overlay, Overlay),
    /// The operator reset it.
    Reset,
    /// The operator set a new policy.
    PolicyChanged,
}

impl Model {
    /// All that observers have to be told of, up to the last thing that happened.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// As soon as no forced overlay hides it.
    pub(super) fn tell_half_opened(&mut self, at: Nanos) {
        if self.untold && !self.overlay.is_forced() {
            self.untold = false;
            self.tell(at, What::HalfOpened);
        }
    }

    pub(super) fn tell(&mut self, at: Nanos, what: What) {
        let shadow = matches!(self.overlay, Overlay::Shadow { .. });
        self.events.push(Event { at, shadow, what });
    }
}
