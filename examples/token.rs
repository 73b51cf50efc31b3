//! A token for the gateway. `TOKEN=$(cargo run --example token)` makes keys and a token, and says how to start a gateway
//! that takes it; `--help` lists all that can be set.

use examples::{config, process, token};
use std::process::ExitCode;

fn main() -> ExitCode {
    let request = match config::parse::<token::Request>() {
        Ok(request) => request,
        Err(code) => return code,
    };
    match token::make(&request) {
        Ok(made) => {
            eprint!("{}", made.advice);
            println!("{}", made.token);
            ExitCode::SUCCESS
        }
        Err(error) => process::failed(&error),
    }
}
