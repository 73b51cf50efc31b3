//! `RateLimit` and what came before it.

use super::seconds;
use super::structured::{self, Malformed, Text};
use http::{HeaderMap, HeaderName};
use std::time::Duration;

static RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
static POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
static LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
static REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
static RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// A reset that many seconds away, thirty years and more, is an instant on the calendar that somebody sent in place of
/// a delay; it is as if absent.
const CALENDAR: u64 = 1_000_000_000;

/// What is left of a caller's quota, as the server said in the answer that carried it.
///
/// ```
/// use http::{HeaderMap, HeaderValue};
/// use resilience::hint::rate_limit;
/// use std::time::Duration;
///
/// let mut headers = HeaderMap::new();
/// headers.insert("ratelimit", HeaderValue::from_static(r#""burst";r=0;t=30, "daily";r=900;t=7200"#));
/// headers.insert("ratelimit-policy", HeaderValue::from_static(r#""burst";q=100;w=60, "daily";q=1000;w=86400"#));
///
/// let quota = rate_limit(&headers).unwrap();
/// assert!(quota.is_exhausted());
/// assert_eq!(quota.remaining(), Some(0));
/// assert_eq!(quota.reset(), Some(Duration::from_secs(30)));
/// assert_eq!(quota.limit(), Some(100));
/// assert_eq!(quota.window(), Some(Duration::from_secs(60)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Quota {
    remaining: Option<u64>,
    reset: Option<Duration>,
    limit: Option<u64>,
    window: Option<Duration>,
}

/// The caller's quota, of several policies the one that binds: with the least remaining, and among equals with the
/// farthest reset.
///
/// Read are, in this order:
///
/// 1. `RateLimit` as the current draft has it, a list of policies (`"burst";r=50;t=30`), with the limit and the window
///    of the same policy in `RateLimit-Policy`; names without quotes, as an older draft wrote them, are accepted;
/// 2. `RateLimit` as an older draft had it: `limit=100, remaining=50, reset=30`;
/// 3. the three fields `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset`.
///
/// A field that is malformed anywhere is as if absent. The `X-RateLimit-*` family is not read: its reset is a delay for
/// some servers, a Unix time for others and milliseconds for a third kind, and nothing in the answer tells which.
///
/// ```
/// use http::{HeaderMap, HeaderValue};
/// use resilience::hint::rate_limit;
/// use std::time::Duration;
///
/// let mut headers = HeaderMap::new();
/// assert_eq!(rate_limit(&headers), None);
///
/// headers.insert("ratelimit-remaining", HeaderValue::from_static("0"));
/// headers.insert("ratelimit-reset", HeaderValue::from_static("12"));
/// assert_eq!(rate_limit(&headers).unwrap().reset(), Some(Duration::from_secs(12)));
/// ```
#[must_use]
pub fn rate_limit(headers: &HeaderMap) -> Option<Quota> {
    if headers.contains_key(&RATELIMIT) {
        if let Some(quota) = policies(headers).or_else(|| dictionary(headers)) {
            return Some(quota);
        }
    }
    three_fields(headers)
}

// === impl Quota ===

impl Quota {
    /// So much remains, and has to last for so long: for classifiers of your own.
    #[must_use]
    pub const fn new(remaining: u64, reset: Duration) -> Self {
        Self { remaining: Some(remaining), reset: Some(reset), limit: None, window: None }
    }

    /// How much may still be asked for before [`reset`](Self::reset), if the server said so.
    #[must_use]
    pub const fn remaining(&self) -> Option<u64> {
        self.remaining
    }

    /// How long [`remaining`](Self::remaining) has to last, if the server said so.
    #[must_use]
    pub const fn reset(&self) -> Option<Duration> {
        self.reset
    }

    /// The whole quota of one window, if the server said so.
    #[must_use]
    pub const fn limit(&self) -> Option<u64> {
        self.limit
    }

    /// The window that the limit is for, if the server said so.
    #[must_use]
    pub const fn window(&self) -> Option<Duration> {
        self.window
    }

    /// Whether nothing remains.
    #[must_use]
    pub const fn is_exhausted(&self) -> bool {
        matches!(self.remaining, Some(0))
    }

    fn binds_more_than(&self, other: &Self) -> bool {
        self.remaining.cmp(&other.remaining).then(other.reset.cmp(&self.reset)).is_lt()
    }
}

// === the notations ===

fn policies(headers: &HeaderMap) -> Option<Quota> {
    let mut binding: Option<(Quota, Text<'_>)> = None;
    structured::list(headers, &RATELIMIT, |member| {
        let name = member.item.name()?;
        let remaining = Some(member.parameter("r").ok_or(Malformed)?.count()?);
        let reset = member.parameter("t").map(structured::Item::count).transpose()?.and_then(delay);
        let quota = Quota { remaining, reset, ..Quota::default() };
        if binding.is_none_or(|(other, _)| quota.binds_more_than(&other)) {
            binding = Some((quota, name));
        }
        Ok(())
    })
    .ok()?;
    let (mut quota, name) = binding?;
    if let Ok((limit, window)) = policy(headers, name) {
        quota.limit = limit;
        quota.window = window;
    }
    Some(quota)
}

/// The limit and the window of the policy `name`.
fn policy(headers: &HeaderMap, name: Text<'_>) -> Result<(Option<u64>, Option<Duration>), Malformed> {
    let mut found = (None, None);
    structured::list(headers, &POLICY, |member| {
        if member.item.name() == Ok(name) {
            let window = member.parameter("w").map(structured::Item::count).transpose()?;
            found = (Some(member.parameter("q").ok_or(Malformed)?.count()?), window.map(Duration::from_secs));
        }
        Ok(())
    })?;
    Ok(found)
}

fn dictionary(headers: &HeaderMap) -> Option<Quota> {
    let mut quota = Quota::default();
    structured::dictionary(headers, &RATELIMIT, |key, item| {
        match key {
            b"limit" => quota.limit = Some(item.count()?),
            b"remaining" => quota.remaining = Some(item.count()?),
            b"reset" => quota.reset = delay(item.count()?),
            _ => {}
        }
        Ok(())
    })
    .ok()?;
    (quota != Quota::default()).then_some(quota)
}

fn three_fields(headers: &HeaderMap) -> Option<Quota> {
    let remaining = number(headers, &REMAINING, Ord::min);
    let reset = number(headers, &RESET, Ord::max).and_then(delay);
    // A limit alone says nothing about the present.
    if remaining.is_none() && reset.is_none() {
        return None;
    }
    Some(Quota { remaining, reset, limit: first_limit(headers), window: None })
}

/// The number in a field; where the field comes several times, the one that is to be picked of them.
fn number(headers: &HeaderMap, name: &HeaderName, pick: fn(u64, u64) -> u64) -> Option<u64> {
    let lines = headers.get_all(name).into_iter();
    lines
        .map(|line| seconds::number(seconds::trim(line.as_bytes())))
        .reduce(|one, other| one.zip(other).map(|(one, other)| pick(one, other)))?
}

/// The first member of `RateLimit-Limit`; the others repeat it with the windows of the policies.
fn first_limit(headers: &HeaderMap) -> Option<u64> {
    let mut first = None;
    structured::list(headers, &LIMIT, |member| {
        let limit = member.item.count()?;
        first.get_or_insert(limit);
        Ok(())
    })
    .ok()?;
    first
}

fn delay(seconds: u64) -> Option<Duration> {
    (seconds < CALENDAR).then(|| Duration::from_secs(seconds))
}
