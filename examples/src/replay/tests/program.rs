//! The program from its flags to what it prints.

use crate::replay::{Config, report};
use clap::Parser;
use serde_json::Value;
use std::io::Write;
use tempfile::NamedTempFile;

/// What it prints, or the one line that says why it does not. Standard input is `input`.
fn printed(input: &str, flags: &[&str]) -> Result<String, String> {
    let config = Config::try_parse_from([&["replay"], flags].concat()).map_err(|error| error.to_string())?;
    report(&config, input.as_bytes()).map_err(|error| error.to_string())
}

/// A call a second, with these statuses.
fn log(statuses: &[u16]) -> String {
    let line = |(second, status)| format!("{{\"ts\":{},\"status\":{status},\"took\":0.1}}\n", 971_211_336.5 + second);
    (0..).map(f64::from).zip(statuses).map(line).collect()
}

#[test]
fn several_policies_stand_side_by_side_with_their_trips() {
    let log = log(&[200, 500, 500, 500, 200, 500, 200]);
    let flags = ["-", "--policy", "default", "--policy", "strict:failures=2,delay=2s,stages=1"];
    let text = printed(&log, &flags).unwrap();
    for line in [
        "standard input: 7 calls in 6.1 s, from 2000-10-10T20:55:36.400Z on",
        "3 were answered, 4 failed, 0 say nothing of the upstream; half took up to 100 ms, the longest 100 ms",
        "                                     default   strict",
        "trips                                      2        2",
        "  rightly, of 4 that failed                0        1",
        "  in vain, of 3 that were answered         2        2",
        "default: the defaults",
        "strict: failures=2,delay=2s,stages=1",
        "  2000-10-10T20:55:39.500Z   3 failures within 2 s        1 s         1              –",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
}

#[test]
fn what_only_some_policies_refuse_has_a_row_of_its_own() {
    let rows = ["  neither ", "  for the quota "];
    let log = log(&[500, 500, 500, 408, 200, 200]);
    let text = printed(&log, &["-", "--policy", "a:delay=2s", "--policy", "b:quota=10,quota-time=1h"]).unwrap();
    assert!(rows.iter().all(|row| text.lines().any(|line| line.starts_with(row))), "{text}");
    let text = printed(&log, &["-", "--policy", "a:failures=9"]).unwrap();
    assert!(!rows.iter().any(|row| text.contains(row)), "{text}");
}

#[test]
fn the_same_for_machines_tells_all_trips_and_the_lines_that_cannot_be_read() {
    let log = log(&[500; 9]) + "nonsense\n";
    let flags = ["-", "--json", "--trips", "0", "--policy", "x:failures=1,delays=1s"];
    let document: Value = serde_json::from_str(&printed(&log, &flags).unwrap()).unwrap();
    let policy = &document["policies"][0];
    assert_eq!(document["traffic"]["failed"], 9);
    assert_eq!(document["unreadable"]["first"][0]["line"], 10, "{document}");
    assert_eq!(policy["policy"]["window"]["failures"], 1);
    let trips = policy["trips"].as_array().unwrap();
    assert_eq!((trips.len(), &trips[0]["rule"], &trips[1]["rule"]), (5, &"failure_window".into(), &"probe".into()));
    assert_eq!((&trips[0]["open_for_ms"], &trips[0]["refused"]["calls"]), (&1000.0.into(), &1.into()));
    assert_eq!(policy["let_through"]["failed"], 5);
    assert_eq!(policy["refused_for"]["open"], 4);
}

#[test]
fn trips_that_are_not_listed_are_counted() {
    let text = printed(&log(&[500; 9]), &["-", "--trips", "2", "--policy", "x:failures=1,delays=1s"]).unwrap();
    assert_eq!(text.lines().filter(|line| line.starts_with("  2000-")).count(), 2, "{text}");
    assert!(text.ends_with("  … and 3 more: --trips\n"), "{text}");
}

#[test]
fn logs_are_played_together_and_only_what_was_asked_for() {
    let mut second = NamedTempFile::new().unwrap();
    writeln!(second, r#"{{"ts":971211330,"status":502,"host":"A.example","path":"/a/1"}}"#).unwrap();
    writeln!(second, r#"{{"ts":971211331,"status":502,"host":"b.example","path":"/a/2"}}"#).unwrap();
    writeln!(second, r#"{{"ts":971211332,"status":404,"host":"a.example","path":"/b/1"}}"#).unwrap();
    let second = second.path().to_str().unwrap();
    let first = r#"{"ts":971211336,"status":200,"host":"a.example","path":"/a/3"}"#;
    let flags = ["-", second, "--host", "a.example", "--path", "/a/", "--json", "--failing", "404,500"];
    let document: Value = serde_json::from_str(&printed(first, &flags).unwrap()).unwrap();
    assert_eq!((&document["traffic"]["calls"], &document["passed_over"]), (&2.into(), &2.into()));
    assert_eq!(document["traffic"]["failed"], 0, "502 is none of those that are failures here");
    assert_eq!(document["from"], "2000-10-10T20:55:30.000Z");
    assert_eq!((&document["without_duration"], &document["in_whole_seconds"]), (&2.into(), &2.into()));
}

#[test]
fn what_cannot_be_played_is_one_line_that_says_why() {
    let good = log(&[200]);
    for (input, flags, said) in [
        ("", &["-"][..], "standard input: no call to play: there is no line"),
        (" \n\n", &["-"], "standard input: no call to play: there is no line"),
        (
            "a\nb\n",
            &["-"],
            "standard input: no call to play: of 2 lines none can be read; standard input:1: no time in brackets",
        ),
        (
            &good,
            &["-", "--path", "/x"],
            "standard input: no call to play: of 1 lines none can be read; standard input:1: no path",
        ),
        (
            "{\"ts\":1,\"status\":200,\"path\":\"/\"}",
            &["-", "--path", "/x"],
            "standard input: no call to play: --path and --host pass over all 1",
        ),
        (&good, &["/nowhere/access.log"], "/nowhere/access.log: No such file"),
        (&good, &["-", "--policy", "a:failures=0"], "--policy a: FAILURES: is 0; must be from 1 to"),
        (&good, &["-", "--policy", "a=/nowhere/a.toml"], "--policy a: /nowhere/a.toml: No such file"),
        (&good, &["-", "--policy", "default", "--policy", "default"], "--policy default: there are two of this name"),
        (&good, &["-", "--policy", "nonsense"], "error: invalid value 'nonsense' for '--policy <POLICY>'"),
        (&good, &["-", "--unit", "h"], "error: invalid value 'h' for '--unit <UNIT>'"),
        (&good, &["-", "--failing", "5xx"], "error: invalid value '5xx' for '--failing <STATUSES>'"),
        (&good, &[], "error: the following required arguments were not provided"),
    ] {
        let error = printed(input, flags).unwrap_err();
        assert!(error.starts_with(said), "{error} and not {said}");
    }
}
