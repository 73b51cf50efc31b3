//! Shared by the tests.

pub mod compare;
pub mod model;
pub mod script;
