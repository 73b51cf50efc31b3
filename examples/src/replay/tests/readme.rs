//! What `README.md` shows of the replay is compared with what the program takes and prints.

use crate::replay::{Config, report};
use clap::{CommandFactory, Parser};
use std::path::Path;

const README: &str = include_str!("../../../README.md");

#[test]
fn what_it_shows_is_what_its_command_prints() {
    // As a shell would split it; nothing in it is escaped but the ends of its lines.
    let readme = README.replace("\\\n", " ");
    let command = readme.lines().find_map(|line| line.strip_prefix("$ cargo run --example replay -- ")).unwrap();
    let quoted = command.split('\'').enumerate();
    let words = quoted.flat_map(|(place, text)| match place % 2 {
        0 => text.split_whitespace().collect(),
        _ => vec![text],
    });
    let mut config = Config::try_parse_from(std::iter::once("replay").chain(words)).unwrap();
    // The command is one of the workspace's directory.
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for log in &mut config.logs {
        *log = workspace.join(&log);
    }
    let prefix = format!("{}/", workspace.display());
    let printed = report(&config, std::io::empty()).unwrap().replace(&prefix, "");
    assert!(README.contains(&format!("```text\n{printed}```\n")), "{command}\nprints\n{printed}");
}

#[test]
fn every_flag_stands_there_with_its_default() {
    let command = Config::command();
    let row = |argument: &clap::Arg| {
        let flag = argument.get_long()?;
        let default = argument.get_default_values().first().filter(|_| argument.get_action().takes_values());
        let default = default.map_or_else(|| "none".to_owned(), |value| format!("`{}`", value.to_string_lossy()));
        Some(format!("| `--{flag}` | {default} | {} |", argument.get_help().unwrap()))
    };
    let table = command.get_arguments().filter_map(row).collect::<Vec<_>>().join("\n");
    assert!(README.contains(&format!("|\n{table}\n")), "it takes\n{table}");
}
