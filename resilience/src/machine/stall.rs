use crate::clock::Instant;
use std::collections::VecDeque;

/// A call that is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Call {
    number: u64,
    admitted: Instant,
    /// How many failures had been recorded when it was admitted.
    seen: u32,
}

/// The calls that are out, and which of them were admitted after anybody was last answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct StallWatch {
    /// Oldest first: numbers and instants ascend.
    out: VecDeque<Call>,
    next: u64,
    /// The first number since the last answer.
    unanswered: u64,
}

impl StallWatch {
    /// A call is admitted: its number.
    pub(super) fn admit(&mut self, now: Instant, seen: u32) -> u64 {
        let number = self.next;
        self.next += 1;
        self.out.push_back(Call { number, admitted: now, seen });
        number
    }

    /// A call came back, with an answer or without: how many failures had been recorded when it was admitted.
    pub(super) fn take_back(&mut self, number: u64, answered: bool) -> Option<u32> {
        if answered {
            self.answer();
        }
        let index = self.out.binary_search_by_key(&number, |call| call.number).ok()?;
        self.out.remove(index).map(|call| call.seen)
    }

    /// Somebody was answered.
    pub(super) fn answer(&mut self) {
        self.unanswered = self.next;
    }

    /// The number of the next call.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Since when the rule has been met, if so many calls are out for so long and nobody was answered meanwhile; and
    /// when the first of them was admitted.
    pub(super) fn due(&self, wanted: u32, for_nanos: u64, now: Instant) -> Option<(Instant, Instant)> {
        let first = self.out.partition_point(|call| call.number < self.unanswered);
        let last = self.out.get(first.checked_add(wanted.checked_sub(1)? as usize)?)?;
        let met = last.admitted.plus(for_nanos);
        (met <= now).then_some((met, self.out.get(first)?.admitted))
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
        let _ = [10, 20, 30, 40].map(|now| watch.admit(at(now), 0));
        assert_eq!(due(&watch, 129), None);
        assert_eq!(due(&watch, 500), Some(130));
    }

    #[test]
    fn an_answer_to_anybody_ends_the_wait_of_all_that_were_out() {
        let mut watch = StallWatch::default();
        let first = [10, 20, 30, 40].map(|now| watch.admit(at(now), 7))[0];
        assert_eq!(watch.take_back(first, true), Some(7));
        let _ = [110, 120].map(|now| watch.admit(at(now), 0));
        assert_eq!(due(&watch, 1000), None);
        watch.admit(at(130), 0);
        assert_eq!(due(&watch, 1000), Some(230));
    }

    #[test]
    fn a_call_that_was_given_up_no_longer_counts_and_no_other_does_in_its_place() {
        let mut watch = StallWatch::default();
        let calls = [10, 20, 30].map(|now| watch.admit(at(now), 0));
        watch.take_back(calls[1], false);
        assert_eq!(due(&watch, 1000), None);
        watch.admit(at(50), 0);
        assert_eq!(due(&watch, 1000), Some(150));
        assert_eq!(watch.take_back(calls[1], false), None, "it came back before");
    }
}
