//! Shared by the tests.

pub mod client;
