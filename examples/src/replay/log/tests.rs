use super::*;
use proptest::prelude::*;

const NGINX: &str = r#"192.0.2.1 - - [10/Oct/2000:13:55:36 -0700] "POST /a HTTP/1.1" 502 5 "-" "curl" 0.250"#;
const JSON: &str = r#"{"start_time":"2000-10-10T20:55:36.5Z","status":499,"took":"1.5s"}"#;

fn read(bytes: &[u8], reading: &Reading) -> Log {
    let mut log = Log::default();
    log.read("a.log", bytes, reading).unwrap();
    log
}

#[test]
fn a_call_begins_when_its_line_was_written_less_the_time_that_it_took() {
    let log = read(format!("{NGINX}\r\n\n{JSON}").as_bytes(), &Reading::default());
    let ended = Entry { start: 971_211_335_750_000, took: 250_000, outcome: Outcome::Failure };
    let started = Entry { start: 971_211_336_500_000, took: 1_500_000, outcome: Outcome::GivenUp };
    assert_eq!(log.entries, [ended, started]);
    assert_eq!((log.untimed, log.whole_seconds, log.unreadable), (0, 1, Unreadable::default()));
    // Apache writes when the request came.
    let log = read(NGINX.as_bytes(), &Reading { edge: Edge::Start, ..Reading::default() });
    assert_eq!(log.entries[0].start, 971_211_336_000_000);
}

#[test]
fn a_call_takes_no_more_memory_than_is_said() {
    assert_eq!(size_of::<Entry>(), 24);
}

#[test]
fn outcomes_are_the_verdicts_of_the_layer() {
    let outcome = |status| Reading::default().outcome(status);
    for (status, expected) in [
        (200, Outcome::Success),
        (304, Outcome::Success),
        (404, Outcome::Reachable),
        (408, Outcome::Ignored),
        (425, Outcome::Ignored),
        (429, Outcome::Failure),
        (499, Outcome::GivenUp),
        (500, Outcome::Failure),
        (999, Outcome::Failure),
    ] {
        assert_eq!(outcome(status), expected, "{status}");
    }
    let reading = Reading { statuses: HttpStatus::failures([502]), ..Reading::default() };
    assert_eq!(
        [429, 500, 502].map(|status| reading.outcome(status)),
        [Outcome::Reachable, Outcome::Reachable, Outcome::Failure]
    );
}

#[test]
fn what_cannot_be_read_is_counted_and_the_first_of_it_shown_with_its_line() {
    let mut bytes = Vec::new();
    for line in 1..=9 {
        bytes.extend_from_slice(if line % 2 == 0 { NGINX.as_bytes() } else { b"\xff\x1b[31m \"soon" });
        bytes.push(b'\n');
    }
    // One that is too long, a call after it, and one that is just not too long.
    bytes.extend(std::iter::repeat_n(b'x', 3 * LONGEST_LINE));
    bytes.extend_from_slice(format!("\n{NGINX}\n{NGINX} ").as_bytes());
    bytes.extend(std::iter::repeat_n(b'x', LONGEST_LINE - NGINX.len() - 1));
    let log = read(&bytes, &Reading::default());
    assert_eq!((log.entries.len(), log.unreadable.lines), (6, 6));
    let lines: Vec<u64> = log.unreadable.first.iter().map(|complaint| complaint.line).collect();
    assert_eq!(lines, [1, 3, 5, 7, 9]);
    let shown = log.unreadable.first[0].to_string();
    assert!(shown.starts_with("a.log:1: [31m") || shown.starts_with("a.log:1: no time"), "{shown}");

    let log = read(&[b"x".repeat(LONGEST_LINE + 1), b"\n".to_vec()].concat(), &Reading::default());
    assert_eq!(log.unreadable.first[0].reason, "is longer than 65536 bytes");
}

#[test]
fn a_complaint_is_short_and_moves_no_cursor() {
    let line = format!("[\u{1b}[2J{}] \"GET / HTTP/1.1\" 200 5", "x".repeat(500));
    let log = read(line.as_bytes(), &Reading::default());
    let reason = &log.unreadable.first[0].reason;
    assert!(reason.starts_with("[?[2Jxxx") && reason.ends_with('…') && reason.chars().count() == 121, "{reason:?}");
}

#[test]
fn a_call_that_lasted_for_longer_than_there_is_time_is_none() {
    let log = read(br#"{"start":1e17,"status":200,"took":"18446744073709s"}"#, &Reading::default());
    assert_eq!(log.unreadable.first[0].reason, "lasted for longer than there is time");
    // Before 1970 is a time, too.
    let log = read(br#"{"ts":0,"status":200,"took":"60m"}"#, &Reading::default());
    assert_eq!(log.entries[0].start, -3_600_000_000);
}

/// Bytes of all kinds, and lines that are nearly right.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let telling = prop::sample::select(br#"0123456789-+.,:;="\[]{}/eE tsurGET OctZ"#.to_vec());
    let nearly = |line: &'static str| {
        (0..line.len(), any::<u8>(), any::<bool>()).prop_map(move |(at, byte, cut)| {
            let mut bytes = line.as_bytes().to_vec();
            if cut {
                bytes.truncate(at);
            } else {
                bytes[at] = byte;
            }
            bytes
        })
    };
    let line = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..80),
        prop::collection::vec(telling, 0..80),
        nearly(NGINX),
        nearly(JSON),
        "\\{\"ts\":-?[0-9]{0,20}(\\.[0-9]{1,9})?(e[0-9]{1,3})?,\"status\":[0-9]{1,4},\"took\":-?[0-9]{1,25}\\}"
            .prop_map(String::into_bytes),
    ];
    prop::collection::vec(line, 0..6).prop_map(|lines| lines.join(&b'\n'))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_bytes_every_line_is_a_call_or_a_complaint(bytes in bytes()) {
        let log = read(&bytes, &Reading::default());
        let blank = |line: &&[u8]| String::from_utf8_lossy(line).trim().is_empty();
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !blank(line)).count();
        prop_assert_eq!(log.entries.len() as u64 + log.unreadable.lines, lines as u64);
        for entry in &log.entries {
            prop_assert!(entry.start.checked_add_unsigned(entry.took).is_some());
        }
    }

    #[test]
    fn whatever_is_read_can_be_played_and_told(bytes in bytes()) {
        let log = read(&bytes, &Reading::default());
        let policies = vec![("default".to_owned(), resilience::Policy::default())];
        let report = crate::replay::Report::new("a.log".to_owned(), log, policies).unwrap();
        prop_assert!(report.text(3).contains("let through"));
        prop_assert!(report.json().is_ok());
    }
}
