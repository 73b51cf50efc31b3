#![cfg_attr(docsrs, feature(doc_cfg))]
// The examples of the front page need frameworks; they are compiled and run with the tests of the workspace.
#![cfg_attr(not(doctest), doc = include_str!("../README.md"))]

pub mod breaker;
pub mod classify;
pub mod clock;
#[cfg(feature = "config")]
#[cfg_attr(docsrs, doc(cfg(feature = "config")))]
pub mod config;
pub mod docs;
#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
pub mod hint;
pub mod keyed;
pub mod layer;
pub mod machine;
pub mod observe;
pub mod policy;
#[cfg(feature = "tokio")]
#[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
pub mod probe;
pub mod respond;
#[cfg(feature = "retry")]
#[cfg_attr(docsrs, doc(cfg(feature = "retry")))]
pub mod retry;
#[cfg(feature = "test-util")]
#[cfg_attr(docsrs, doc(cfg(feature = "test-util")))]
pub mod testing;
mod verdict;

pub use breaker::{Breaker, Builder, Permit, Rejected, Snapshot, State};
pub use keyed::Keyed;
pub use layer::{BreakerLayer, BreakerService, KeyedLayer, KeyedService};
pub use machine::{Overlay, Reason};
pub use policy::{Hints, Policy, PolicyError};
pub use verdict::{Hint, Verdict};
