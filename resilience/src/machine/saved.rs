use super::command::expiry;
use super::core::State;
use super::{Context, Counts, Machine, Overlay, QuotaLeft, Trip};
use crate::clock::Instant;
use crate::policy::MAX_FAILURES;

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
    /// What its quota left, and when that was seen.
    pub quota: Option<(QuotaLeft, Instant)>,
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

    fn take_up(&mut self, cx: &Context<'_>, saved: Saved) {
        let Saved { level, overlay, mut failures, in_a_row, trip, quota, counts } = saved;
        failures.sort_unstable();
        if trip.is_none() {
            for at in failures {
                self.seq = self.seq.wrapping_add(1);
                self.log.push(at.min(cx.now));
            }
            if let Some(run) = in_a_row {
                // Longer than the log where the window is short, shorter where it keeps what a success answered. No rule asks for
                // a longer one than this, and a count at its end would begin anew with the next failure.
                self.cleared = self.seq.wrapping_sub(run.min(MAX_FAILURES));
            }
        }
        if let Some((left, as_of)) = quota {
            self.restore_quota(cx, left, as_of);
        }
        let rest = self.rest_mut();
        (rest.level, rest.counts, rest.since) = (level, counts.with_room(), cx.now);
        (rest.overlay, rest.overlay_until) = (overlay.0, expiry(overlay.0, overlay.1));
        if let Some(mut trip) = trip {
            let longest = cx.rules.longest_open(trip.hinted);
            trip.until = trip.until.min(cx.now.plus(longest));
            rest.state = State::Open;
            rest.trip = Some(trip);
        }
    }
}
