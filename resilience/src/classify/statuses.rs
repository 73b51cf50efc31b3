//! A set of HTTP statuses.

use std::fmt;

const WORDS: usize = 16;

/// A bit for each of the numbers below 1024, among them every status there can be.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Statuses([u64; WORDS]);

impl Statuses {
    pub(super) fn has(&self, status: u16) -> bool {
        self.0.get(usize::from(status / 64)).is_some_and(|word| word >> (status % 64) & 1 == 1)
    }
}

impl FromIterator<u16> for Statuses {
    fn from_iter<I: IntoIterator<Item = u16>>(statuses: I) -> Self {
        let mut set = Self::default();
        for status in statuses {
            if let Some(word) = set.0.get_mut(usize::from(status / 64)) {
                *word |= 1 << (status % 64);
            }
        }
        set
    }
}

impl fmt::Debug for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries((0..1024).filter(|status| self.has(*status))).finish()
    }
}
