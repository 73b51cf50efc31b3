//! A sliding window of calls, counted by many threads without a line that two of them write.
//!
//! Each thread counts on a stripe of its own: a ring of buckets that know their time. Memory and cost are the same
//! whatever the traffic; a bucket is a 64th of the window, and it leaves as a whole. What is not healthy is rare, and
//! is counted on one ring for all.

use crate::clock::{self, Instant};
use std::cell::Cell;
// Not those of `sync`: a count that is a call off for a moment is no state that threads have to agree about, and the
// model checker could not walk the buckets.
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The parts of a window.
pub(super) const PARTS: u64 = 64;
/// The present part is not over, so one more is looked at: nothing leaves early.
const BUCKETS: usize = 65;

/// Counts by time: the lower half of a bucket says which part of time it counts (its number, modulo 2^32), the upper
/// half how many calls. More than four billion in one part begin anew, and spill nowhere.
#[derive(Debug)]
#[repr(align(64))]
struct Ring {
    buckets: [AtomicU64; BUCKETS],
    /// The sum of the parts that are over, as of the part whose number it carries: laid out like a bucket. It is made
    /// anew when a part is over, so that a sum looks at two buckets and not at all of them.
    over: AtomicU64,
}

impl Ring {
    fn new() -> Self {
        Self { buckets: [const { AtomicU64::new(0) }; BUCKETS], over: AtomicU64::new(0) }
    }

    #[inline]
    fn add(&self, part: u64) {
        let Some(bucket) = self.buckets.get(index(part)) else { return };
        let stamp = part & STAMP;
        let seen = bucket.load(Ordering::Relaxed);
        if seen & STAMP == stamp {
            bucket.fetch_add(ONE, Ordering::Relaxed);
        } else if let Err(seen) = bucket.compare_exchange(seen, stamp | ONE, Ordering::Relaxed, Ordering::Relaxed) {
            // Another thread of this stripe was first to start the part.
            if seen & STAMP == stamp {
                bucket.fetch_add(ONE, Ordering::Relaxed);
            }
        }
    }

    /// All calls of the window that ends with this part.
    fn sum(&self, part: u64) -> u64 {
        let over = self.over.load(Ordering::Relaxed);
        let over = if over & STAMP == part & STAMP { over >> 32 } else { self.sum_over(part) };
        // The last part counts as not over, because a call may still be counted there by a clock that lags.
        over + self.counted(part.saturating_sub(1)) + self.counted(part)
    }

    /// Adds up the parts that are over, and remembers it until the next one is.
    #[cold]
    fn sum_over(&self, part: u64) -> u64 {
        let over = (part.saturating_sub(PARTS)..part.saturating_sub(1)).map(|part| self.counted(part)).sum::<u64>();
        let over = over.min(STAMP);
        self.over.store(over << 32 | part & STAMP, Ordering::Relaxed);
        over
    }

    /// The calls that were counted in this part.
    #[inline]
    fn counted(&self, part: u64) -> u64 {
        let seen = self.buckets.get(index(part)).map_or(0, |bucket| bucket.load(Ordering::Relaxed));
        if seen & STAMP == part & STAMP { seen >> 32 } else { 0 }
    }

    fn clear(&self) {
        for bucket in self.buckets.iter().chain([&self.over]) {
            bucket.store(0, Ordering::Relaxed);
        }
    }
}

const STAMP: u64 = u32::MAX as u64;
const ONE: u64 = STAMP + 1;

fn index(part: u64) -> usize {
    // The remainder is below 65.
    #[allow(clippy::cast_possible_truncation)]
    let index = (part % BUCKETS as u64) as usize;
    index
}

/// A power of two.
pub(super) fn stripes() -> usize {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    threads.next_power_of_two().min(64)
}

/// How many parts of time there are to a nanosecond, in units of 2^-64: a multiplication tells the part that an instant
/// lies in, where a division would take longer than all else that it takes to count a call. 0: the rule is off.
///
/// Rounded down, so that nothing leaves early: a part is longer than it should be, by as small a share of itself as it is of
/// 584 years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace(pub(super) u64);

impl Pace {
    pub(super) const OFF: Self = Self(0);

    pub(super) fn of(over: Option<u64>) -> Self {
        // No window is shorter than a nanosecond; parts of one nanosecond pass as if they took a little longer.
        let pace = |over: u64| u64::try_from((1_u128 << 64) / u128::from(over.div_ceil(PARTS).max(1)));
        over.map_or(Self::OFF, |over| Self(pace(over).unwrap_or(u64::MAX)))
    }

    /// The number of the part of time that `now` lies in. Parts count from 1, because a cleared bucket says 0.
    #[inline]
    fn part(self, now: Instant) -> u64 {
        // The upper half of the product.
        #[allow(clippy::cast_possible_truncation)]
        let part = ((u128::from(now.as_nanos()) * u128::from(self.0)) >> 64) as u64;
        part + 1
    }
}

/// One rule's window.
#[derive(Debug)]
pub(super) struct Window {
    /// That of the window's parts.
    pace: AtomicU64,
    fine: Box<[Ring]>,
    bad: Ring,
}

impl Window {
    pub(super) fn new() -> Self {
        Self {
            pace: AtomicU64::new(Pace::OFF.0),
            fine: (0..stripes()).map(|_| Ring::new()).collect(),
            bad: Ring::new(),
        }
    }

    pub(super) fn set(&self, pace: Pace) {
        if self.pace.swap(pace.0, Ordering::Relaxed) != pace.0 {
            self.clear();
        }
    }

    /// The number of the part of time that `now` lies in; `None` if the rule is off.
    fn part(&self, now: Instant) -> Option<u64> {
        let pace = Pace(self.pace.load(Ordering::Relaxed));
        (pace != Pace::OFF).then(|| pace.part(now))
    }

    #[inline]
    pub(super) fn count(&self, bad: bool, now: Instant) {
        let Some(part) = self.part(now) else { return };
        let ring = if bad { Some(&self.bad) } else { own(&self.fine) };
        if let Some(ring) = ring {
            ring.add(part);
        }
    }

    /// For who knows the pace already.
    #[inline]
    pub(super) fn plain(&self, pace: Pace) -> Plain<'_> {
        Plain { fine: &self.fine, pace }
    }

    /// All calls of the window, and the bad ones.
    pub(super) fn totals(&self, now: Instant) -> (u64, u64) {
        let Some(part) = self.part(now) else { return (0, 0) };
        let bad = self.bad.sum(part);
        (bad + self.fine.iter().map(|ring| ring.sum(part)).sum::<u64>(), bad)
    }

    pub(super) fn clear(&self) {
        self.bad.clear();
        self.fine.iter().for_each(Ring::clear);
    }
}

/// What it takes to count a success, and no more.
#[derive(Debug)]
pub(super) struct Plain<'a> {
    fine: &'a [Ring],
    pace: Pace,
}

impl Plain<'_> {
    #[inline]
    pub(super) fn count(self) {
        // Found before the clock is read, so that there is little to keep meanwhile.
        if let Some(ring) = own(self.fine) {
            ring.add(self.pace.part(clock::coarse()));
        }
    }
}

/// What belongs to the present thread, of as many as a power of two.
#[inline]
pub(super) fn own<T>(of: &[T]) -> Option<&T> {
    of.get(stripe() & of.len().wrapping_sub(1))
}

/// A number of the present thread, to pick its stripe by.
#[inline]
fn stripe() -> usize {
    let stripe = STRIPE.get();
    if stripe == 0 { first_stripe() } else { stripe }
}

thread_local! {
    /// 0: none yet. Without a destructor, so it can be read until the thread is gone.
    static STRIPE: Cell<usize> = const { Cell::new(0) };
}

#[cold]
fn first_stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    let stripe = NEXT.fetch_add(1, Ordering::Relaxed).max(1);
    STRIPE.set(stripe);
    stripe
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn parts_follow_one_another_and_are_no_shorter_than_a_64th_of_the_window() {
        for over in [1, 64, 65, 1_000_000, 30 * SECOND, 86_400 * SECOND, u64::MAX] {
            let (pace, width) = (Pace::of(Some(over)), over.div_ceil(PARTS));
            // A year after the origin, where the clocks of this crate begin.
            for start in [0, 31_536_000 * SECOND] {
                let part = |after: u64| pace.part(Instant::from_nanos(start).plus(after));
                assert!(part(0) >= 1, "a cleared bucket says 0");
                for parts in (1..=PARTS).take_while(|parts| width.checked_mul(parts + 1).is_some()) {
                    let passed = part(width * parts) - part(0);
                    assert!(passed == parts || passed == parts - 1, "{passed} in {parts} parts of {over} from {start}");
                }
            }
        }
        assert_eq!(Pace::of(None), Pace::OFF);
    }
}
