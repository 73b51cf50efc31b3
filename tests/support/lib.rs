//! Shared by the tests.

pub mod client;
pub mod compare;
pub mod model;
pub mod script;
