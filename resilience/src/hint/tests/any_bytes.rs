//! Whatever the bytes, nothing panics, and what is read keeps its promises.

use crate::hint::{grpc_pushback, of, rate_limit, retry_after, structured};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use proptest::prelude::*;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const NAMES: [&str; 7] = [
    "retry-after",
    "ratelimit",
    "ratelimit-policy",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "grpc-retry-pushback-ms",
];

/// Bytes of all kinds, but more of those that mean something to a parser.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let telling = prop::sample::select(br#"0123456789-+.,;="\()?@%:* abrtqwRz/GMTSun"#.to_vec());
    let dates = "(Mon|Sun|Sunday), [0-3]{2}[- ](Jan|Feb|Nov)[- ][0-9]{2,4} [0-9]{2}:[0-9]{2}:[0-9]{2} (GMT|UTC)";
    let limits = r#""?[a-c]"?;r=-?[0-9]{1,17};t=[0-9.]{1,6}(, "b";r=0;t=3[;=]?)?"#;
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        prop::collection::vec(telling, 0..40),
        dates.prop_map(String::into_bytes),
        limits.prop_map(String::into_bytes),
        "-?[0-9]{0,30}".prop_map(String::into_bytes),
    ]
}

/// Headers of any bytes that a connection lets through.
fn any_headers() -> impl Strategy<Value = HeaderMap> {
    prop::collection::vec((prop::sample::select(NAMES.to_vec()), value()), 0..8).prop_map(|pairs| {
        pairs
            .into_iter()
            .filter_map(|(name, value)| Some((HeaderName::from_static(name), HeaderValue::from_bytes(&value).ok()?)))
            .collect()
    })
}

fn any_time() -> impl Strategy<Value = SystemTime> {
    prop_oneof![
        (0..4_000_000_000_u64, 0..1_000_000_000_u32).prop_map(|(secs, nanos)| UNIX_EPOCH + Duration::new(secs, nanos)),
        (0..4_000_000_000_u64).prop_map(|secs| UNIX_EPOCH - Duration::from_secs(secs)),
    ]
}

proptest! {
    #[test]
    fn no_bytes_make_a_parser_panic_and_no_wait_is_zero(map in any_headers(), now in any_time(), status in 100_u16..1000) {
        let wait = retry_after(&map, now);
        prop_assert!(wait.is_none_or(|wait| !wait.is_zero()));
        prop_assert!(grpc_pushback(&map).is_none_or(|wait| !wait.is_zero() && wait.as_millis() <= 0x7fff_ffff));

        let status = StatusCode::from_u16(status).unwrap();
        let hint = of(status, &map, now);
        prop_assert!(hint.is_none_or(|hint| !hint.wait().is_zero()));
        let quota = rate_limit(&map).filter(|quota| quota.is_exhausted() || status == StatusCode::TOO_MANY_REQUESTS);
        let reset = quota.and_then(|quota| quota.reset()).filter(|reset| !reset.is_zero());
        prop_assert_eq!(hint.map(crate::Hint::wait), wait.or(reset));
    }

    #[test]
    fn a_structured_field_is_the_same_however_often_it_is_read(bytes in value()) {
        if let Ok(value) = HeaderValue::from_bytes(&bytes) {
            let name = HeaderName::from_static("field");
            let map = HeaderMap::from_iter([(name.clone(), value)]);
            let read = || {
                let mut members = 0;
                let result = structured::list(&map, &name, |member| {
                    let _ = (member.parameter("r"), member.item.name().map(|text| text.is("x")));
                    members += 1;
                    Ok(())
                });
                (result, members)
            };
            prop_assert_eq!(read(), read());
            let _ = structured::dictionary(&map, &name, |_, item| item.count().map(drop));
        }
    }

    #[test]
    fn every_number_of_seconds_comes_back(secs in 1_u64..) {
        let map = HeaderMap::from_iter([(http::header::RETRY_AFTER, HeaderValue::from(secs))]);
        prop_assert_eq!(retry_after(&map, UNIX_EPOCH), Some(Duration::from_secs(secs)));
    }

    #[test]
    fn every_date_to_come_comes_back(secs in 1_u64..253_402_300_800) {
        let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(secs));
        let map = HeaderMap::from_iter([(http::header::RETRY_AFTER, HeaderValue::from_str(&date).unwrap())]);
        prop_assert_eq!(retry_after(&map, UNIX_EPOCH), Some(Duration::from_secs(secs)));
    }

    #[test]
    fn every_pushback_comes_back(millis in any::<i32>()) {
        let map = HeaderMap::from_iter([(HeaderName::from_static("grpc-retry-pushback-ms"), HeaderValue::from(millis))]);
        let expected = u64::try_from(millis).ok().filter(|millis| *millis > 0).map(Duration::from_millis);
        prop_assert_eq!(grpc_pushback(&map), expected);
    }

    #[test]
    fn every_quota_comes_back(remaining in 0..1_000_000_000_000_000_u64, reset in 0..1_000_000_000_u64) {
        let value = HeaderValue::from_str(&format!("\"a\";r={remaining};t={reset}")).unwrap();
        let map = HeaderMap::from_iter([(HeaderName::from_static("ratelimit"), value)]);
        let quota = rate_limit(&map).unwrap();
        prop_assert_eq!(quota.remaining(), Some(remaining));
        prop_assert_eq!(quota.reset(), Some(Duration::from_secs(reset)));
    }
}
