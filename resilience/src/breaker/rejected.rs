#[cfg(test)]
mod tests;

use super::setup::UNNAMED;
use super::slot::{Cell, Slot};
use crate::clock::{COARSE_SLACK, Instant};
use crate::machine::{Reason, Rule, Trip};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A call that the breaker did not let through: why, and how long to wait.
///
/// 16 bytes, nothing allocated: a result that may hold one is moved about on the healthy path, too. The reason and the
/// wait are its own; the trip behind it is asked of the breaker when somebody wants to know, and can be told until the
/// breaker trips the next time.
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
#[derive(Clone, Copy)]
pub struct Rejected {
    slot: &'static Slot,
    /// The reason (3 bits), whether a key was refused (1 bit), the edition of what is told (8 bits) and by which owner of the
    /// slot (6 bits), the unit of the wait (1 bit), the wait (45 bits; a key's: 17 bits of its place, 28 of the wait).
    packed: u64,
}

const REASON: u64 = 0b111;
const KEYED: u64 = 1 << 3;
const EDITION_AT: u32 = 4;
const EDITION_BITS: u32 = 8;
const OWNER_AT: u32 = EDITION_AT + EDITION_BITS;
const OWNER_BITS: u32 = 6;
const COARSE: u64 = 1 << (OWNER_AT + OWNER_BITS);
const WAIT_AT: u32 = OWNER_AT + OWNER_BITS + 1;
/// Waits of more than 9 hours are kept in milliseconds, rounded up: whole seconds stay what they are.
const COARSE_UNIT: u64 = 1_000_000;
const PLACE_AT: u32 = WAIT_AT;
/// So many places are told apart.
pub(crate) const PLACE_BITS: u32 = 17;
const KEYED_WAIT_AT: u32 = PLACE_AT + PLACE_BITS;
/// A key's wait is kept in microseconds, one of more than 4 minutes in seconds; rounded up.
const KEYED_UNITS: [u64; 2] = [1000, 1_000_000_000];

/// Why the breaker is not closed, as a refusal or a snapshot tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct TripSummary {
    /// What tripped.
    pub rule: Rule,
    /// The failures (or slow calls, or calls out) that were counted; a refusal tells 16,777,215 of them at most.
    pub failures: u32,
    /// The calls among which they were counted; the same number for rules that do not count shares.
    pub calls: u32,
    /// How long ago the first of them was recorded; a refusal tells it to the millisecond, as of now.
    pub first_ago: Duration,
    /// How long ago the last of them was recorded.
    pub last_ago: Duration,
    /// Whether a hint of the server made the breaker stay open for longer than its own cool-down.
    pub hinted: bool,
}

impl Rejected {
    #[inline]
    pub(super) fn new(slot: &'static Slot, reason: Reason, wait: u64, edition: Edition) -> Self {
        let (unit, wait) = if wait >> (64 - WAIT_AT) == 0 { (0, wait) } else { (COARSE, wait.div_ceil(COARSE_UNIT)) };
        let packed = u64::from(reason.code()) | edition.packed() | unit | wait << WAIT_AT;
        Self { slot, packed }
    }

    /// The refusal of one key among many: `place` is where its state is kept.
    pub(crate) fn keyed(slot: &'static Slot, reason: Reason, wait: u64, edition: u8, place: u32) -> Self {
        let [fine, coarse] = KEYED_UNITS.map(|unit| wait.div_ceil(unit));
        let most = u64::MAX >> KEYED_WAIT_AT;
        // 8 years are the most that is told.
        let (unit, wait) = if fine <= most { (0, fine) } else { (COARSE, coarse.min(most)) };
        let place = u64::from(place) & ((1 << PLACE_BITS) - 1);
        let owner = slot.told().edition.packed() & OWNER_MASK;
        let packed = u64::from(reason.code()) | KEYED | u64::from(edition) << EDITION_AT | owner | unit;
        Self { slot, packed: packed | place << PLACE_AT | wait << KEYED_WAIT_AT }
    }

    /// Where the state of the refused key is kept, and the edition of what it tells; `None` if no key was refused.
    pub(crate) fn place(&self) -> Option<(u32, u8)> {
        // The masks leave 17 and 8 bits.
        #[allow(clippy::cast_possible_truncation)]
        let place = (bits(self.packed, PLACE_AT, PLACE_BITS), bits(self.packed, EDITION_AT, EDITION_BITS) as u8);
        (self.packed & KEYED != 0).then_some(place)
    }

    /// Whether it is a refusal by the present owner of this slot.
    pub(crate) fn is_by_owner_of(&self, slot: &'static Slot) -> bool {
        std::ptr::eq(self.slot, slot) && slot.told().edition.packed() & OWNER_MASK == self.packed & OWNER_MASK
    }

    /// Reads of the breaker that refused, under its lock; `None` if its place is another's by now.
    fn read_owner<R>(&self, read: impl FnOnce(&Cell) -> R) -> Option<R> {
        self.slot.read(|cell, _| self.is_by_owner_of(self.slot).then(|| read(cell)))
    }

    /// How long to wait before coming back. Zero means that the next call may well be admitted.
    ///
    /// Exact up to 9 hours; longer waits are rounded up, by a millisecond at most. Those of a [key](crate::keyed) are rounded
    /// up to a microsecond, above 4 minutes to a second.
    #[must_use]
    pub const fn retry_after(&self) -> Duration {
        Duration::from_nanos(self.wait())
    }

    /// [`retry_after`](Self::retry_after) in whole seconds, rounded up, at least 1: what `Retry-After` says.
    #[must_use]
    pub const fn retry_after_secs(&self) -> u64 {
        let seconds = self.wait().div_ceil(1_000_000_000);
        if seconds == 0 { 1 } else { seconds }
    }

    const fn wait(&self) -> u64 {
        if self.packed & KEYED != 0 {
            let unit = KEYED_UNITS[(self.packed & COARSE != 0) as usize];
            return (self.packed >> KEYED_WAIT_AT).saturating_mul(unit);
        }
        let wait = self.packed >> WAIT_AT;
        if self.packed & COARSE == 0 { wait } else { wait.saturating_mul(COARSE_UNIT) }
    }

    /// Why the call was refused.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        Reason::from_code((self.packed & REASON) as u8)
    }

    /// Asks for what is told of the trip; `None` if the breaker has tripped again since, or is gone. Under the breaker's
    /// lock, where all of it belongs together: whoever asks wants to know, and pays for it.
    fn ask<R>(&self, ask: impl FnOnce(Told, Instant) -> R) -> Option<R> {
        self.slot.read(|_, cx| {
            let told = self.slot.told();
            (told.edition.packed() == self.packed & EDITION_MASK).then(|| ask(told, cx.now()))
        })
    }

    /// As [`ask`](Self::ask), of refusals that a trip is behind: a quota is used up in good health, too.
    fn ask_of_trip<R>(&self, ask: impl FnOnce(Told, Instant) -> R) -> Option<R> {
        if self.reason() == Reason::Quota {
            return None;
        }
        match self.place() {
            Some((place, edition)) => {
                let keys = self.read_owner(|cell| cell.setup.keys.clone())??.upgrade()?;
                keys.told(place, edition).map(|(told, now)| ask(told, now))
            }
            None => self.ask(ask),
        }
    }

    /// The name of the breaker that refused, also after it has tripped again; `resilience` when it is gone.
    #[must_use]
    pub fn breaker(&self) -> Arc<str> {
        let name = self.read_owner(|cell| Arc::clone(&cell.setup.name));
        name.unwrap_or_else(|| Arc::from(UNNAMED))
    }

    /// Trips not yet forgiven, this one included; at most 2047 are told. 0 where the quota is used up: no trip is the
    /// reason.
    #[must_use]
    pub fn level(&self) -> u32 {
        self.ask_of_trip(|told, _| bits(told.packed, LEVEL_AT, LEVEL_BITS)).unwrap_or(0)
    }

    /// Why the breaker is not closed; `None` if it did not trip (an operator forced it open, or the quota is used up), or
    /// if it has tripped again since.
    #[must_use]
    pub fn trip(&self) -> Option<TripSummary> {
        let (Told { failed_at, packed, .. }, now) = self.ask_of_trip(|told, now| (told, millis(now)))?;
        // The mask of four bits fits.
        #[allow(clippy::cast_possible_truncation)]
        let rule = Rule::from_code(bits(packed, 0, RULE_BITS) as u8)?;
        // The upper and the lower half: modular, so good for 49 days.
        #[allow(clippy::cast_possible_truncation)]
        let ago = |at: u64| Duration::from_millis(u64::from(now.wrapping_sub(at as u32)));
        Some(TripSummary {
            rule,
            failures: bits(packed, FAILURES_AT, COUNT_BITS),
            calls: bits(packed, CALLS_AT, COUNT_BITS),
            first_ago: ago(failed_at >> 32),
            last_ago: ago(failed_at),
            hinted: bits(packed, HINTED_AT, 1) == 1,
        })
    }
}

impl PartialEq for Rejected {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.slot, other.slot) && self.packed == other.packed
    }
}

impl Eq for Rejected {}

impl fmt::Debug for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejected")
            .field("breaker", &self.breaker())
            .field("reason", &self.reason())
            .field("retry_after", &self.retry_after())
            .field("level", &self.level())
            .field("trip", &self.trip())
            .finish()
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.breaker(), self.reason())?;
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

/// Which trip, of which of the owners that a slot had: what tells whether that which is told is still the same.
///
/// A refusal keeps the lower 14 bits: 8 that count the trips and 6 that count the owners. So one that is asked exactly 256
/// trips later, or 64 owners, may take another's for its own. The upper bits go on counting the trips.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edition(pub(super) u32);

const EDITION_MASK: u64 = ((1 << (EDITION_BITS + OWNER_BITS)) - 1) << EDITION_AT;
const OWNER_MASK: u64 = ((1 << OWNER_BITS) - 1) << OWNER_AT;

impl Edition {
    const OWNER: u32 = ((1 << OWNER_BITS) - 1) << EDITION_BITS;

    pub(super) const fn next(self) -> Self {
        // What is carried passes through the owner's bits.
        let trips = (self.0 | Self::OWNER).wrapping_add(1) & !Self::OWNER;
        Self(trips | self.0 & Self::OWNER)
    }

    pub(super) const fn next_owner(self) -> Self {
        Self(self.0 & !Self::OWNER | self.0.wrapping_add(1 << EDITION_BITS) & Self::OWNER)
    }

    /// Where a refusal keeps it.
    #[inline]
    fn packed(self) -> u64 {
        u64::from(self.0) << EDITION_AT & EDITION_MASK
    }
}

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
pub(crate) struct Told {
    pub(super) until: Instant,
    /// The first and the last failure in milliseconds, modulo 2^32, one in each half; for a forced breaker the instant
    /// of the command, or the wait in nanoseconds where no end is known.
    pub(super) failed_at: u64,
    pub(super) packed: u64,
    /// Counts what was told before.
    pub(super) edition: Edition,
}

impl Told {
    pub(crate) fn forced(at: Instant, until: Option<Instant>, wait: u64, level: u32) -> Self {
        let packed = u64::from(FORCED) | saturated(level, LEVEL_BITS) << LEVEL_AT;
        match until {
            Some(until) => Self { until, failed_at: u64::from(millis(at)), packed, edition: Edition(0) },
            None => Self { until: Instant::FAR_FUTURE, failed_at: wait, packed, edition: Edition(0) },
        }
    }

    pub(crate) fn of(trip: &Trip) -> Self {
        Self {
            until: trip.until,
            failed_at: u64::from(millis(trip.first)) << 32 | u64::from(millis(trip.last)),
            packed: u64::from(trip.rule.code())
                | u64::from(trip.hinted) << HINTED_AT
                | saturated(trip.level, LEVEL_BITS) << LEVEL_AT
                | saturated(trip.failures, COUNT_BITS) << FAILURES_AT
                | saturated(trip.calls, COUNT_BITS) << CALLS_AT,
            edition: Edition(0),
        }
    }

    /// Whether the trip, or the operator's command, is so young that a coarse `now` may lie before it.
    #[inline]
    pub(super) fn is_fresh(self, now: Instant) -> bool {
        // Both modulo 2^32: the last failure is the trip, and is in the lower half. What would be 25 days old is young, too,
        // which costs no more than a look at the exact clock.
        #[allow(clippy::cast_possible_truncation)]
        let last = self.failed_at as u32;
        let slack = millis(Instant::from_nanos(COARSE_SLACK)) + 1;
        millis(now).wrapping_sub(last).wrapping_sub(slack + 1) > u32::MAX / 2
    }

    /// The refusal of a call that came at `now`, if it is like most: of a trip that is not fresh, and a wait of less than 9
    /// hours.
    #[inline]
    pub(super) fn reject_plainly(self, slot: &'static Slot, now: Instant) -> Option<Rejected> {
        let wait = self.until.since(now);
        let plain = !self.is_fresh(now) && !self.is_forced() && wait >> (64 - WAIT_AT) == 0;
        plain.then(|| Rejected::new(slot, Reason::Open, wait, self.edition))
    }

    #[inline]
    const fn is_forced(self) -> bool {
        bits(self.packed, 0, RULE_BITS) == FORCED
    }

    /// The refusal of a call that came at `now`.
    #[inline]
    pub(super) fn reject(self, slot: &'static Slot, now: Instant) -> Rejected {
        let forced = self.is_forced();
        let wait = if forced && self.until == Instant::FAR_FUTURE { self.failed_at } else { self.until.since(now) };
        let reason = if forced { Reason::ForcedOpen } else { Reason::Open };
        Rejected::new(slot, reason, wait, self.edition)
    }
}

#[inline]
fn millis(at: Instant) -> u32 {
    // Modulo 2^32 is meant.
    #[allow(clippy::cast_possible_truncation)]
    let millis = (at.as_nanos() / 1_000_000) as u32;
    millis
}
