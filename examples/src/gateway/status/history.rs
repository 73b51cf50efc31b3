//! The last minutes, a second at a time: what a page that is opened now draws of the time before.

use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many seconds are kept, as many as the page draws.
const KEPT: usize = 180;

/// How many calls there have been so far, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) admitted: u64,
    pub(super) failed: u64,
    pub(super) refused: u64,
    /// Requests that the upstream has received, if that is known.
    pub(super) upstream: u64,
}

/// One second. The names are those of the page.
#[derive(Clone, Copy, Debug, Serialize, PartialEq, Eq)]
pub(super) struct Second {
    /// The state at its end.
    pub(super) state: &'static str,
    good: u64,
    failed: u64,
    refused: u64,
    upstream: u64,
}

#[derive(Debug, Default)]
struct Kept {
    seconds: VecDeque<Second>,
    last: Totals,
}

/// The seconds, the oldest first.
#[derive(Debug, Default)]
pub(super) struct History(Mutex<Kept>);

impl History {
    /// A second is over.
    pub(super) fn second(&self, state: &'static str, now: Totals) {
        let mut kept = self.kept();
        let before = std::mem::replace(&mut kept.last, now);
        let failed = now.failed.saturating_sub(before.failed);
        // A call may be let in in one second and fail in another; then less is answered than it seems, never less than none.
        let good = now.admitted.saturating_sub(before.admitted).saturating_sub(failed);
        let refused = now.refused.saturating_sub(before.refused);
        let upstream = now.upstream.saturating_sub(before.upstream);
        if kept.seconds.len() == KEPT {
            kept.seconds.pop_front();
        }
        kept.seconds.push_back(Second { state, good, failed, refused, upstream });
    }

    pub(super) fn seconds(&self) -> Vec<Second> {
        self.kept().seconds.iter().copied().collect()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // What is half done after a panic is one second that is missing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_has_what_it_brought() {
        let history = History::default();
        history.second("closed", Totals { admitted: 5, failed: 1, refused: 0, upstream: 6 });
        history.second("open", Totals { admitted: 7, failed: 3, refused: 4, upstream: 8 });
        let second = |state, good, failed, refused, upstream| Second { state, good, failed, refused, upstream };
        assert_eq!(history.seconds(), [second("closed", 4, 1, 0, 6), second("open", 0, 2, 4, 2)]);
    }

    #[test]
    fn it_keeps_what_is_drawn_and_no_more() {
        let history = History::default();
        for refused in 1..=1000 {
            history.second("open", Totals { refused, ..Totals::default() });
        }
        let seconds = history.seconds();
        assert_eq!(seconds.len(), KEPT);
        assert!(seconds.iter().all(|second| second.refused == 1));
    }
}
