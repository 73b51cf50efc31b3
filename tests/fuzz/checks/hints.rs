//! Headers of any bytes: nothing panics, and what is read of them keeps its promises.
//!
//! One line a header, `name: value`; what is no header is none.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use resilience::clock::Manual;
use resilience::hint;
use resilience::{Breaker, Hints, Verdict};
use std::time::{Duration, UNIX_EPOCH};

fn headers(data: &[u8]) -> HeaderMap {
    let lines = data.split(|byte| *byte == b'\n').filter_map(|line| {
        let at = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..at]).ok()?;
        Some((name, HeaderValue::from_bytes(line[at + 1..].trim_ascii()).ok()?))
    });
    let mut headers = HeaderMap::new();
    for (name, value) in lines.take(100) {
        headers.append(name, value);
    }
    headers
}

/// Whether there was a hint in it.
pub(crate) fn check(data: &[u8]) -> bool {
    let headers = headers(data);
    // Sat, 08 Nov 2025, a few minutes past noon.
    let now = UNIX_EPOCH + Duration::from_secs(1_762_603_500);
    let wait = hint::retry_after(&headers, now);
    let quota = hint::rate_limit(&headers);
    let pushback = hint::grpc_pushback(&headers);
    if headers.get_all("grpc-retry-pushback-ms").iter().count() == 1 {
        assert!(!(hint::grpc_forbids_retry(&headers) && pushback.is_some()), "not at all, and then: when");
    }
    if let Some(quota) = quota {
        assert_eq!(quota.is_exhausted(), quota.remaining() == Some(0));
    }
    let mut heard_any = false;
    for status in [200, 429, 503].map(|status| StatusCode::from_u16(status).unwrap()) {
        let Some(hint) = hint::of(status, &headers, now) else { continue };
        heard_any = true;
        let heard = [wait, quota.and_then(|quota| quota.reset()), pushback].into_iter().flatten().max();
        assert!(heard.is_some_and(|heard| hint.wait() <= heard), "{hint:?} of {headers:?}");
        for hints in [Hints::Extend, Hints::Obey, Hints::Ignore] {
            let breaker =
                Breaker::builder().hints(hints).max_hint(Duration::from_secs(300)).jitter(0.1).clock(Manual::new());
            let breaker = breaker.build().unwrap();
            for _ in 0..3 {
                match breaker.try_acquire() {
                    Ok(permit) => permit.record(Verdict::Failure(Some(hint))),
                    Err(rejected) => {
                        assert!(rejected.retry_after() <= Duration::from_secs(330), "{rejected:?}");
                        assert!(hints != Hints::Ignore || rejected.retry_after() <= Duration::from_millis(1100));
                    }
                }
            }
            assert!(breaker.try_acquire().is_err());
        }
    }
    heard_any
}
