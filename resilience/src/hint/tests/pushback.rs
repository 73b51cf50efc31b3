use super::headers;
use crate::hint::grpc_pushback;
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
fn of_several_values_the_longest_counts() {
    let map =
        headers(&[("grpc-retry-pushback-ms", "10"), ("grpc-retry-pushback-ms", "20"), ("grpc-retry-pushback-ms", "x")]);
    assert_eq!(grpc_pushback(&map), Some(Duration::from_millis(20)));
}

#[test]
fn no_header_is_no_wait() {
    assert_eq!(grpc_pushback(&HeaderMap::new()), None);
}
