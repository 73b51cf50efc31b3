use super::headers;
use crate::hint::{grpc_forbids_retry, grpc_pushback};
use http::HeaderMap;
use std::time::Duration;

fn ask(value: &str) -> Option<Duration> {
    grpc_pushback(&headers(&[("grpc-retry-pushback-ms", value)]))
}

#[test]
fn milliseconds_are_taken_as_they_are() {
    assert_eq!(ask("1"), Some(Duration::from_millis(1)));
    assert_eq!(ask("1500"), Some(Duration::from_millis(1500)));
    assert_eq!(ask("2147483647"), Some(Duration::from_millis(2_147_483_647)));
}

#[test]
fn do_not_try_again_is_no_wait() {
    for value in ["-1", "-1000", "-2147483648"] {
        assert_eq!(ask(value), None, "{value}");
    }
}

#[test]
fn zero_and_what_is_malformed_is_as_if_absent() {
    for value in
        ["0", "-0", "00", "007", "+5", "", " ", "1.5", "1e3", "2147483648", "99999999999999999999", "5ms", "5, 6"]
    {
        assert_eq!(ask(value), None, "{value:?}");
    }
}

#[test]
fn of_several_values_the_longest_counts_and_one_that_forbids_is_enough() {
    for (values, wait, forbids) in [
        (&["10", "20"][..], Some(20), false),
        (&["20", "10", "0"], Some(20), false),
        (&["0", "0"], None, false),
        (&["10", "20", "x"], Some(20), true),
        (&["-1", "30"], Some(30), true),
        (&["30", "-1"], Some(30), true),
        (&["-1", "-1"], None, true),
        (&["10, 20"], None, true),
    ] {
        let all: Vec<_> = values.iter().map(|value| ("grpc-retry-pushback-ms", *value)).collect();
        let map = headers(&all);
        assert_eq!(grpc_pushback(&map), wait.map(Duration::from_millis), "{values:?}");
        assert_eq!(grpc_forbids_retry(&map), forbids, "{values:?}");
    }
}

#[test]
fn no_header_is_no_wait() {
    assert_eq!(grpc_pushback(&HeaderMap::new()), None);
}
