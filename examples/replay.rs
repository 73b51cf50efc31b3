//! What a breaker would have done with traffic that was: `cargo run --example replay -- access.log`, and `-- --help` for
//! what can be set.

use examples::{config, replay};
use std::process::ExitCode;

fn main() -> ExitCode {
    match config::parse::<replay::Config>() {
        Ok(config) => replay::run(&config),
        Err(code) => code,
    }
}
