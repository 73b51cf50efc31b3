//! The issuer's keys, kept up to date.
//!
//! - They are read at start, and again in the background when they are older than the TTL.
//! - A token with an unknown key has them read again at once, because issuers change their keys; but at most once in the
//!   time of the cool-down, however many such tokens come, and all that come meanwhile wait for the one answer.
//! - If they cannot be had, those that are held stay for a day: an issuer that is down for an hour locks nobody out, and
//!   one that is gone for good is not trusted for ever.

use super::keys::{Found, Key, KeySet};
use arc_swap::ArcSwapOption;
use bytes::Bytes;
use futures::future::BoxFuture;
use jsonwebtoken::Algorithm;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How long keys are used that could not be read again.
const STALE: Duration = Duration::from_hours(24);

/// Where keys come from.
pub(super) type Source = Box<dyn Fn() -> BoxFuture<'static, Result<Bytes, String>> + Send + Sync>;

/// When keys are read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    /// The age at which they are read again.
    pub(super) ttl: Duration,
    /// The time between two attempts.
    pub(super) cooldown: Duration,
}

/// Why there is no key for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoKey {
    /// The issuer has none.
    Unknown,
    /// Nobody knows: the issuer's keys cannot be had.
    NoKeys,
}

/// The keys. Clones share them.
#[derive(Clone)]
pub(super) struct Keys(Arc<Inner>);

struct Inner {
    source: Source,
    timing: Timing,
    held: ArcSwapOption<Held>,
    attempts: Mutex<Attempts>,
}

struct Held {
    set: KeySet,
    since: Instant,
}

#[derive(Default)]
struct Attempts {
    /// Closed when the attempt under way is over.
    current: Option<watch::Receiver<()>>,
    next: Option<Instant>,
}

impl Keys {
    pub(super) fn new(source: Source, timing: Timing) -> Self {
        Self(Arc::new(Inner { source, timing, held: ArcSwapOption::empty(), attempts: Mutex::default() }))
    }

    /// Reads the keys for the first time. It counts as an attempt only if it fails: keys that change right after the
    /// start are as good a reason to look again as at any other time.
    pub(super) async fn load(&self) -> Result<(), String> {
        let loaded = self.0.fetch().await;
        if loaded.is_err() {
            self.0.attempts().next = Some(Instant::now() + self.0.timing.cooldown);
        }
        loaded
    }

    /// The key for a token.
    pub(super) async fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Result<Arc<Key>, NoKey> {
        if let Some(held) = self.held() {
            match held.set.find(id, algorithm) {
                Found::Key(key) => {
                    if held.since.elapsed() >= self.0.timing.ttl {
                        // Nobody waits for it: the key at hand is good.
                        self.refetch();
                    }
                    return Ok(key);
                }
                Found::Never => return Err(NoKey::Unknown),
                Found::NotYet => {}
            }
        }
        if let Some(mut done) = self.refetch() {
            while done.changed().await.is_ok() {}
        }
        // In any case: somebody else may have fetched them in between.
        let held = self.held().ok_or(NoKey::NoKeys)?;
        match held.set.find(id, algorithm) {
            Found::Key(key) => Ok(key),
            Found::Never | Found::NotYet => Err(NoKey::Unknown),
        }
    }

    /// Whether there are keys; if not, an attempt is made to get some.
    pub(super) fn are_there(&self) -> bool {
        let there = self.held().is_some();
        if !there {
            self.refetch();
        }
        there
    }

    fn held(&self) -> Option<Arc<Held>> {
        self.0.held.load_full().filter(|held| held.since.elapsed() < STALE)
    }

    /// Begins an attempt unless one is under way or the last one was not long ago. What it returns closes at its end.
    fn refetch(&self) -> Option<watch::Receiver<()>> {
        let mut attempts = self.0.attempts();
        if let Some(current) = attempts.current.as_ref().filter(|current| current.has_changed().is_ok()) {
            return Some(current.clone());
        }
        let now = Instant::now();
        if attempts.next.is_some_and(|next| now < next) {
            return None;
        }
        attempts.next = Some(now + self.0.timing.cooldown);
        let (working, done) = watch::channel(());
        attempts.current = Some(done.clone());
        let inner = Arc::clone(&self.0);
        // A task of its own: a client that goes away does not take the attempt with it.
        tokio::spawn(async move {
            if let Err(error) = inner.fetch().await {
                tracing::warn!(error, "the issuer's keys cannot be read; those that are held stay");
            }
            drop(working);
        });
        Some(done)
    }
}

impl Inner {
    async fn fetch(&self) -> Result<(), String> {
        let bytes = (self.source)().await?;
        let set = KeySet::parse(&bytes).map_err(|error| error.to_string())?;
        self.held.store(Some(Arc::new(Held { set, since: Instant::now() })));
        Ok(())
    }

    fn attempts(&self) -> std::sync::MutexGuard<'_, Attempts> {
        // Its fields are independent of each other.
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("timing", &self.0.timing).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
