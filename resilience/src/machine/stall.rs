use crate::clock::Instant;
use std::collections::VecDeque;

/// The calls that are out and were admitted after anybody was last answered. Remembers at most as many instants as the
/// rule counts calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct StallWatch {
    /// When the first of them were admitted.
    admitted: VecDeque<Instant>,
    /// Calls beyond those.
    beyond: u32,
}

impl StallWatch {
    pub(super) fn admitted(&mut self, now: Instant, wanted: u32) {
        if self.admitted.len() < wanted as usize {
            self.admitted.push_back(now);
        } else {
            self.beyond = self.beyond.saturating_add(1);
        }
    }

    /// A call came back with an answer.
    pub(super) fn answered(&mut self) {
        self.admitted.clear();
        self.beyond = 0;
    }

    /// A call came back without one. Which of them is not known, so the one whose leaving delays the rule most is
    /// taken to have left: the rule may be late by it, never early.
    pub(super) fn gave_up(&mut self, now: Instant) {
        if self.admitted.pop_front().is_some() && self.beyond > 0 {
            self.beyond -= 1;
            self.admitted.push_back(now);
        }
    }

    /// Since when the rule has been met, if so many calls are out for so long; and when the first of them was admitted.
    pub(super) fn due(&self, wanted: u32, for_nanos: u64, now: Instant) -> Option<(Instant, Instant)> {
        let last = self.admitted.get(wanted.checked_sub(1)? as usize)?.plus(for_nanos);
        (last <= now).then_some((last, *self.admitted.front()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: u64 = 100;

    fn at(nanos: u64) -> Instant {
        Instant::from_nanos(nanos)
    }

    fn due(watch: &StallWatch, now: u64) -> Option<u64> {
        watch.due(3, T, at(now)).map(|(at, _)| at.as_nanos())
    }

    #[test]
    fn three_calls_out_and_nobody_answered_is_a_stall_as_of_the_third() {
        let mut watch = StallWatch::default();
        [10, 20, 30, 40].into_iter().for_each(|now| watch.admitted(at(now), 3));
        assert_eq!(due(&watch, 129), None);
        assert_eq!(due(&watch, 500), Some(130));
    }

    #[test]
    fn an_answer_to_anybody_ends_the_wait_of_all_that_were_out() {
        let mut watch = StallWatch::default();
        [10, 20, 30, 40].into_iter().for_each(|now| watch.admitted(at(now), 3));
        watch.answered();
        [110, 120].into_iter().for_each(|now| watch.admitted(at(now), 3));
        assert_eq!(due(&watch, 1000), None);
        watch.admitted(at(130), 3);
        assert_eq!(due(&watch, 1000), Some(230));
    }

    #[test]
    fn a_call_that_was_given_up_no_longer_counts() {
        let mut watch = StallWatch::default();
        [10, 20, 30].into_iter().for_each(|now| watch.admitted(at(now), 3));
        watch.gave_up(at(35));
        assert_eq!(due(&watch, 1000), None);
        watch.admitted(at(50), 3);
        assert_eq!(due(&watch, 1000), Some(150));
    }
}
