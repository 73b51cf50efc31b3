//! The event API as the gateway sees it: a pooled client, typed calls, and one word for each way in which they fail.

mod api;
mod client;
mod trouble;

pub(crate) use api::{REPLAYED, Upstream};
pub(crate) use client::{Base, ClientSettings, HttpClient, tcp};
pub(crate) use trouble::Trouble;

#[cfg(test)]
mod tests;
