//! The calls of a sliding window, counted by many threads without a line that two of them write.
//!
//! Each thread counts on a stripe of its own: a ring of buckets that know their time. Memory and cost are the same
//! whatever the traffic; a bucket is a 64th of the window, and it leaves as a whole. What is not healthy is rare, and
//! is counted on one ring for all.

use super::snapshot::Refusals;
use crate::Verdict;
use crate::clock::{self, Instant, nanos};
use crate::machine::{Reason, Tally as Totals};
use crate::policy::Rules;
use std::cell::Cell;
use std::thread::LocalKey;
// Not those of `sync`: a count that is a call off for a moment is no state that threads have to agree about, and the
// model checker could not walk the buckets.
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// The parts of a window.
const PARTS: u64 = 64;
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
fn stripes() -> usize {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    threads.next_power_of_two().min(64)
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
        Self { width: AtomicU64::new(0), fine: (0..stripes()).map(|_| Ring::new()).collect(), bad: Ring::new() }
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

    #[inline]
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
    /// It is not, no call is timed, and only failures are counted apart.
    plain: AtomicBool,
    counts_successes: AtomicBool,
    counts_refusals: AtomicBool,
    /// All of them, not only those of a window.
    totals: Box<[Stripe]>,
}

/// The counts of one thread, or of few, on a line of their own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Stripe {
    successes: AtomicU64,
    /// By the code of the reason.
    refusals: [AtomicU64; REASONS],
}

/// What fits the line; there are fewer reasons than that.
const REASONS: usize = 7;

impl Tally {
    /// One that counts nothing yet.
    pub(super) fn new() -> Self {
        Self {
            rate: Window::new(),
            slow: Window::new(),
            slow_limit: AtomicU64::new(u64::MAX),
            obeys_hints: AtomicBool::new(false),
            precise: AtomicBool::new(false),
            plain: AtomicBool::new(false),
            counts_successes: AtomicBool::new(false),
            counts_refusals: AtomicBool::new(false),
            totals: (0..stripes()).map(|_| Stripe::default()).collect(),
        }
    }

    pub(super) fn set(&self, rules: &Rules, counts_successes: bool, counts_refusals: bool) {
        self.counts_successes.store(counts_successes, Ordering::Relaxed);
        self.counts_refusals.store(counts_refusals, Ordering::Relaxed);
        let policy = rules.policy();
        let (rate, slow) = (policy.failure_rate.map(|rate| rate.over), policy.slow_calls.map(|slow| slow.over));
        self.rate.set(rate.map(nanos));
        self.slow.set(slow.map(nanos));
        self.slow_limit.store(rules.slow_limit().unwrap_or(u64::MAX), Ordering::Relaxed);
        self.obeys_hints.store(rules.obeys_hints(), Ordering::Relaxed);
        let shortest = [rate, slow].into_iter().flatten().min();
        let precise = shortest.is_some_and(|over| nanos(over) / PARTS < crate::clock::COARSE_SLACK);
        self.precise.store(precise, Ordering::Relaxed);
        self.plain.store(!precise && slow.is_none(), Ordering::Relaxed);
    }

    pub(super) fn clear(&self) {
        self.rate.clear();
        self.slow.clear();
    }

    /// For the next owner of the slot.
    pub(super) fn forget_totals(&self) {
        for Stripe { successes, refusals } in &self.totals {
            successes.store(0, Ordering::Relaxed);
            refusals.iter().for_each(|count| count.store(0, Ordering::Relaxed));
        }
    }

    /// How many successes there were, if they are counted.
    pub(super) fn successes(&self) -> Option<u64> {
        let count = || self.totals.iter().map(|stripe| stripe.successes.load(Ordering::Relaxed)).sum();
        self.counts_successes.load(Ordering::Relaxed).then(count)
    }

    /// How many refusals there were, if they are counted.
    pub(super) fn refusals(&self) -> Option<Refusals> {
        let by = |reason: Reason| {
            let counts = self.totals.iter().filter_map(|stripe| stripe.refusals.get(usize::from(reason.code())));
            counts.map(|count| count.load(Ordering::Relaxed)).sum()
        };
        self.counts_refusals.load(Ordering::Relaxed).then(|| Refusals::by(by))
    }

    /// Counts a refusal for whoever wants to see how many there were.
    #[inline]
    pub(super) fn count_refusal(&self, reason: Reason) {
        if self.counts_refusals.load(Ordering::Relaxed) {
            self.add_refusals(reason, 1);
        }
    }

    /// Counts refusals, those of before a restart too.
    pub(super) fn add_refusals(&self, reason: Reason, more: u64) {
        let own = self.totals.get(stripe() & (self.totals.len() - 1));
        if let Some(count) = own.and_then(|own| own.refusals.get(usize::from(reason.code()))) {
            count.fetch_add(more, Ordering::Relaxed);
        }
    }

    /// Counts a success for whoever wants to see how many there were.
    #[inline]
    pub(super) fn count_success(&self) {
        if self.counts_successes.load(Ordering::Relaxed) {
            if let Some(stripe) = self.totals.get(stripe() & (self.totals.len() - 1)) {
                stripe.successes.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Counts a success, if that is all there is to do and the coarse clock will do; whether it was.
    #[inline]
    pub(super) fn count_plainly(&self) -> bool {
        let plain = self.plain.load(Ordering::Relaxed);
        if plain {
            self.rate.count(false, clock::coarse());
            self.count_success();
        }
        plain
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
            Verdict::Success => {
                self.count_success();
                false
            }
            Verdict::Reachable => false,
            Verdict::Limited(wait) => self.obeys_hints.load(Ordering::Relaxed) && !wait.is_zero(),
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
}

/// A number of the present thread, to pick its stripe by.
#[inline]
fn stripe() -> usize {
    thread_local! {
        /// 0: none yet. Without a destructor, so it can be read until the thread is gone.
        static STRIPE: Cell<usize> = const { Cell::new(0) };
    }
    let stripe = STRIPE.get();
    if stripe == 0 { first_stripe(&STRIPE) } else { stripe }
}

#[cold]
fn first_stripe(of: &'static LocalKey<Cell<usize>>) -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    let stripe = NEXT.fetch_add(1, Ordering::Relaxed).max(1);
    of.set(stripe);
    stripe
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
        tally.set(&Rules::new(Policy { failure_rate, ..Policy::default() }).unwrap(), false, false);
        tally
    }

    fn count(tally: &Tally, verdict: Verdict, at: u64) {
        tally.count(verdict, None, |_| Instant::from_nanos(at));
    }

    #[test]
    fn old_calls_leave_the_window_to_within_a_64th_of_it() {
        let tally = tally(Duration::from_secs(64));
        // The interpreter is slow.
        let first = if cfg!(miri) { 900 } else { 100 };
        for at in first..1000 {
            count(&tally, Verdict::Success, at * SECOND);
            let now = Instant::from_nanos(at * SECOND);
            let seen = tally.totals(now).rate_calls;
            // One call a second: the last 64 s hold 65 of them, both ends included.
            assert_eq!(seen, (at + 1 - first).min(65), "at {at}");
        }
        let later = |seconds: u64| tally.totals(Instant::from_nanos((999 + seconds) * SECOND)).rate_calls;
        assert_eq!((later(64), later(65), later(10_000)), (1, 0, 0));
    }

    #[test]
    fn successes_are_counted_for_good_and_only_if_asked_for() {
        let tally = tally(Duration::from_secs(10));
        count(&tally, Verdict::Success, SECOND);
        assert_eq!(tally.successes(), None);
        tally.set(&Rules::default(), true, false);
        for at in 0..100 {
            count(&tally, Verdict::Success, at * SECOND);
            count(&tally, Verdict::Reachable, at * SECOND);
        }
        tally.clear();
        assert_eq!(tally.successes(), Some(100));
        tally.forget_totals();
        assert_eq!(tally.successes(), Some(0));
    }

    #[test]
    fn a_failure_that_was_counted_just_after_the_trip_is_forgotten_when_it_closes() {
        let clock = crate::clock::Manual::new();
        let builder = crate::Breaker::builder().failure_rate(0.5).over(Duration::from_secs(60)).min_calls(1);
        let breaker = builder.stages(1).jitter(0.0).clock(clock.clone()).build().unwrap();
        breaker.try_acquire().unwrap().failure();
        let tally = breaker.slot().tally().unwrap();
        // Its thread had looked at the gate before.
        tally.count(Verdict::Failure(None), None, |_| crate::clock::Clock::now(&clock));
        clock.advance(Duration::from_secs(1));
        breaker.try_acquire().unwrap().success();
        assert_eq!(breaker.state(), crate::State::Closed);
        assert_eq!(tally.totals(crate::clock::Clock::now(&clock)), Totals::default());
    }

    #[test]
    fn a_call_that_a_lagging_clock_counts_in_the_part_before_is_not_lost() {
        let tally = tally(Duration::from_secs(64));
        let seen = |at: u64| tally.totals(Instant::from_nanos(at)).rate_calls;
        count(&tally, Verdict::Success, 10 * SECOND);
        assert_eq!(seen(12 * SECOND), 1);
        count(&tally, Verdict::Success, 12 * SECOND - 1);
        assert_eq!((seen(12 * SECOND), seen(13 * SECOND), seen(75 * SECOND), seen(76 * SECOND)), (2, 2, 1, 0));
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
}
