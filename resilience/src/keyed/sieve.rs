//! What a healthy call reads: whether any key is in trouble, and whether its own may be.
//!
//! One word counts the keys in trouble and the *moments*: every change that a key's state could make to the outcome of a
//! call (it begins or ceases to be kept, its phase changes) is a moment. A call remembers the moment of its admission, so
//! that later it can be told what it has seen, although a key in good health has no state to remember that by.
//!
//! Where the count is not zero, the lower bits of the key's hash choose a bit, which is set while a key of that bit is
//! kept. What is read here is written only when a key falls ill or recovers.

use crate::breaker::sync::{AtomicU64, Ordering};

/// So many lower bits of a hash choose the bit. The model checker could not walk as many.
#[cfg(not(loom))]
pub(super) const HASH_BITS: u32 = 16;
#[cfg(loom)]
pub(super) const HASH_BITS: u32 = 6;

const COUNT_BITS: u32 = 20;
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;
/// Of 2^44 moments: a registry that changes a million times a second begins anew after half a year.
const MOMENT: u64 = 1 << COUNT_BITS;

#[derive(Debug)]
pub(super) struct Sieve {
    word: AtomicU64,
    bits: Box<[AtomicU64]>,
}

impl Sieve {
    pub(super) const MASK: u64 = (1 << HASH_BITS) - 1;

    pub(super) fn new() -> Self {
        // The first moment is not zero, which stands for "never".
        Self { word: AtomicU64::new(MOMENT), bits: (0..1 << (HASH_BITS - 6)).map(|_| AtomicU64::new(0)).collect() }
    }

    fn bit(&self, hash: u64) -> Option<(&AtomicU64, u64)> {
        // The mask makes it small.
        #[allow(clippy::cast_possible_truncation)]
        let at = (hash & Self::MASK) as usize;
        self.bits.get(at / 64).map(|word| (word, 1 << (at % 64)))
    }

    /// The present moment, if no key of this hash is in trouble; else the hash.
    #[inline]
    pub(super) fn pass(&self, hash: impl FnOnce() -> u64) -> Result<u64, u64> {
        let word = self.word.load(Ordering::Acquire);
        if word & COUNT_MASK == 0 {
            return Ok(word >> COUNT_BITS);
        }
        let hash = hash();
        let set = self.bit(hash).is_none_or(|(bits, mask)| bits.load(Ordering::Acquire) & mask != 0);
        // Only if nothing has changed meanwhile do the two belong together.
        if set || self.word.load(Ordering::Acquire) != word { Err(hash) } else { Ok(word >> COUNT_BITS) }
    }

    /// The present moment.
    pub(super) fn moment(&self) -> u64 {
        self.word.load(Ordering::Acquire) >> COUNT_BITS
    }

    /// How many keys are in trouble.
    pub(super) fn count(&self) -> u64 {
        self.word.load(Ordering::Acquire) & COUNT_MASK
    }

    /// A key begins to be kept; the moment. Under its shard's lock.
    pub(super) fn enter(&self, hash: u64) -> u64 {
        if let Some((bits, mask)) = self.bit(hash) {
            bits.fetch_or(mask, Ordering::Release);
        }
        // After the bit: who sees this moment sees the bit.
        (self.word.fetch_add(MOMENT + 1, Ordering::AcqRel) >> COUNT_BITS) + 1
    }

    /// A key changes its phase; the moment.
    pub(super) fn change(&self) -> u64 {
        (self.word.fetch_add(MOMENT, Ordering::AcqRel) >> COUNT_BITS) + 1
    }

    /// A key ceases to be kept, and no other has its bit if `last`. Under its shard's lock.
    pub(super) fn leave(&self, hash: u64, last: bool) {
        // Before the bit: who sees that cleared sees a later moment than all that the key went through.
        self.word.fetch_add(MOMENT - 1, Ordering::AcqRel);
        if let (true, Some((bits, mask))) = (last, self.bit(hash)) {
            bits.fetch_and(!mask, Ordering::Release);
        }
    }
}
