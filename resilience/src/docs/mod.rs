//! The guide: how to choose, place, configure, see, test and trust a breaker.
//!
//! - [`quick_start`]: a program that refuses, for axum, hyper, reqwest, tonic and the rest;
//! - [`choosing`]: which rule, which numbers;
//! - [`order`]: where the layer stands among timeouts, retries and limits;
//! - [`keys`]: a breaker for each host, route or tenant;
//! - [`compile_errors`]: the classic messages of the compiler, and what to do;
//! - [`configuring`]: the policy from the environment, from a file, and a new one while it runs;
//! - [`observing`]: logs, metrics, dashboards;
//! - [`testing`]: testing your own service without waiting;
//! - [`limitations`]: what to know before you rely on it;
//! - [`comparison`]: beside other breakers, and when not to use one;
//! - [`performance`]: how the healthy path works, and what it costs;
//! - [`tested`]: how all this is tested, and what is not.

pub mod choosing;
pub mod comparison;
pub mod compile_errors;
pub mod configuring;
pub mod keys;
pub mod limitations;
pub mod observing;
pub mod order;
pub mod performance;
pub mod quick_start;
pub mod tested;
pub mod testing;
