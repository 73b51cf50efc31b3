//! `grpc-retry-pushback-ms` (gRPC proposal A6).

use super::seconds;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::time::Duration;

static PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

/// The wait that `grpc-retry-pushback-ms` asks for, in the head of a gRPC answer or in its trailers.
///
/// The value is a signed 32-bit integer in ASCII without leading zeros. A negative one means "do not try again", which
/// says nothing about when the service will be well; so it is no wait, and neither are zero and everything malformed.
/// Of several values (the header repeated, by a server or by a proxy on the way) the longest counts, and those that are no
/// wait take nothing from it; a list in one value, like `5, 6`, is malformed.
///
/// ```
/// use http::{HeaderMap, HeaderValue};
/// use resilience::hint::grpc_pushback;
/// use std::time::Duration;
///
/// let ask = |value| {
///     let mut trailers = HeaderMap::new();
///     trailers.insert("grpc-retry-pushback-ms", HeaderValue::from_static(value));
///     grpc_pushback(&trailers)
/// };
/// assert_eq!(ask("1500"), Some(Duration::from_millis(1500)));
/// assert_eq!(ask("-1"), None);
/// assert_eq!(ask("007"), None);
/// assert_eq!(ask("2147483648"), None, "more than 32 bits");
/// ```
#[must_use]
pub fn grpc_pushback(metadata: &HeaderMap) -> Option<Duration> {
    metadata.get_all(&PUSHBACK).into_iter().filter_map(one).max()
}

/// Whether `grpc-retry-pushback-ms` asks not to try again: it does by a negative value, and by one that is malformed. Of
/// several values one that does is enough, whatever the others say.
///
/// ```
/// use http::{HeaderMap, HeaderValue};
/// use resilience::hint::grpc_forbids_retry;
///
/// let asks = |value| {
///     let mut trailers = HeaderMap::new();
///     trailers.insert("grpc-retry-pushback-ms", HeaderValue::from_static(value));
///     grpc_forbids_retry(&trailers)
/// };
/// assert!(asks("-1") && asks("soon"));
/// assert!(!asks("0") && !asks("1500"));
/// assert!(!grpc_forbids_retry(&HeaderMap::new()));
/// ```
#[must_use]
pub fn grpc_forbids_retry(metadata: &HeaderMap) -> bool {
    metadata.get_all(&PUSHBACK).into_iter().any(|value| seconds::trim(value.as_bytes()) != b"0" && one(value).is_none())
}

fn one(value: &HeaderValue) -> Option<Duration> {
    let text = seconds::trim(value.as_bytes());
    if text.first()? == &b'0' {
        return None;
    }
    let millis = i32::try_from(seconds::number(text)?).ok()?;
    Some(Duration::from_millis(u64::try_from(millis).ok()?))
}
