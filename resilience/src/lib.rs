//! Failure-window backoff as a tower `Layer`.
#![forbid(unsafe_code)]

pub mod classify;
#[cfg(feature = "http")]
pub mod hint;
mod verdict;

pub use verdict::{Hint, Verdict};

/// Placeholder, replaced by the policy module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hints {
    /// Longer of the two.
    Extend,
    /// Never.
    Ignore,
    /// At once.
    Obey,
}
