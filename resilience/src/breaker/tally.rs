//! The calls of a sliding window, counted by many threads without a line that two of them write.
//!
//! Each thread counts on a stripe of its own: a ring of buckets that know their time. Memory and cost are the same
//! whatever the traffic; a bucket is a 64th of the window, and it leaves as a whole. What is not healthy is rare, and
//! is counted on one ring for all.

use crate::Verdict;
use crate::clock::{Instant, nanos};
use crate::machine::Tally as Totals;
use crate::policy::Rules;
use std::sync::OnceLock;
// Not those of `sync`: a count that is a call off for a moment is no state that threads have to agree about, and the
// model checker could not walk the buckets.
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// The parts of a window.
const PARTS: u64 = 64;
/// The present part is not over, so one more is looked at: nothing leaves early.
const BUCKETS: usize = 65;

/// Counts by time: the upper half of a bucket says which part of time it counts (its number, modulo 2^32), the lower
/// half how many calls.
#[derive(Debug)]
#[repr(align(64))]
struct Ring([AtomicU64; BUCKETS]);

impl Ring {
    fn new() -> Self {
        Self([const { AtomicU64::new(0) }; BUCKETS])
    }

    fn add(&self, part: u64) {
        let Some(bucket) = self.0.get(index(part)) else { return };
        let stamp = part << 32;
        let seen = bucket.load(Ordering::Relaxed);
        if seen & STAMP == stamp {
            // Saturating, or four billion calls in a 64th of the window would spill into the stamp.
            if seen & COUNT < COUNT - 0xffff {
                bucket.fetch_add(1, Ordering::Relaxed);
            }
        } else if let Err(seen) = bucket.compare_exchange(seen, stamp | 1, Ordering::Relaxed, Ordering::Relaxed) {
            // Another thread of this stripe was first to start the part.
            if seen & STAMP == stamp {
                bucket.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn sum(&self, part: u64) -> u64 {
        (part.saturating_sub(PARTS)..=part)
            .filter_map(|part| {
                let seen = self.0.get(index(part))?.load(Ordering::Relaxed);
                (seen & STAMP == part << 32).then_some(seen & COUNT)
            })
            .sum()
    }

    fn clear(&self) {
        for bucket in &self.0 {
            bucket.store(0, Ordering::Relaxed);
        }
    }
}

const COUNT: u64 = u32::MAX as u64;
const STAMP: u64 = !COUNT;

fn index(part: u64) -> usize {
    // The remainder is below 65.
    #[allow(clippy::cast_possible_truncation)]
    let index = (part % BUCKETS as u64) as usize;
    index
}

/// One rule's window.
#[derive(Debug)]
struct Window {
    /// Of a part, in nanoseconds; 0: the rule is off.
    width: AtomicU64,
    fine: Box<[Ring]>,
    bad: Ring,
}

impl Window {
    fn new() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let stripes = threads.next_power_of_two().min(64);
        Self { width: AtomicU64::new(0), fine: (0..stripes).map(|_| Ring::new()).collect(), bad: Ring::new() }
    }

    fn set(&self, over: Option<u64>) {
        let width = over.map_or(0, |over| over.div_ceil(PARTS));
        if self.width.swap(width, Ordering::Relaxed) != width {
            self.clear();
        }
    }

    /// The number of the part of time that `now` lies in; `None` if the rule is off. Parts count from 1, because a
    /// cleared bucket says 0.
    fn part(&self, now: Instant) -> Option<u64> {
        Some(now.as_nanos().checked_div(self.width.load(Ordering::Relaxed))? + 1)
    }

    fn count(&self, bad: bool, now: Instant) {
        let Some(part) = self.part(now) else { return };
        let ring = if bad { Some(&self.bad) } else { self.fine.get(stripe() & (self.fine.len() - 1)) };
        if let Some(ring) = ring {
            ring.add(part);
        }
    }

    /// All calls of the window, and the bad ones.
    fn totals(&self, now: Instant) -> (u64, u64) {
        let Some(part) = self.part(now) else { return (0, 0) };
        let bad = self.bad.sum(part);
        (bad + self.fine.iter().map(|ring| ring.sum(part)).sum::<u64>(), bad)
    }

    fn clear(&self) {
        self.bad.clear();
        self.fine.iter().for_each(Ring::clear);
    }
}

/// The counts that the rules about shares look at.
#[derive(Debug)]
pub(super) struct Tally {
    rate: Window,
    slow: Window,
    /// In nanoseconds; `u64::MAX`: the rule is off.
    slow_limit: AtomicU64,
    obeys_hints: AtomicBool,
    /// The coarse clock is too coarse for a part of this window.
    precise: AtomicBool,
}

impl Tally {
    fn new() -> Self {
        Self {
            rate: Window::new(),
            slow: Window::new(),
            slow_limit: AtomicU64::new(u64::MAX),
            obeys_hints: AtomicBool::new(false),
            precise: AtomicBool::new(false),
        }
    }

    pub(super) fn set(&self, rules: &Rules) {
        let policy = rules.policy();
        let (rate, slow) = (policy.failure_rate.map(|rate| rate.over), policy.slow_calls.map(|slow| slow.over));
        self.rate.set(rate.map(nanos));
        self.slow.set(slow.map(nanos));
        self.slow_limit.store(rules.slow_limit().unwrap_or(u64::MAX), Ordering::Relaxed);
        self.obeys_hints.store(rules.obeys_hints(), Ordering::Relaxed);
        let shortest = [rate, slow].into_iter().flatten().min();
        let precise = shortest.is_some_and(|over| nanos(over) / PARTS < crate::clock::COARSE_SLACK);
        self.precise.store(precise, Ordering::Relaxed);
    }

    pub(super) fn clear(&self) {
        self.rate.clear();
        self.slow.clear();
    }

    /// Whether somebody wants to know how long calls take.
    pub(super) fn times_calls(&self) -> bool {
        self.slow_limit.load(Ordering::Relaxed) != u64::MAX
    }

    pub(super) fn is_slow(&self, since: Option<Instant>, now: impl FnOnce() -> Instant) -> bool {
        let limit = self.slow_limit.load(Ordering::Relaxed);
        // A call that never had to wait is not slow.
        limit != u64::MAX && since.is_some_and(|since| now().since(since) > limit)
    }

    /// Counts a call; whether it was slow. `now` is asked with whether it has to be exact.
    pub(super) fn count(&self, verdict: Verdict, since: Option<Instant>, now: impl Fn(bool) -> Instant) -> bool {
        let failed = match verdict {
            Verdict::Ignore | Verdict::Relayed(_) => return false,
            Verdict::Success | Verdict::Reachable => false,
            Verdict::Limited(_) => self.obeys_hints.load(Ordering::Relaxed),
            Verdict::Failure(_) => true,
        };
        let limit = self.slow_limit.load(Ordering::Relaxed);
        let timed = limit != u64::MAX && since.is_some();
        let at = now(timed || self.precise.load(Ordering::Relaxed));
        let slow = timed && since.is_some_and(|since| at.since(since) > limit);
        self.rate.count(failed, at);
        self.slow.count(slow, at);
        slow
    }

    pub(super) fn totals(&self, now: Instant) -> Totals {
        let (rate_calls, rate_failures) = self.rate.totals(now);
        let (slow_calls, slow) = self.slow.totals(now);
        Totals { rate_calls, rate_failures, slow_calls, slow }
    }

    /// The tally that a slot has by its number; 0 stands for none.
    pub(super) fn at(number: u32) -> Option<&'static Self> {
        let row = number.checked_ilog2()?;
        let column = number - (1 << row);
        TABLE.get(row as usize)?.get()?.get(column as usize)?.get().map(Box::as_ref)
    }

    /// A new one's number. Tallies stay with their slot for good, so there are as many as there ever were breakers
    /// with such rules at one time.
    pub(super) fn allot() -> u32 {
        static ALLOTTED: AtomicU32 = AtomicU32::new(0);
        let next = ALLOTTED.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| last.checked_add(1));
        let Ok(last) = next else { return 0 };
        let number = last + 1;
        let row = number.ilog2();
        let cells = TABLE
            .get(row as usize)
            .map(|row_of| row_of.get_or_init(|| (0..1_usize << row).map(|_| OnceLock::new()).collect()));
        if let Some(cell) = cells.and_then(|cells| cells.get((number - (1 << row)) as usize)) {
            cell.get_or_init(|| Box::new(Self::new()));
        }
        number
    }
}

type Row = OnceLock<Box<[OnceLock<Box<Tally>>]>>;

/// Row `k` has `2^k` cells, so none ever moves and none is looked for.
static TABLE: [Row; 32] = [const { OnceLock::new() }; 32];

/// A number of the present thread, to pick its stripe by.
fn stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static STRIPE: usize = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    // A thread that is being torn down counts on the first one.
    STRIPE.try_with(|stripe| *stripe).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{FailureRate, Policy};
    use std::time::Duration;

    const SECOND: u64 = 1_000_000_000;

    fn tally(over: Duration) -> Tally {
        let tally = Tally::new();
        let failure_rate = Some(FailureRate { ratio: 0.5, over, min_calls: 1 });
        tally.set(&Rules::new(Policy { failure_rate, ..Policy::default() }).unwrap());
        tally
    }

    fn count(tally: &Tally, verdict: Verdict, at: u64) {
        tally.count(verdict, None, |_| Instant::from_nanos(at));
    }

    #[test]
    fn old_calls_leave_the_window_to_within_a_64th_of_it() {
        let tally = tally(Duration::from_secs(64));
        for at in 100..1000 {
            count(&tally, Verdict::Success, at * SECOND);
            let now = Instant::from_nanos(at * SECOND);
            let seen = tally.totals(now).rate_calls;
            // One call a second: the last 64 s hold 65 of them, both ends included.
            assert_eq!(seen, (at - 99).min(65), "at {at}");
        }
        let later = |seconds: u64| tally.totals(Instant::from_nanos((999 + seconds) * SECOND)).rate_calls;
        assert_eq!((later(64), later(65), later(10_000)), (1, 0, 0));
    }

    #[test]
    fn failures_and_the_rest_are_counted_apart_and_cleared_together() {
        let tally = tally(Duration::from_secs(10));
        count(&tally, Verdict::Success, SECOND);
        count(&tally, Verdict::Reachable, SECOND);
        count(&tally, Verdict::Ignore, SECOND);
        count(&tally, Verdict::Failure(None), SECOND);
        let totals = tally.totals(Instant::from_nanos(SECOND));
        assert_eq!((totals.rate_calls, totals.rate_failures, totals.slow_calls), (3, 1, 0));
        tally.clear();
        assert_eq!(tally.totals(Instant::from_nanos(SECOND)), Totals::default());
    }

    #[test]
    fn tallies_are_found_again_by_their_numbers() {
        assert!(Tally::at(0).is_none());
        for _ in 0..20 {
            let number = Tally::allot();
            assert!(Tally::at(number).is_some());
        }
        assert!(Tally::at(u32::MAX).is_none());
    }
}
