//! What the gateway remembers of its upstream: bounded, with expiry, one upstream call for many concurrent misses.
//!
//! Failures are never remembered, a `404` neither: the next look-up asks again.
//!
//! Two kinds of things are kept apart. A *fact* never changes once it is known (that a user exists, what an event
//! says: nothing is ever edited or removed), so it may be kept for as long as it likes. A *view* changes with what the
//! gateway itself writes (a user's list of events), and whoever was told that a write is done must see it. So every
//! write starts a new version of what it touches, and an entry counts only for readers of the version it was fetched
//! in: neither an entry from before a write nor a look-up that was already under way then is shown after it.

use moka::future::Cache;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Versions are kept for groups of keys, not for each: a write makes a few strangers' entries stale, too, which costs a
/// look-up and nothing else.
const GROUPS: usize = 1024;

/// How much is kept, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CacheSettings {
    /// The most entries of each kind, each of about a KiB: a larger one takes the place of several.
    pub(crate) entries: u64,
    /// How long an entry is shown: what others write straight to the upstream is seen after this at the latest.
    pub(crate) ttl: Duration,
}

/// What a value takes, in bytes, beside a fixed part.
pub(crate) trait Weigh {
    /// About.
    fn bytes(&self) -> usize;
}

impl Weigh for () {
    fn bytes(&self) -> usize {
        0
    }
}

fn store<K, V>(settings: CacheSettings, bytes: fn(&V) -> usize) -> Cache<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    let weigh = move |_: &K, value: &V| u32::try_from(bytes(value) / 1024).unwrap_or(u32::MAX).saturating_add(1);
    Cache::builder().max_capacity(settings.entries).weigher(weigh).time_to_live(settings.ttl).build()
}

/// Things that never change.
#[derive(Clone)]
pub(crate) struct Facts<K, V> {
    entries: Cache<K, V>,
}

impl<K, V> Facts<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Weigh + Clone + Send + Sync + 'static,
{
    pub(crate) fn new(settings: CacheSettings) -> Self {
        Self { entries: store(settings, V::bytes) }
    }

    /// The value, looked up if it is not known; many who ask at once share one look-up.
    pub(crate) async fn get<E>(&self, key: K, look_up: impl Future<Output = Result<V, E>>) -> Result<V, E>
    where
        E: Clone + Send + Sync + 'static,
    {
        self.entries.try_get_with(key, look_up).await.map_err(Arc::unwrap_or_clone)
    }

    /// Learns what somebody found out on another way.
    pub(crate) async fn learn(&self, key: K, value: V) {
        self.entries.insert(key, value).await;
    }

    /// What was known turned out to be wrong.
    pub(crate) async fn forget(&self, key: &K) {
        self.entries.invalidate(key).await;
    }
}

/// Things that this gateway's own writes change.
#[derive(Clone)]
pub(crate) struct Views<K, V> {
    entries: Cache<K, (u64, V)>,
    versions: Arc<[AtomicU64]>,
    hasher: RandomState,
}

impl<K, V> Views<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Weigh + Clone + Send + Sync + 'static,
{
    pub(crate) fn new(settings: CacheSettings) -> Self {
        let versions = (0..GROUPS).map(|_| AtomicU64::new(0)).collect();
        Self { entries: store(settings, |(_, value): &(u64, V)| value.bytes()), versions, hasher: RandomState::new() }
    }

    /// The value as of now or later, looked up if it is not known; many who ask at once share one look-up.
    pub(crate) async fn get<E, F>(&self, key: K, look_up: impl Fn() -> F) -> Result<V, E>
    where
        E: Clone + Send + Sync + 'static,
        F: Future<Output = Result<V, E>>,
    {
        let wanted = self.version(&key).load(Ordering::Acquire);
        loop {
            // The version is read before the upstream is asked: a write in between makes the answer stale, not fresh.
            let fetch = async { Ok((self.version(&key).load(Ordering::Acquire), look_up().await?)) };
            let (version, value) =
                self.entries.try_get_with(key.clone(), fetch).await.map_err(Arc::<E>::unwrap_or_clone)?;
            if version >= wanted {
                return Ok(value);
            }
            // Only an entry as old as this one is put aside; somebody else may have fetched a newer one meanwhile.
            self.entries
                .entry(key.clone())
                .and_compute_with(|entry| {
                    let stale = entry.is_some_and(|entry| entry.value().0 < wanted);
                    std::future::ready(if stale { moka::ops::compute::Op::Remove } else { moka::ops::compute::Op::Nop })
                })
                .await;
        }
    }

    /// Something about `key` was written: whoever asks from now on sees it.
    pub(crate) fn changed(&self, key: &K) {
        self.version(key).fetch_add(1, Ordering::AcqRel);
    }

    fn version(&self, key: &K) -> &AtomicU64 {
        // The remainder is below the number of groups, which is a `usize`.
        #[allow(clippy::cast_possible_truncation)]
        let group = (self.hasher.hash_one(key) % GROUPS as u64) as usize;
        &self.versions[group]
    }
}

#[cfg(test)]
mod tests;
