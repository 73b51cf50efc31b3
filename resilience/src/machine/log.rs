use crate::clock::Instant;

/// So many failures are kept without a block of their own.
const INLINE: usize = 3;

/// The instants of the last failures, oldest first; the oldest makes room for the newest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum FailureLog {
    /// The first `len` are in use, in order.
    Inline { len: u8, capacity: u8, at: [Instant; INLINE] },
    /// A ring: `len` entries from `head` on.
    Block { head: u32, len: u32, at: Box<[Instant]> },
}

impl FailureLog {
    pub(super) fn new(capacity: u32) -> Self {
        match u8::try_from(capacity) {
            Ok(capacity @ ..=3) => Self::Inline { len: 0, capacity, at: [Instant::default(); INLINE] },
            _ => Self::Block { head: 0, len: 0, at: vec![Instant::default(); capacity as usize].into_boxed_slice() },
        }
    }

    pub(super) fn capacity(&self) -> u32 {
        match self {
            Self::Inline { capacity, .. } => u32::from(*capacity),
            // A log is never larger than its `u32` capacity.
            #[allow(clippy::cast_possible_truncation)]
            Self::Block { at, .. } => at.len() as u32,
        }
    }

    pub(super) fn len(&self) -> u32 {
        match self {
            Self::Inline { len, .. } => u32::from(*len),
            Self::Block { len, .. } => *len,
        }
    }

    #[inline]
    pub(super) fn push(&mut self, now: Instant) {
        match self {
            Self::Inline { len, capacity, at } => {
                if *len == *capacity {
                    let [_, second, third] = *at;
                    *at = [second, third, third];
                } else {
                    *len += 1;
                }
                // Where it has just been made room, or the first that is not in use.
                if let Some(last) = at.get_mut(usize::from(*len).wrapping_sub(1)) {
                    *last = now;
                }
            }
            Self::Block { .. } => self.push_to_block(now),
        }
    }

    #[inline(never)]
    fn push_to_block(&mut self, now: Instant) {
        let capacity = self.capacity();
        if self.len() == capacity {
            self.drop_oldest(1);
        }
        if let Self::Block { head, len, at } = self {
            at[slot(*head, *len, capacity)] = now;
            *len += 1;
        }
    }

    pub(super) fn drop_oldest(&mut self, count: u32) {
        let count = count.min(self.len());
        let capacity = self.capacity();
        match self {
            Self::Inline { len, at, .. } => {
                // `count` is at most `len`, which fits.
                #[allow(clippy::cast_possible_truncation)]
                let gone = count as u8;
                at.copy_within(usize::from(gone)..usize::from(*len), 0);
                *len -= gone;
            }
            Self::Block { head, len, at: _ } => {
                // Both are below 2^20, so the sum does not overflow.
                *head = (*head + count) % capacity;
                *len -= count;
            }
        }
    }

    pub(super) fn clear(&mut self) {
        match self {
            Self::Inline { len, .. } => *len = 0,
            Self::Block { head, len, .. } => (*head, *len) = (0, 0),
        }
    }

    /// The `index`-th newest, from 0 on.
    pub(super) fn newest(&self, index: u32) -> Option<Instant> {
        let from_oldest = self.len().checked_sub(index)?.checked_sub(1)?;
        match self {
            Self::Inline { at, .. } => at.get(from_oldest as usize).copied(),
            Self::Block { head, at, .. } => at.get(slot(*head, from_oldest, self.capacity())).copied(),
        }
    }

    pub(super) fn oldest(&self) -> Option<Instant> {
        self.newest(self.len().checked_sub(1)?)
    }

    pub(super) fn newest_first(&self) -> impl Iterator<Item = Instant> + '_ {
        (0..self.len()).filter_map(|index| self.newest(index))
    }

    /// For a new policy: the newest that fit are kept.
    pub(super) fn resize(&mut self, capacity: u32) {
        if capacity != self.capacity() {
            let mut kept: Vec<Instant> = self.newest_first().take(capacity as usize).collect();
            kept.reverse();
            *self = Self::new(capacity);
            for at in kept {
                self.push(at);
            }
        }
    }
}

fn slot(head: u32, offset: u32, capacity: u32) -> usize {
    ((head + offset) % capacity.max(1)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nanos(log: &FailureLog) -> Vec<u64> {
        log.newest_first().map(Instant::as_nanos).collect()
    }

    #[test]
    fn a_log_of_any_size_keeps_the_newest_in_order() {
        for capacity in [1, 2, 3, 4, 7] {
            let mut log = FailureLog::new(capacity);
            let mut naive: Vec<u64> = Vec::new();
            for now in 1..40 {
                log.push(Instant::from_nanos(now));
                naive.insert(0, now);
                if now % 5 == 0 {
                    log.drop_oldest(2);
                    naive.truncate(capacity as usize);
                    naive.truncate(naive.len().saturating_sub(2));
                }
                naive.truncate(capacity as usize);
                assert_eq!(nanos(&log), naive, "capacity {capacity} at {now}");
                assert_eq!(log.oldest().map(Instant::as_nanos), naive.last().copied());
            }
            log.clear();
            assert_eq!((log.len(), log.oldest(), log.newest(0)), (0, None, None));
        }
    }

    #[test]
    fn a_resized_log_keeps_the_newest_that_fit() {
        let mut log = FailureLog::new(5);
        (1..=7).for_each(|now| log.push(Instant::from_nanos(now)));
        log.resize(9);
        assert_eq!(nanos(&log), [7, 6, 5, 4, 3]);
        log.resize(2);
        assert_eq!(nanos(&log), [7, 6]);
        log.push(Instant::from_nanos(8));
        assert_eq!(nanos(&log), [8, 7]);
    }

    #[test]
    fn a_small_log_needs_no_block() {
        assert!(matches!(FailureLog::new(3), FailureLog::Inline { .. }));
        assert!(size_of::<FailureLog>() <= 32);
    }

    #[test]
    fn a_log_that_loses_its_oldest_again_and_again_never_runs_out_of_numbers() {
        // The interpreter is slow.
        let mut log = FailureLog::new(if cfg!(miri) { 1 << 8 } else { 1 << 20 });
        for now in 1..10_000 {
            log.push(Instant::from_nanos(now));
            log.drop_oldest(log.len() - 1);
            assert_eq!((log.len(), log.oldest()), (1, Some(Instant::from_nanos(now))));
        }
    }
}
