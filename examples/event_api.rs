//! The event API as a program of its own: `cargo run --example event_api`, and `-- --help` for what can be set.

use std::process::ExitCode;

use examples::event_api::{self, Config};
use examples::{config, process};

#[tokio::main]
async fn main() -> ExitCode {
    let config = match config::parse::<Config>() {
        Ok(config) => config,
        Err(code) => return code,
    };
    process::log_to_stderr();
    event_api::run(config).await
}
