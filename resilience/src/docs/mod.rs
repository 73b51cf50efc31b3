//! The guide: how to choose, place, test and trust a breaker.
//!
//! - [`choosing`]: which rule, which numbers;
//! - [`order`]: where the layer stands among timeouts, retries and limits;
//! - [`testing`]: testing your own service without waiting;
//! - [`limitations`]: what to know before you rely on it;
//! - [`performance`]: how the healthy path works, and what it costs.

pub mod choosing;
pub mod limitations;
pub mod order;
pub mod performance;
pub mod testing;
