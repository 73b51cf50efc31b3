//! What is counted of calls by many threads at once: the [windows](super::window) of the rules about shares, and the totals
//! that somebody asked for. A breaker that nobody asked for any of it has none.

use super::snapshot::Refusals;
use super::window::{PARTS, Pace, Plain, Window, own, stripes};
use crate::Verdict;
use crate::clock::{Instant, nanos};
use crate::machine::{Reason, Tally as Totals};
use crate::policy::Rules;
// Not those of `sync`: see the windows.
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

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
    /// The pace of the rate's window, where to count a success there is all that there is to do, and by the coarse clock.
    plain: AtomicU64,
    /// There is no window to count in.
    only_totals: AtomicBool,
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
            plain: AtomicU64::new(Pace::OFF.0),
            only_totals: AtomicBool::new(false),
            counts_successes: AtomicBool::new(false),
            counts_refusals: AtomicBool::new(false),
            totals: (0..stripes()).map(|_| Stripe::default()).collect(),
        }
    }

    pub(super) fn set(&self, rules: &Rules, counts_successes: bool, counts_refusals: bool) {
        self.counts_successes.store(counts_successes, Ordering::Relaxed);
        self.counts_refusals.store(counts_refusals, Ordering::Relaxed);
        let policy = rules.policy();
        let rate = policy.failure_rate.map(|rate| nanos(rate.over));
        let slow = policy.slow_calls.map(|slow| nanos(slow.over));
        let pace = Pace::of(rate);
        self.rate.set(pace);
        self.slow.set(Pace::of(slow));
        self.slow_limit.store(rules.slow_limit().unwrap_or(u64::MAX), Ordering::Relaxed);
        self.obeys_hints.store(rules.obeys_hints(), Ordering::Relaxed);
        let shortest = [rate, slow].into_iter().flatten().min();
        let precise = shortest.is_some_and(|over| over / PARTS < crate::clock::COARSE_SLACK);
        self.precise.store(precise, Ordering::Relaxed);
        let plain = !precise && slow.is_none() && !counts_successes;
        self.plain.store(if plain { pace.0 } else { Pace::OFF.0 }, Ordering::Relaxed);
        self.only_totals.store(shortest.is_none(), Ordering::Relaxed);
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
        if let Some(count) = own(&self.totals).and_then(|own| own.refusals.get(usize::from(reason.code()))) {
            count.fetch_add(more, Ordering::Relaxed);
        }
    }

    /// Counts a success for whoever wants to see how many there were.
    #[inline]
    pub(super) fn count_success(&self) {
        if self.counts_successes.load(Ordering::Relaxed) {
            if let Some(stripe) = own(&self.totals) {
                stripe.successes.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Whether to count a success there is no more to do than that, and the coarse clock will do.
    #[inline]
    pub(super) fn plain(&self) -> Option<Plain<'_>> {
        let pace = Pace(self.plain.load(Ordering::Relaxed));
        (pace != Pace::OFF).then(|| self.rate.plain(pace))
    }

    /// Counts a success, if there is no window to count it in; whether it was.
    pub(super) fn count_only_totals(&self) -> bool {
        let only_totals = self.only_totals.load(Ordering::Relaxed);
        if only_totals {
            self.count_success();
        }
        only_totals
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

#[cfg(all(test, not(loom)))]
mod tests;
