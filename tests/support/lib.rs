//! Shared by the tests.

pub mod client;
pub mod fixture;

/// The examples of the front page are compiled and run here, where the frameworks are that they use.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
