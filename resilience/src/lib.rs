#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc = include_str!("../README.md")]

pub mod breaker;
pub mod clock;
pub mod machine;
pub mod observe;
pub mod policy;
mod verdict;

pub use breaker::{Breaker, Builder, Permit, Rejected, Snapshot, State};
pub use machine::{Overlay, Reason};
pub use policy::{Hints, Policy, PolicyError};
pub use verdict::{Hint, Verdict};
