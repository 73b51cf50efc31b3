//! `Proxy-Status` (RFC 9209): which of the proxies on the way gave up, and why.

use crate::hint::structured;
use http::{HeaderMap, HeaderName};

static PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// Whether one of the proxies in `trusted` says that it refused the call because it holds the upstream to be down.
///
/// A field that is malformed anywhere says nothing.
pub(super) fn refused_by(trusted: &[Box<str>], headers: &HeaderMap) -> bool {
    if trusted.is_empty() {
        return false;
    }
    let mut refused = false;
    let read = structured::list(headers, &PROXY_STATUS, |member| {
        let name = member.item.name()?;
        refused |= trusted.iter().any(|proxy| name.is(proxy))
            && member.parameter("error").is_some_and(|error| error.is_token("destination_unavailable"));
        Ok(())
    });
    refused && read.is_ok()
}
