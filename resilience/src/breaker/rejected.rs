use super::name;
use crate::clock::Instant;
use crate::machine::{Reason, Refusal, Rule, Trip};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A call that the breaker did not let through: why, and how long to wait.
///
/// A value of its own: it stays what it was, whatever the breaker does next. 32 bytes, nothing allocated.
///
/// ```
/// use std::time::Duration;
/// use resilience::{Breaker, Reason, clock::Manual, machine::Rule};
///
/// let breaker = Breaker::builder().jitter(0.0).clock(Manual::new()).build()?;
/// for _ in 0..3 {
///     breaker.try_acquire()?.failure();
/// }
/// let rejected = breaker.try_acquire().unwrap_err();
/// assert_eq!(rejected.reason(), Reason::Open);
/// assert_eq!(rejected.retry_after(), Duration::from_secs(1));
/// assert_eq!(rejected.level(), 1);
/// let trip = rejected.trip().unwrap();
/// assert_eq!((trip.rule, trip.failures), (Rule::FailureWindow, 3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Rejected {
    wait: u64,
    told: u64,
    /// Milliseconds.
    first_ago: u32,
    last_ago: u32,
    /// Of the breaker's name.
    name: u32,
    reason: Reason,
}

/// Why the breaker is not closed, as a refusal or a snapshot tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TripSummary {
    /// What tripped.
    pub rule: Rule,
    /// The failures (or slow calls, or calls out) that were counted; at most 16,777,215 are told.
    pub failures: u32,
    /// The calls among which they were counted; the same number for rules that do not count shares.
    pub calls: u32,
    /// How long ago the first of them was recorded, to the millisecond.
    pub first_ago: Duration,
    /// How long ago the last of them was recorded, to the millisecond.
    pub last_ago: Duration,
    /// Whether a hint of the server made the breaker stay open for longer than its own cool-down.
    pub hinted: bool,
}

impl Rejected {
    /// How long to wait before coming back. Zero means that the next call may well be admitted.
    #[must_use]
    pub const fn retry_after(&self) -> Duration {
        Duration::from_nanos(self.wait)
    }

    /// [`retry_after`](Self::retry_after) in whole seconds, rounded up, at least 1: what `Retry-After` says.
    #[must_use]
    pub const fn retry_after_secs(&self) -> u64 {
        let seconds = self.wait.div_ceil(1_000_000_000);
        if seconds == 0 { 1 } else { seconds }
    }

    /// Why the call was refused.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// The name of the breaker that refused.
    #[must_use]
    pub fn breaker(&self) -> Arc<str> {
        name::of(self.name)
    }

    /// Trips not yet forgiven, this one included; at most 2047 are told.
    #[must_use]
    pub const fn level(&self) -> u32 {
        bits(self.told, LEVEL_AT, LEVEL_BITS)
    }

    /// Why the breaker is not closed; `None` if it did not trip (an operator forced it open, say).
    #[must_use]
    pub fn trip(&self) -> Option<TripSummary> {
        Some(TripSummary {
            // The mask of four bits fits.
            #[allow(clippy::cast_possible_truncation)]
            rule: Rule::from_code(bits(self.told, 0, RULE_BITS) as u8)?,
            failures: bits(self.told, FAILURES_AT, COUNT_BITS),
            calls: bits(self.told, CALLS_AT, COUNT_BITS),
            first_ago: Duration::from_millis(u64::from(self.first_ago)),
            last_ago: Duration::from_millis(u64::from(self.last_ago)),
            hinted: bits(self.told, HINTED_AT, 1) == 1,
        })
    }
}

impl fmt::Debug for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejected")
            .field("breaker", &self.breaker())
            .field("reason", &self.reason)
            .field("retry_after", &self.retry_after())
            .field("level", &self.level())
            .field("trip", &self.trip())
            .finish()
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.breaker(), self.reason)?;
        if let Some(trip) = self.trip() {
            write!(f, " ({}: {}", trip.rule, trip.failures)?;
            if trip.calls != trip.failures {
                write!(f, " of {}", trip.calls)?;
            }
            f.write_str(")")?;
        }
        write!(f, "; come back in {:?}", self.retry_after())
    }
}

impl std::error::Error for Rejected {}

const RULE_BITS: u32 = 4;
const HINTED_AT: u32 = 4;
const LEVEL_AT: u32 = 5;
const LEVEL_BITS: u32 = 11;
const FAILURES_AT: u32 = 16;
const CALLS_AT: u32 = 40;
const COUNT_BITS: u32 = 24;
/// In place of a rule: an operator forced it open.
const FORCED: u32 = 15;

const fn bits(word: u64, at: u32, width: u32) -> u32 {
    // No field is wider than 24 bits.
    #[allow(clippy::cast_possible_truncation)]
    let field = (word >> at & ((1 << width) - 1)) as u32;
    field
}

const fn saturated(value: u32, width: u32) -> u64 {
    let most = (1 << width) - 1;
    if value > most { most as u64 } else { value as u64 }
}

/// What refusals tell, in a few words: what a slot publishes, so that a refusal needs no lock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) until: Instant,
    /// The first and the last failure in milliseconds, modulo 2^32; for a forced breaker the wait in nanoseconds where
    /// no end is known.
    pub(super) failed_at: u64,
    pub(super) packed: u64,
    /// The number of the breaker's name.
    pub(super) name: u32,
}

impl Told {
    pub(super) const fn nothing() -> Self {
        Self { until: Instant::FAR_FUTURE, failed_at: 0, packed: 0, name: 0 }
    }

    pub(super) fn forced(until: Option<Instant>, wait: u64) -> Self {
        Self { until: until.unwrap_or(Instant::FAR_FUTURE), failed_at: wait, packed: FORCED as u64, name: 0 }
    }

    pub(super) fn of(trip: &Trip) -> Self {
        Self {
            until: trip.until,
            failed_at: u64::from(millis(trip.first)) << 32 | u64::from(millis(trip.last)),
            packed: u64::from(trip.rule.code())
                | u64::from(trip.hinted) << HINTED_AT
                | saturated(trip.level, LEVEL_BITS) << LEVEL_AT
                | saturated(trip.failures, COUNT_BITS) << FAILURES_AT
                | saturated(trip.calls, COUNT_BITS) << CALLS_AT,
            name: 0,
        }
    }

    /// Who says so.
    pub(super) const fn by(self, name: u32) -> Self {
        Self { name, ..self }
    }

    /// The refusal of a call that came at `now`.
    pub(super) fn reject(self, now: Instant) -> Rejected {
        let forced = bits(self.packed, 0, RULE_BITS) == FORCED;
        let wait = if forced && self.until == Instant::FAR_FUTURE { self.failed_at } else { self.until.since(now) };
        let reason = if forced { Reason::ForcedOpen } else { Reason::Open };
        self.told(reason, wait, now)
    }

    /// The refusal that the machine gave.
    pub(super) fn because(self, refusal: Refusal, level: u32, now: Instant) -> Rejected {
        let level_mask = ((1 << LEVEL_BITS) - 1) << LEVEL_AT;
        let packed = self.packed & !level_mask | saturated(level, LEVEL_BITS) << LEVEL_AT;
        Self { packed, ..self }.told(refusal.reason, crate::clock::nanos(refusal.wait), now)
    }

    fn told(self, reason: Reason, wait: u64, now: Instant) -> Rejected {
        let now = millis(now);
        // The upper and the lower half: modular, so good for 49 days.
        #[allow(clippy::cast_possible_truncation)]
        let (first, last) = ((self.failed_at >> 32) as u32, self.failed_at as u32);
        Rejected {
            wait,
            told: self.packed,
            first_ago: now.wrapping_sub(first),
            last_ago: now.wrapping_sub(last),
            name: self.name,
            reason,
        }
    }
}

fn millis(at: Instant) -> u32 {
    // Modulo 2^32 is meant.
    #[allow(clippy::cast_possible_truncation)]
    let millis = (at.as_nanos() / 1_000_000) as u32;
    millis
}
