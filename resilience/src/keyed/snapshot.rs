use crate::Snapshot;
use crate::machine::Counts;

/// A key in trouble, and where it stands.
///
/// Serialisable with the feature `serde`, if the key is.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct KeySnapshot<K> {
    /// The key.
    pub key: K,
    /// Where its breaker stands. The name is that of the registry.
    pub state: Snapshot,
}

/// How many keys are in trouble, and what has been counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct KeyedStats {
    /// Keys that are kept: all that are not in good health.
    pub kept: u64,
    /// Those of them whose callers are refused.
    pub open: u64,
    /// Those of them that are being probed.
    pub half_open: u64,
    /// Keys that were closed, had failures, and were let go because others needed the room.
    pub evicted: u64,
    /// Failures that could not be kept: there was no room, and no key was closed.
    pub overflowed: u64,
    /// Totals of what was not healthy, of all keys since the registry was made.
    pub counts: Counts,
}

/// There is no room for the key: as many as may be kept are, and none of them is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoRoom;

impl std::fmt::Display for NoRoom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("there is no room for another key: as many as may be kept are, and none of them is closed")
    }
}

impl std::error::Error for NoRoom {}
