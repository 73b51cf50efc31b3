//! The gateway. `cargo run --example gateway` alone brings everything up and says where to look; `--help` lists all that
//! can be set.

use examples::{config, gateway, process};
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    process::log_to_stderr();
    match config::parse::<gateway::Config>() {
        Ok(config) => gateway::run(config).await,
        Err(code) => code,
    }
}
