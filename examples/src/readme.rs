//! What `README.md` beside these sources promises is compared with what the programs take and answer.

use crate::{event_api, gateway, load, token};
use clap::{Arg, Command, CommandFactory};

const README: &str = include_str!("../README.md");

/// The table of all that a program takes, by variable or by flag.
fn table(command: &Command, name: impl Fn(&Arg) -> Option<String>) -> String {
    let row = |argument: &Arg| {
        let name = name(argument)?;
        let default: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        let default = if default.is_empty() { "none".to_owned() } else { format!("`{}`", default.join(" ")) };
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default().replace('|', "\\|");
        Some(format!("| `{name}` | {default} | {help} |"))
    };
    command.get_arguments().filter_map(row).collect::<Vec<_>>().join("\n")
}

fn variable(argument: &Arg) -> Option<String> {
    argument.get_env().map(|name| name.to_string_lossy().into_owned())
}

#[test]
fn every_variable_stands_there_with_its_default() {
    for command in [gateway::Config::command(), event_api::Config::command(), token::Request::command()] {
        let table = table(&command, variable);
        assert!(README.contains(&format!("|\n{table}\n\n")), "{} takes\n{table}", command.get_name());
    }
}

#[test]
fn every_flag_of_the_load_generator_stands_there_with_its_default() {
    // Those of the breaker are the gateway's.
    let own = |argument: &Arg| {
        let breaker = argument.get_env().is_some_and(|name| {
            let name = name.to_string_lossy();
            name == "POLICY_FILE" || name.starts_with("RESILIENCE_")
        });
        argument.get_long().filter(|_| !breaker).map(|flag| format!("--{flag}"))
    };
    let table = table(&load::Config::command(), own);
    assert!(README.contains(&format!("|\n{table}\n\n")), "load takes\n{table}");
}

#[test]
fn every_route_stands_there_with_its_curl() {
    let sources = [include_str!("gateway/routes.rs"), include_str!("event_api/routes.rs")];
    let mut seen = 0;
    for (source, method) in sources.iter().flat_map(|source| ["get", "post", "put"].map(|method| (source, method))) {
        for rest in source.split(&format!(".{method}(\"")).skip(1) {
            let route = rest.split('"').next().unwrap();
            seen += 1;
            let name = format!("`{} {route}`", method.to_uppercase());
            let path = route.split('{').next().unwrap();
            let row = README.lines().find(|line| line.starts_with("| ") && line.contains(&name));
            let row = row.unwrap_or_else(|| panic!("{name} has no row"));
            assert!(row.contains("`curl ") && row.contains(path), "{row}");
        }
    }
    assert!(seen > 20, "{seen}");
}
