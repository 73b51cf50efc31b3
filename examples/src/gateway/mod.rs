//! Gateway.
mod auth;
mod cache;
mod config;
mod metrics;
mod page;
mod status;
mod upstream;
