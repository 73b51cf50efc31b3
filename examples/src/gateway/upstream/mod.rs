//! The event API as the gateway sees it: a pooled client, one word for each way in which it can fail.

mod client;
mod trouble;

pub(crate) use client::{Base, ClientSettings, HttpClient};
pub(crate) use trouble::{Refusal, Trouble};

#[cfg(test)]
mod tests;
