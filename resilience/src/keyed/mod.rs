//! A breaker for each key: for each host, route, tenant.

mod builder;
mod control;
mod handle;
mod observe;
mod parent;
mod permit;
mod registry;
mod shard;
mod sieve;
mod snapshot;
mod table;

pub use builder::KeyedBuilder;
pub use handle::Keyed;
pub use observe::{KeyedObserver, WithoutKeys};
pub use permit::KeyedPermit;
pub use snapshot::{KeySnapshot, KeyedStats, NoRoom};

pub(crate) use permit::KeyedCall;

use std::hash::Hash;

/// What can be a key: everything that can be hashed, compared, cloned and sent about.
pub trait Key: Hash + Eq + Clone + Send + Sync + 'static {}

impl<K: Hash + Eq + Clone + Send + Sync + 'static> Key for K {}
