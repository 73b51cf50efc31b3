use super::{Context, Counts, Machine, Overlay, Trip};
use crate::clock::Instant;

/// What outlives a machine: see [`Machine::restored`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// Trips not yet forgiven.
    pub level: u32,
    /// What an operator laid over it, and until when.
    pub overlay: (Overlay, Option<Instant>),
    /// The failures in the log, oldest first.
    pub failures: Vec<Instant>,
    /// How many there were in a row; as many as there are in the log, if it is not known.
    pub in_a_row: Option<u32>,
    /// The trip that it has not recovered from; without one it is closed.
    pub trip: Option<Trip>,
    /// Totals.
    pub counts: Counts,
}

impl Machine {
    /// A machine in a saved state, at an epoch that follows the given one. An open time longer than the rules allow is
    /// cut; a log longer than theirs keeps the newest.
    #[must_use]
    pub fn restored(cx: &Context<'_>, epoch: u64, saved: Saved) -> Self {
        let mut machine = Self::with_epoch(cx.rules, epoch.saturating_add(1));
        machine.take_up(cx, saved);
        machine
    }
}
