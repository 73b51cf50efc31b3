//! What a hostile or unlucky world does to the gateway, and that the table of it at the head of `main.rs` is true.

use super::{Rig, UNKNOWN};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use support::client::raw;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The tests that a table names, each a path and a name: `` `path/of/file.rs::name` ``.
fn named(table: &str) -> BTreeSet<(&str, &str)> {
    table.split('`').filter_map(|word| word.split_once(".rs::").map(|_| word.split_once("::"))?).collect()
}

/// What is named and is not there.
fn missing(table: &str, read: impl Fn(&str) -> String) -> Vec<(&str, &str)> {
    let is_there = |(file, name): &(&str, &str)| read(file).contains(&format!("fn {name}("));
    named(table).into_iter().filter(|test| !is_there(test)).collect()
}

/// The lines of the table.
fn table() -> impl Iterator<Item = &'static str> {
    let lines = include_str!("main.rs").lines().filter_map(|line| line.strip_prefix("//! | "));
    lines.filter(|line| !line.starts_with("case | "))
}

#[test]
fn every_row_of_the_table_names_tests_that_there_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let read = |file: &str| std::fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut rows = 0;
    for row in table() {
        assert!(!named(row).is_empty(), "no test shows that {row}");
        assert_eq!(missing(row, read), [], "there is no such test: {row}");
        rows += 1;
    }
    assert!(rows > 45, "{rows}");
}

#[test]
fn a_test_that_was_renamed_is_missed() {
    let table = "one | happens | `a.rs::kept`, `a.rs::renamed`, `b.rs::kept`";
    let read = |file: &str| if file == "a.rs" { "fn kept() {}\nfn renamed_since() {}" } else { "fn kept_too() {}" };
    assert_eq!(missing(table, |file| read(file).to_owned()), [("a.rs", "renamed"), ("b.rs", "kept")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_be_read_in_two_ways_is_read_in_none_or_ends_the_connection() {
    let rig = Rig::start("healthy", |_| {}).await;
    let received = rig.received();
    let hidden = "GET /getUsers HTTP/1.1\r\nhost: a\r\n\r\n";
    let chunked = format!("0\r\n\r\n{hidden}");
    let length = format!("content-length: {}", chunked.len());
    for (version, fields) in [
        ("1.1", format!("{length}\r\ntransfer-encoding: chunked")),
        ("1.1", format!("transfer-encoding: chunked\r\n{length}")),
        ("1.1", format!("{length}\r\ncontent-length: 0")),
        ("1.1", "content-length: +5".to_owned()),
        ("1.1", "content-length: 5, 5".to_owned()),
        ("1.1", "content-length: 99999999999999999999".to_owned()),
        ("1.1", "transfer-encoding: xchunked".to_owned()),
        ("1.1", "transfer-encoding: chunked, gzip".to_owned()),
        ("1.0", "transfer-encoding: chunked".to_owned()),
        ("1.1", "transfer-encoding : chunked".to_owned()),
        ("1.1", "x-folded: a\r\n transfer-encoding: chunked".to_owned()),
        ("1.1", "x-null: a\0b".to_owned()),
        ("1.1", "x-return: a\rb".to_owned()),
    ] {
        let head = format!("POST /addUser HTTP/{version}\r\nhost: a\r\ncontent-type: application/json\r\n{fields}");
        let answer = raw(rig.gateway.addr(), format!("{head}\r\n\r\n{chunked}").as_bytes()).await;
        assert_eq!(answer.matches("HTTP/1.").count(), 1, "{fields}: {answer}");
        assert!(answer.contains(" 400 "), "{fields}: {answer}");
    }
    assert_eq!(rig.received(), received, "nothing was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_of_any_length_is_none_and_gets_nowhere() {
    let rig = Rig::start("healthy", |_| {}).await;
    let received = rig.received();
    for (length, statuses) in [(36, [400, 400]), (10_000, [400, 400]), (30_000, [400, 400]), (70_000, [414, 431])] {
        let path = format!("/getUserById/{}", "a".repeat(length));
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        let answer = raw(rig.gateway.addr(), request.as_bytes()).await;
        assert!(statuses.iter().any(|status| answer.starts_with(&format!("HTTP/1.1 {status} "))), "{length}: {answer}");
    }
    assert_eq!(rig.received(), received, "nothing was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_closes_its_side_gets_its_answer() {
    let rig = Rig::start("addEvent=slow(200ms)", |_| {}).await;
    let body = json!({ "name": "signed up", "userId": rig.user }).to_string();
    let fields = format!("host: a\r\ncontent-type: application/json\r\ncontent-length: {}", body.len());
    let mut stream = TcpStream::connect(rig.gateway.addr()).await.unwrap();
    stream.write_all(format!("POST /addEvent HTTP/1.1\r\n{fields}\r\n\r\n{body}").as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    timeout(Duration::from_secs(60), stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert_eq!(rig.posted(), 1);
    // What was cut short on the way is another matter.
    let mut stream = TcpStream::connect(rig.gateway.addr()).await.unwrap();
    let half = &body[..body.len() / 2];
    stream.write_all(format!("POST /addEvent HTTP/1.1\r\n{fields}\r\n\r\n{half}").as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    timeout(Duration::from_secs(60), stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(rig.posted(), 1, "it was not sent on");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_id_of_nobody_is_asked_for_each_time_and_never_kept() {
    let rig = Rig::start("healthy", |_| {}).await;
    let received = rig.received();
    for number in 0..50 {
        // Each of them twice: what was not there a moment ago may be by now.
        let path = format!("/getUserById/{}{:02}", &UNKNOWN[..34], number / 2);
        assert_eq!(rig.client.get(&path).await.status, 404);
    }
    assert_eq!(rig.received(), received + 50);
    assert_eq!(rig.add_event().await.status, 201);
}
