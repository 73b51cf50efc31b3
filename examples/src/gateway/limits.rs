//! The bounds that are the gateway's own; what its clients may do is bounded as for every server here
//! ([`LimitOptions`](crate::config::LimitOptions)).

use super::cache::CacheSettings;
use crate::config::positive_duration;
use clap::{Args, value_parser};
use std::time::Duration;

/// What the gateway takes from its upstream and what it remembers, each a variable with a default.
#[derive(Args, Clone, Copy, Debug, PartialEq, Eq)]
#[command(next_help_heading = "Bounds towards the upstream")]
pub struct Bounds {
    /// The time for one request to the upstream, from connecting to the last byte of its answer.
    #[arg(long, env = "UPSTREAM_TIMEOUT", default_value = "2s", value_parser = positive_duration)]
    pub upstream_timeout: Duration,
    /// Idle connections to the upstream that are kept.
    #[arg(long, env = "UPSTREAM_IDLE_CONNECTIONS", default_value_t = 64)]
    pub upstream_idle_connections: u32,
    /// The longest answer of the upstream that is read, in bytes.
    #[arg(long, env = "MAX_ANSWER_BYTES", default_value_t = 16_777_216, value_parser = value_parser!(u32).range(1..))]
    pub max_answer_bytes: u32,
    /// Look-ups at a time for one listing of a user's events.
    #[arg(long, env = "FAN_OUT", default_value_t = 16, value_parser = value_parser!(u32).range(1..=1024))]
    pub fan_out: u32,
    /// Remembered items of each kind, of about a KiB each: a larger one takes the place of several.
    #[arg(long, env = "CACHE_ENTRIES", default_value_t = 10_000)]
    pub cache_entries: u64,
    /// How long an item is remembered: what others write straight to the upstream is seen after this at the latest.
    #[arg(long, env = "CACHE_TTL", default_value = "10s", value_parser = positive_duration)]
    pub cache_ttl: Duration,
    /// Status streams at a time.
    #[arg(long, env = "MAX_STREAMS", default_value_t = 16, value_parser = value_parser!(u32).range(..=65_536))]
    pub max_streams: u32,
}

impl Bounds {
    pub(super) fn cache(&self) -> CacheSettings {
        CacheSettings { entries: self.cache_entries, ttl: self.cache_ttl }
    }
}

/// A number of things that are held in memory.
pub(super) fn size(number: u32) -> usize {
    // A u32 that does not fit a usize is no limit at all there.
    usize::try_from(number).unwrap_or(usize::MAX)
}
