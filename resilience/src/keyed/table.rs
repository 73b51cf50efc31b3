//! The keys in trouble of one shard, each with its state.
//!
//! Entries lie in blocks of a few, so that growing moves none of them and wastes little; they are found by chains through
//! the entries themselves, and closed ones are strung by age. All links are places, so nothing here can dangle: a wrong
//! one would find nothing.

use crate::machine::Packed;

/// No entry.
const NIL: u32 = u32::MAX;
/// Entries of a block.
const BLOCK: usize = 16;

/// A key in trouble.
#[derive(Debug)]
pub(super) struct Entry<K> {
    pub(super) key: K,
    pub(super) hash: u64,
    /// The moment at which it came to be kept: what was admitted before has seen none of its failures.
    pub(super) born: u64,
    /// The moment of its last change of phase or overlay: what was admitted before is late.
    pub(super) changed: u64,
    pub(super) packed: Packed,
    /// Changes with every trip, so that a refusal does not tell of a later one.
    pub(super) edition: u8,
    strung: bool,
    next: u32,
    older: u32,
    newer: u32,
}

impl<K> Entry<K> {
    pub(super) fn new(key: K, hash: u64, born: u64, changed: u64, packed: Packed, edition: u8) -> Self {
        Self { key, hash, born, changed, packed, edition, strung: false, next: NIL, older: NIL, newer: NIL }
    }

    /// Whether it may be evicted.
    pub(super) const fn is_strung(&self) -> bool {
        self.strung
    }
}

#[derive(Debug)]
pub(super) struct Table<K> {
    heads: Vec<u32>,
    most_heads: usize,
    /// The lower bits of a hash that are the same for all keys of the shard.
    skip: u32,
    blocks: Vec<Box<[Option<Entry<K>>]>>,
    free: Vec<u32>,
    len: u32,
    oldest: u32,
    newest: u32,
}

impl<K> Table<K> {
    /// Keys whose hashes are the same in the lower `bits` bits are found in one chain.
    pub(super) fn new(skip: u32, bits: u32) -> Self {
        let most_heads = 1 << bits.saturating_sub(skip);
        let (heads, blocks, free) = (Vec::new(), Vec::new(), Vec::new());
        Self { heads, most_heads, skip, blocks, free, len: 0, oldest: NIL, newest: NIL }
    }

    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    pub(super) fn get(&self, place: u32) -> Option<&Entry<K>> {
        self.blocks.get(place as usize / BLOCK)?.get(place as usize % BLOCK)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, place: u32) -> Option<&mut Entry<K>> {
        self.blocks.get_mut(place as usize / BLOCK)?.get_mut(place as usize % BLOCK)?.as_mut()
    }

    /// The places that may be taken, each looked at once by who goes through all of them.
    pub(super) fn places(&self) -> std::ops::Range<u32> {
        // Fewer than 2^17 keys are kept.
        #[allow(clippy::cast_possible_truncation)]
        let end = (self.blocks.len() * BLOCK) as u32;
        0..end
    }

    fn head(&self, hash: u64) -> usize {
        // The mask makes it small.
        #[allow(clippy::cast_possible_truncation)]
        let head = (hash >> self.skip) as usize & self.heads.len().wrapping_sub(1);
        head
    }

    fn chain(&self, hash: u64) -> impl Iterator<Item = (u32, &Entry<K>)> {
        let first = self.heads.get(self.head(hash)).copied().unwrap_or(NIL);
        let mut at = first;
        std::iter::from_fn(move || {
            let place = at;
            let entry = self.get(place)?;
            at = entry.next;
            Some((place, entry))
        })
    }

    pub(super) fn find(&self, hash: u64, is: impl Fn(&K) -> bool) -> Option<u32> {
        self.chain(hash).find(|(_, entry)| entry.hash == hash && is(&entry.key)).map(|(place, _)| place)
    }

    /// Whether a key is kept whose hash is the same in these bits.
    pub(super) fn has_like(&self, hash: u64, mask: u64) -> bool {
        self.chain(hash).any(|(_, entry)| (entry.hash ^ hash) & mask == 0)
    }

    pub(super) fn insert(&mut self, mut entry: Entry<K>) -> u32 {
        if self.len() >= self.heads.len() && self.heads.len() < self.most_heads {
            self.grow();
        }
        let place = self.free.pop().unwrap_or_else(|| {
            let places = self.places();
            self.blocks.push((0..BLOCK).map(|_| None).collect());
            // The others are handed out from the lowest on.
            self.free.extend((places.end + 1..self.places().end).rev());
            places.end
        });
        let head = self.head(entry.hash);
        if let Some(head) = self.heads.get_mut(head) {
            entry.next = std::mem::replace(head, place);
        }
        if let Some(slot) =
            self.blocks.get_mut(place as usize / BLOCK).and_then(|block| block.get_mut(place as usize % BLOCK))
        {
            *slot = Some(entry);
        }
        self.len += 1;
        place
    }

    fn grow(&mut self) {
        let heads = (self.heads.len() * 2).clamp(8, self.most_heads.max(8));
        self.heads = vec![NIL; heads];
        for place in self.places() {
            let Some(hash) = self.get(place).map(|entry| entry.hash) else { continue };
            let head = self.head(hash);
            let next = self.heads.get_mut(head).map_or(NIL, |head| std::mem::replace(head, place));
            if let Some(entry) = self.get_mut(place) {
                entry.next = next;
            }
        }
    }

    pub(super) fn remove(&mut self, place: u32) -> Option<Entry<K>> {
        self.unstring(place);
        let (hash, next) = self.get(place).map(|entry| (entry.hash, entry.next))?;
        let before = self.chain(hash).find(|(_, entry)| entry.next == place).map(|(before, _)| before);
        match before {
            Some(before) => self.get_mut(before)?.next = next,
            None => {
                let head = self.head(hash);
                *self.heads.get_mut(head)? = next;
            }
        }
        let entry = self.blocks.get_mut(place as usize / BLOCK)?.get_mut(place as usize % BLOCK)?.take()?;
        self.len -= 1;
        if self.len == 0 {
            // What a bad hour took up is given back.
            (self.heads, self.blocks, self.free) = (Vec::new(), Vec::new(), Vec::new());
        } else {
            self.free.push(place);
        }
        Some(entry)
    }

    /// Strings an entry as the newest of those that may be evicted.
    pub(super) fn string(&mut self, place: u32) {
        self.unstring(place);
        let older = self.newest;
        let Some(entry) = self.get_mut(place) else { return };
        (entry.strung, entry.older, entry.newer) = (true, older, NIL);
        match self.get_mut(older) {
            Some(before) => before.newer = place,
            None => self.oldest = place,
        }
        self.newest = place;
    }

    /// It may be evicted no longer.
    pub(super) fn unstring(&mut self, place: u32) {
        let Some(entry) = self.get_mut(place).filter(|entry| entry.strung) else { return };
        entry.strung = false;
        let (older, newer) = (entry.older, entry.newer);
        match self.get_mut(older) {
            Some(before) => before.newer = newer,
            None => self.oldest = newer,
        }
        match self.get_mut(newer) {
            Some(after) => after.older = older,
            None => self.newest = older,
        }
    }

    /// The one that is evicted first.
    pub(super) fn oldest(&self) -> Option<u32> {
        self.get(self.oldest).map(|_| self.oldest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Machine;
    use crate::policy::Rules;

    fn entry(key: u64, hash: u64) -> Entry<u64> {
        Entry::new(key, hash, 0, 0, Packed::new(Machine::new(&Rules::default())), 0)
    }

    #[test]
    fn what_is_kept_is_found_and_what_has_left_is_not() {
        let mut table = Table::new(1, 4);
        let mut naive: Vec<u64> = Vec::new();
        let mut draw = 1_u64;
        for round in 0..3000_u64 {
            draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let key = draw >> 33 & 127;
            // Many share a hash, so that chains are walked.
            let hash = key % 40;
            let found = table.find(hash, |kept| *kept == key);
            assert_eq!(found.is_some(), naive.contains(&key));
            match found {
                Some(place) if draw >> 60 < 9 => {
                    assert_eq!(table.remove(place).map(|entry| entry.key), Some(key));
                    naive.retain(|kept| *kept != key);
                }
                Some(place) if draw >> 60 < 12 => {
                    table.string(place);
                    naive.retain(|kept| *kept != key);
                    naive.push(key);
                }
                Some(_) => {}
                None => {
                    let place = table.insert(entry(key, hash));
                    table.string(place);
                    naive.push(key);
                }
            }
            assert_eq!(table.len(), naive.len(), "round {round}");
            let oldest = table.oldest().and_then(|place| table.get(place)).map(|entry| entry.key);
            assert_eq!(oldest, naive.first().copied());
            let like = naive.iter().any(|kept| (kept % 40) & 15 == hash & 15);
            assert_eq!(table.has_like(hash, 15), like);
        }
        while let Some(place) = table.oldest() {
            assert_eq!(table.remove(place).map(|entry| entry.key), Some(naive.remove(0)));
        }
        assert_eq!((table.len(), table.places().len()), (0, 0), "an empty table keeps no room");
    }

    #[test]
    fn an_entry_is_small() {
        assert!(size_of::<Option<Entry<u64>>>() <= 112, "{}", size_of::<Option<Entry<u64>>>());
    }
}
