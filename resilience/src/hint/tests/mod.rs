mod any_bytes;
mod of;
mod pushback;
mod rate_limit;
mod retry_after;
mod structured;

use http::{HeaderMap, HeaderName, HeaderValue};
use std::time::Duration;

/// Headers of these names and values, in this order.
fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())).collect()
}

const fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}
