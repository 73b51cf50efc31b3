//! `Retry-After` (RFC 9110, section 10.2.3).

use super::seconds;
use http::{HeaderMap, HeaderValue, header};
use std::cell::LazyCell;
use std::time::{Duration, SystemTime};

/// The wait that `Retry-After` asks for.
///
/// Both forms are read: a number of seconds, and a date in any of the three notations of HTTP, which `now` is
/// subtracted from without rounding. The reading is strict:
///
/// - seconds are digits only; a number that is too large for the type is the largest wait there is;
/// - whatever is malformed, negative, zero or in the past is as if absent;
/// - of several header lines the longest wait counts: whoever added the longer one had a reason, and whoever listens to
///   hints bounds them.
///
/// ```
/// use http::{HeaderMap, HeaderValue, header::RETRY_AFTER};
/// use resilience::hint::retry_after;
/// use std::time::{Duration, SystemTime};
///
/// let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
/// let ask = |value| {
///     let mut headers = HeaderMap::new();
///     headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
///     retry_after(&headers, now)
/// };
/// assert_eq!(ask("120"), Some(Duration::from_secs(120)));
/// assert_eq!(ask("Sun, 06 Nov 1994 08:49:47 GMT"), Some(Duration::from_secs(10)));
/// assert_eq!(ask("Sun, 06 Nov 1994 08:49:27 GMT"), None, "in the past");
/// assert_eq!(ask("-1"), None);
/// assert_eq!(ask("soon"), None);
/// ```
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    read(headers, || Some(now))
}

/// As [`retry_after`], but looks at the clock only if there is a date to compare it with.
pub(super) fn read(headers: &HeaderMap, now: impl FnOnce() -> Option<SystemTime>) -> Option<Duration> {
    let now = LazyCell::new(now);
    headers.get_all(header::RETRY_AFTER).into_iter().filter_map(|value| one(value, || *now)).max()
}

fn one(value: &HeaderValue, now: impl FnOnce() -> Option<SystemTime>) -> Option<Duration> {
    let text = seconds::trim(value.as_bytes());
    // No date begins with a digit, and no other number is allowed.
    let length = if text.first()?.is_ascii_digit() {
        Duration::from_secs(seconds::number(text)?)
    } else {
        let date = httpdate::parse_http_date(std::str::from_utf8(text).ok()?).ok()?;
        date.duration_since(now()?).ok()?
    };
    seconds::wait(length)
}
