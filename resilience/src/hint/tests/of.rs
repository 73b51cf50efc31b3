use super::{headers, secs};
use crate::clock::wall;
use crate::{Hint, hint};
use http::{HeaderMap, StatusCode};

const EXHAUSTED: (&str, &str) = ("ratelimit", r#""a";r=0;t=30"#);
const SOME_LEFT: (&str, &str) = ("ratelimit", r#""a";r=5;t=30"#);

fn of(status: u16, pairs: &[(&'static str, &str)]) -> Option<Hint> {
    hint::of(StatusCode::from_u16(status).unwrap(), &headers(pairs), wall().unwrap())
}

#[test]
fn without_headers_there_is_no_hint() {
    assert_eq!(hint::of(StatusCode::SERVICE_UNAVAILABLE, &HeaderMap::new(), wall().unwrap()), None);
}

#[test]
fn a_hint_limits_on_503_and_429_only() {
    for status in [429, 503] {
        assert_eq!(of(status, &[("retry-after", "5")]), Some(Hint::limiting(secs(5))), "{status}");
    }
    for status in [500, 502, 504, 404, 200] {
        assert_eq!(of(status, &[("retry-after", "5")]), Some(Hint::after(secs(5))), "{status}");
    }
}

#[test]
fn a_reset_is_a_hint_where_the_quota_is_used_up_or_on_429() {
    assert_eq!(of(503, &[EXHAUSTED]), Some(Hint::limiting(secs(30))));
    assert_eq!(of(500, &[EXHAUSTED]), Some(Hint::after(secs(30))));
    assert_eq!(of(429, &[EXHAUSTED]), Some(Hint::limiting(secs(30))));
    assert_eq!(of(429, &[SOME_LEFT]), Some(Hint::limiting(secs(30))));
    assert_eq!(of(503, &[SOME_LEFT]), None);
    assert_eq!(of(429, &[("ratelimit", r#""a";r=0;t=0"#)]), None, "no wait at all");
    assert_eq!(of(429, &[("ratelimit", r#""a";r=0"#)]), None, "until when is not said");
}

#[test]
fn retry_after_wins_over_the_rate_limit_even_if_it_is_shorter() {
    assert_eq!(of(429, &[("retry-after", "5"), EXHAUSTED]), Some(Hint::limiting(secs(5))));
}

#[test]
fn a_retry_after_that_says_nothing_leaves_it_to_the_rate_limit() {
    for nothing in ["0", "-1", "soon", "Thu, 01 Jan 1970 00:00:00 GMT"] {
        assert_eq!(of(429, &[("retry-after", nothing), EXHAUSTED]), Some(Hint::limiting(secs(30))), "{nothing}");
    }
}

#[test]
fn with_the_clock_of_the_machine_a_date_counts_from_now() {
    let date = httpdate::fmt_http_date(wall().unwrap() + secs(3600));
    let hint = hint::now(StatusCode::SERVICE_UNAVAILABLE, &headers(&[("retry-after", &date)])).unwrap();
    assert!(hint.wait() > secs(3000) && hint.wait() <= secs(3600), "{:?}", hint.wait());
}
