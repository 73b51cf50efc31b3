use super::{headers, secs};
use crate::hint::retry_after;
use http::{HeaderMap, HeaderValue, header::RETRY_AFTER};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Sun, 06 Nov 1994 08:49:37 GMT.
fn now() -> SystemTime {
    UNIX_EPOCH + secs(784_111_777)
}

fn ask(value: &str) -> Option<Duration> {
    retry_after(&headers(&[("retry-after", value)]), now())
}

#[test]
fn seconds_are_taken_as_they_are() {
    assert_eq!(ask("1"), Some(secs(1)));
    assert_eq!(ask("120"), Some(secs(120)));
    assert_eq!(ask("00120"), Some(secs(120)), "leading zeros are digits");
    assert_eq!(ask(" \t120\t "), Some(secs(120)), "blanks around a value are no part of it");
}

#[test]
fn huge_numbers_of_seconds_saturate() {
    let most = Some(secs(u64::MAX));
    assert_eq!(ask("9223372037"), Some(secs(9_223_372_037)), "overflows as nanoseconds in 64 bits");
    assert_eq!(ask("18446744073709551615"), most);
    assert_eq!(ask("18446744073709551616"), most);
    assert_eq!(ask(&"9".repeat(10_000)), most);
}

#[test]
fn all_three_notations_of_a_date_are_read() {
    assert_eq!(ask("Sun, 06 Nov 1994 08:49:47 GMT"), Some(secs(10)));
    assert_eq!(ask("Sunday, 06-Nov-94 08:49:47 GMT"), Some(secs(10)));
    assert_eq!(ask("Sun Nov  6 08:49:47 1994"), Some(secs(10)));
    assert_eq!(ask("Fri, 31 Dec 9999 23:59:59 GMT"), Some(secs(253_402_300_799 - 784_111_777)));
}

#[test]
fn a_date_less_than_a_second_away_is_not_rounded_to_nothing() {
    let map = headers(&[("retry-after", "Sun, 06 Nov 1994 08:49:38 GMT")]);
    assert_eq!(retry_after(&map, now() + Duration::from_millis(900)), Some(Duration::from_millis(100)));
}

#[test]
fn zero_the_present_and_the_past_are_as_if_absent() {
    assert_eq!(ask("0"), None);
    assert_eq!(ask("000"), None);
    assert_eq!(ask("Sun, 06 Nov 1994 08:49:37 GMT"), None);
    assert_eq!(ask("Sun, 06 Nov 1994 08:49:36 GMT"), None);
    assert_eq!(ask("Thu, 01 Jan 1970 00:00:00 GMT"), None);
}

#[test]
fn a_clock_before_the_epoch_does_no_harm() {
    let map = headers(&[("retry-after", "Thu, 01 Jan 1970 00:00:00 GMT")]);
    assert_eq!(retry_after(&map, UNIX_EPOCH - secs(5)), Some(secs(5)));
}

#[test]
fn what_is_malformed_is_as_if_absent() {
    for value in [
        "",
        " ",
        "-1",
        "-0",
        "+1",
        "1.5",
        "1,5",
        "1e3",
        "0x10",
        "1 2",
        "1s",
        "120, 60",
        "120;",
        "soon",
        "NaN",
        "\"120\"",
        "Sun, 06 Nov 1994 08:49:47",
        "Sun, 06 Nov 1994 08:49:47 CET",
        "Mon, 06 Nov 1994 08:49:47 GMT",
        "Sun, 31 Feb 1995 08:49:47 GMT",
        "Sun, 06 Nov 1994 25:49:47 GMT",
        "Sun, 06 Nov 1994 08:49:60 GMT",
        "sun, 06 nov 1994 08:49:47 gmt",
        "1994-11-06T08:49:47Z",
        "Sun, 06 Nov 94 08:49:47 GMT",
        "Fri, 31 Dec 1969 23:59:59 GMT",
    ] {
        assert_eq!(ask(value), None, "{value:?}");
    }
}

#[test]
fn bytes_that_are_no_text_are_as_if_absent() {
    let mut map = HeaderMap::new();
    map.insert(RETRY_AFTER, HeaderValue::from_bytes(b"12\xff").unwrap());
    assert_eq!(retry_after(&map, now()), None);
    map.insert(RETRY_AFTER, HeaderValue::from_bytes("１２".as_bytes()).unwrap());
    assert_eq!(retry_after(&map, now()), None, "digits of another script");
}

#[test]
fn of_several_lines_the_longest_wait_counts() {
    let several = |values: &[&str]| {
        let pairs: Vec<_> = values.iter().map(|value| ("retry-after", *value)).collect();
        retry_after(&headers(&pairs), now())
    };
    assert_eq!(several(&["5", "120"]), Some(secs(120)));
    assert_eq!(several(&["120", "5"]), Some(secs(120)));
    assert_eq!(several(&["5", "Sun, 06 Nov 1994 08:49:47 GMT"]), Some(secs(10)));
    assert_eq!(several(&["garbage", "5", "-7"]), Some(secs(5)));
    assert_eq!(several(&["garbage", "0"]), None);
}

#[test]
fn the_clock_is_left_alone_where_no_date_is_given() {
    let read = |value: &str| {
        super::super::retry_after::read(&headers(&[("retry-after", value)]), || unreachable!("nobody needs the time"))
    };
    assert_eq!(read("5"), Some(secs(5)));
    assert_eq!(read("soon"), None);
}

#[test]
fn without_a_clock_a_date_is_no_hint() {
    let map = headers(&[("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT")]);
    assert_eq!(super::super::retry_after::read(&map, || None), None);
}
