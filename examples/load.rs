//! The load generator: `cargo run --example load`, and `-- --help` for what can be set.

use examples::{config, load, process};
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    // A gateway in this process tells of each trip; the table at the end does, too.
    process::log_to_stderr_from("error");
    match config::parse::<load::Config>() {
        Ok(config) => load::run(config).await,
        Err(code) => code,
    }
}
