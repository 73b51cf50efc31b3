//! The replay as a program: a report is on standard output, with the exit code 0; why there is none is one line on standard
//! error, with another.

use std::process::{Output, Stdio};
use support::process::{LONGEST, command};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/assets/access.log");

async fn replayed(flags: &[&str]) -> Output {
    timeout(LONGEST, command("replay", &[]).args(flags).output()).await.unwrap().unwrap()
}

async fn replayed_from_standard_input(log: &str, flags: &[&str]) -> Output {
    let mut child = command("replay", &[]).args(flags).stdin(Stdio::piped()).spawn().unwrap();
    // Dropped when it is written, which is the end of the log.
    child.stdin.take().unwrap().write_all(log.as_bytes()).await.unwrap();
    timeout(LONGEST, child.wait_with_output()).await.unwrap().unwrap()
}

#[track_caller]
fn is_a_report(output: Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn is_an_error(output: Output, parts: &[&str]) {
    assert!(matches!(output.status.code(), Some(1..)), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.starts_with("error: "), "{said}");
    for part in parts {
        assert!(said.contains(part), "{part} in {said}");
    }
}

#[tokio::test]
async fn a_good_log_is_a_report_for_people_and_for_machines() {
    let text = is_a_report(replayed(&[SAMPLE, "--policy", "default", "--policy", "patient:failures=5"]).await);
    assert!(text.contains("access.log: ") && text.contains("\npatient: failures=5\n"), "{text}");
    let document: serde_json::Value =
        serde_json::from_str(&is_a_report(replayed(&[SAMPLE, "--json"]).await)).expect("a document");
    assert!(document["traffic"]["calls"].as_u64() > Some(0), "{document}");
}

#[tokio::test]
async fn a_log_may_come_by_standard_input() {
    let log = std::fs::read_to_string(SAMPLE).unwrap();
    let text = is_a_report(replayed_from_standard_input(&log, &["-"]).await);
    assert!(text.starts_with("standard input: "), "{text}");
}

#[tokio::test]
async fn a_reader_that_has_seen_enough_is_no_failure() {
    let mut child = command("replay", &[]).args([SAMPLE, "--json"]).spawn().unwrap();
    drop(child.stdout.take());
    let output = timeout(LONGEST, child.wait_with_output()).await.unwrap().unwrap();
    assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]), "{output:?}");
}

#[tokio::test]
async fn a_log_that_is_missing_or_empty_is_one_line_that_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let in_it = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (missing, empty, garbage) = (in_it("missing.log"), in_it("empty.log"), in_it("garbage.log"));
    std::fs::write(&empty, "").unwrap();
    std::fs::write(&garbage, "neither\nnor\n").unwrap();
    is_an_error(replayed(&[&missing]).await, &[&missing]);
    is_an_error(replayed(&[SAMPLE, &missing]).await, &[&missing]);
    is_an_error(replayed(&[&empty]).await, &[&empty, "there is no line"]);
    is_an_error(replayed(&[&garbage]).await, &[&garbage, "of 2 lines none can be read"]);
    is_an_error(replayed_from_standard_input("", &["-"]).await, &["standard input", "there is no line"]);
}

#[tokio::test]
async fn a_bad_policy_is_one_line_that_names_the_field_and_where_it_stands() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("orders.toml");
    std::fs::write(&file, "[window]\nfailures = 0\n").unwrap();
    let file = file.to_str().unwrap();
    for (policy, parts) in [
        ("orders:failures=0", &["--policy orders: ", "FAILURES"][..]),
        ("orders:failure=3", &["--policy orders: ", "FAILURES?"]),
        ("orders:within=soon", &["--policy orders: ", "WINDOW"]),
        ("orders:failures=1,failures=2", &["--policy", "FAILURES is set twice"]),
        ("nonsense", &["--policy", "nonsense", "expected NAME=FILE.toml"]),
        (file, &["--policy orders: ", file, "window.failures"]),
        ("orders=/nowhere/orders.toml", &["--policy orders: ", "/nowhere/orders.toml"]),
    ] {
        is_an_error(replayed(&[SAMPLE, "--policy", policy]).await, parts);
    }
}

#[tokio::test]
async fn no_log_at_all_or_an_unknown_flag_is_one_line_that_names_it() {
    is_an_error(replayed(&[]).await, &["<LOG>"]);
    is_an_error(replayed(&[SAMPLE, "--polizy", "default"]).await, &["--polizy"]);
}
