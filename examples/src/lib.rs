//! The example services as a library: the programs beside it only read their configuration and start what is here.

pub mod config;
pub mod contract;
pub mod event_api;
pub mod gateway;
pub mod http;
pub mod load;
pub mod process;
pub mod replay;
pub mod store;
pub mod token;

#[cfg(test)]
mod readme;
