//! The breaker against a reference model that was written apart from it.
#![allow(missing_docs)]

mod by_hand;
mod explore;
mod random;
mod real;
mod regressions;
mod wrong;
