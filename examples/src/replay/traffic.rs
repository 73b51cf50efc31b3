//! What a log comes to: the calls that were made, in the order in which they began.

use std::time::Duration;

/// One call.
///
/// 24 bytes, and all that is kept of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it began, in microseconds since 1970.
    pub start: i64,
    /// How long it took, in microseconds.
    pub took: u64,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The upstream is healthy.
    Success,
    /// The upstream answered: a `404`, say.
    Reachable,
    /// The upstream is not healthy.
    Failure,
    /// Says nothing about the upstream.
    Ignored,
    /// The client went away; whether that is the upstream's fault the age of the call decides, by the policy.
    GivenUp,
}

/// Calls, counted by what became of them in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Count {
    /// All of them.
    pub calls: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those that were answered: the others, but for what says nothing about the upstream.
    pub answered: u64,
}

/// The calls of a log, in the order in which they began.
///
/// What is the same for every policy is worked out once, by [`new`](Self::new): a log has its lines in the order in which
/// calls ended, while a breaker is asked when they begin.
#[derive(Clone, Debug)]
pub struct Traffic {
    calls: Vec<Entry>,
}

impl Entry {
    /// When it ended, in microseconds since 1970.
    #[must_use]
    pub fn end(&self) -> i64 {
        self.start.saturating_add_unsigned(self.took)
    }
}

impl Count {
    pub(super) fn add(&mut self, outcome: Outcome) {
        self.calls += 1;
        match outcome {
            Outcome::Failure => self.failed += 1,
            Outcome::Success | Outcome::Reachable => self.answered += 1,
            Outcome::Ignored | Outcome::GivenUp => {}
        }
    }

    /// Those that say nothing about the upstream.
    #[must_use]
    pub const fn neither(&self) -> u64 {
        self.calls - self.failed - self.answered
    }
}

impl Traffic {
    /// These calls. They may come in any order; those that began at the same time stay in the order in which they come.
    #[must_use]
    pub fn new(mut entries: Vec<Entry>) -> Self {
        entries.sort_by_key(|entry| entry.start);
        Self { calls: entries }
    }

    /// The calls.
    #[must_use]
    pub fn calls(&self) -> &[Entry] {
        &self.calls
    }

    /// All of them, by how they ended.
    #[must_use]
    pub fn count(&self) -> Count {
        let mut count = Count::default();
        self.calls.iter().for_each(|call| count.add(call.outcome));
        count
    }

    /// When the first one began and the last one ended, in microseconds since 1970; zero, if there is none.
    #[must_use]
    pub fn span(&self) -> (i64, i64) {
        let first = self.calls.first().map_or(0, |call| call.start);
        (first, self.calls.iter().map(Entry::end).max().unwrap_or(first))
    }

    /// How long a call took in the middle, and at most: with a wrong unit these are what looks wrong.
    #[must_use]
    pub fn durations(&self) -> (Duration, Duration) {
        let mut took: Vec<u64> = self.calls.iter().map(|call| call.took).collect();
        let middle = took.len() / 2;
        if took.is_empty() {
            return (Duration::ZERO, Duration::ZERO);
        }
        let (_, median, _) = took.select_nth_unstable(middle);
        let median = *median;
        (Duration::from_micros(median), Duration::from_micros(took.into_iter().max().unwrap_or(median)))
    }
}
