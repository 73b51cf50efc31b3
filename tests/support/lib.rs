//! Shared by the tests.

pub mod client;
pub mod compare;
pub mod fixture;
pub mod model;
#[cfg(feature = "services")]
pub mod process;
pub mod script;

/// The examples of the front page are compiled and run here, where the frameworks are that they use.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
