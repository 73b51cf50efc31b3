//! What a server says about when to come back.
//!
//! A service that is overloaded, or that limits its callers, often says for how long. A breaker that knows need not
//! guess: see [`Hints`](crate::Hints) for what a policy makes of it. The classifiers of [`classify`](crate::classify)
//! read these hints by themselves; the functions here are for classifiers of your own.
//!
//! | header | read by | says |
//! |---|---|---|
//! | `Retry-After` | [`retry_after()`] | seconds, or a date |
//! | `RateLimit`, its `-Policy`, and their elders | [`rate_limit()`] | what is left, and until when |
//! | `grpc-retry-pushback-ms` | [`grpc_pushback`] | milliseconds |
//!
//! [`of`] puts the first two together, as the presets do.
//!
//! # The reading is strict
//!
//! The other side may be broken, or hostile. A value that is malformed, negative, zero or in the past is as if absent;
//! one that is too large is the largest there is, and the policy's `max_hint` bounds it. No bytes make these functions
//! panic. They are pure: the time is passed in. They allocate nothing.
//!
//! ```
//! use http::{HeaderMap, StatusCode, header::RETRY_AFTER};
//! use resilience::{Hint, hint};
//! use std::time::{Duration, SystemTime};
//!
//! let mut headers = HeaderMap::new();
//! headers.insert(RETRY_AFTER, 120.into());
//!
//! let hint = hint::of(StatusCode::SERVICE_UNAVAILABLE, &headers, SystemTime::now());
//! assert_eq!(hint, Some(Hint::limiting(Duration::from_secs(120))));
//! ```

mod pushback;
mod rate_limit;
mod retry_after;
mod seconds;
pub(crate) mod structured;
#[cfg(test)]
mod tests;

pub use pushback::{grpc_forbids_retry, grpc_pushback};
pub use rate_limit::{Quota, rate_limit};
pub use retry_after::retry_after;

use crate::{Hint, clock};
use http::{HeaderMap, StatusCode};
use std::time::{Duration, SystemTime};

/// The hint of an HTTP answer with this status and these headers, if it gives one.
///
/// `Retry-After` wins over `RateLimit`. The reset of a rate limit is a hint only where the quota is used up, or on a
/// `429`: a quota that is merely counted down delays nobody. On a `503` or `429` the hint is
/// [limiting](Hint::limiting): the server limits its callers, and does not just fail.
///
/// Whether the answer is a failure at all is not asked here.
///
/// ```
/// use http::{HeaderMap, HeaderValue, StatusCode};
/// use resilience::{Hint, hint};
/// use std::time::{Duration, SystemTime};
///
/// let mut headers = HeaderMap::new();
/// headers.insert("ratelimit", HeaderValue::from_static(r#""burst";r=5;t=30"#));
/// let of = |status| hint::of(status, &headers, SystemTime::now());
///
/// assert_eq!(of(StatusCode::TOO_MANY_REQUESTS), Some(Hint::limiting(Duration::from_secs(30))));
/// assert_eq!(of(StatusCode::BAD_GATEWAY), None, "five more are allowed");
/// ```
#[must_use]
pub fn of(status: StatusCode, headers: &HeaderMap, now: SystemTime) -> Option<Hint> {
    at(status, headers, || Some(now))
}

/// As [`of`], with the clock of the machine, which is read only if a date asks for it.
pub(crate) fn now(status: StatusCode, headers: &HeaderMap) -> Option<Hint> {
    // Where there is no such clock, a date is no hint.
    at(status, headers, clock::wall)
}

fn at(status: StatusCode, headers: &HeaderMap, now: impl FnOnce() -> Option<SystemTime>) -> Option<Hint> {
    let wait = retry_after::read(headers, now).or_else(|| until_reset(status, headers))?;
    let limiting = matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS);
    Some(if limiting { Hint::limiting(wait) } else { Hint::after(wait) })
}

/// What an answer with this status and these headers tells of the server's count of calls. A `429` that says how long to
/// wait says that nothing remains until then, whatever else it tells.
pub(crate) fn quota_now(status: StatusCode, headers: &HeaderMap) -> Option<Quota> {
    if status == StatusCode::TOO_MANY_REQUESTS {
        if let Some(hint) = now(status, headers) {
            return Some(Quota::new(0, hint.wait()));
        }
    }
    rate_limit(headers)
}

fn until_reset(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    let quota = rate_limit(headers)?;
    let binding = quota.is_exhausted() || status == StatusCode::TOO_MANY_REQUESTS;
    quota.reset().filter(|_| binding).and_then(seconds::wait)
}
