use super::Respond;
use crate::Rejected;
use crate::layer::{ResponseBody, Watch};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use http_body::Body;
use std::fmt::Write;

/// A refusal is a `503` of its own, and the error type of the inner service stays.
///
/// - `Retry-After`: whole seconds, rounded up, at least 1 (RFC 9110, section 10.2.3);
/// - `Proxy-Status: <name>; error=destination_unavailable` (RFC 9209): so that an outer breaker, or a person, can tell
///   it from an answer of the upstream;
/// - `Cache-Control: no-store`;
/// - an `application/problem+json` body (RFC 9457) that says why;
/// - the [`Rejected`] itself among the response's extensions, for layers outside that want to know more.
///
/// ```
/// use resilience::{Breaker, BreakerLayer};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let breaker = Breaker::builder().name("orders").build()?;
/// let service = BreakerLayer::for_http(breaker.clone()).layer(service_fn(|_: http::Request<()>| async {
///     Ok::<_, std::convert::Infallible>(http::Response::new(http_body_util::Empty::<bytes::Bytes>::new()))
/// }));
/// breaker.force_open();
/// let response = service.oneshot(http::Request::new(())).await?;
/// assert_eq!(response.status(), 503);
/// assert_eq!(response.headers()["retry-after"], "1");
/// assert!(response.extensions().get::<resilience::Rejected>().is_some());
/// assert_eq!(response.headers()["proxy-status"], "orders; error=destination_unavailable");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Http503;

impl<B: Body, E> Respond<Response<B>, E> for Http503 {
    type Response = Response<ResponseBody<B>>;
    type Error = E;

    const WATCHES_BODY: bool = true;

    #[inline]
    fn pass(&self, response: Response<B>) -> Self::Response {
        response.map(ResponseBody::upstream)
    }

    fn pass_watched(&self, response: Response<B>, watch: Watch) -> Self::Response {
        response.map(|body| ResponseBody::watched(body, watch))
    }

    #[inline]
    fn pass_error(&self, error: E) -> E {
        error
    }

    fn refuse(&self, rejected: Rejected) -> Result<Self::Response, E> {
        Ok(Self::response(rejected).map(ResponseBody::refusal))
    }
}

impl Http503 {
    /// The answer itself: for handlers that ask a breaker themselves, and for clients whose answers are made from it.
    ///
    /// ```
    /// use resilience::{Breaker, respond::Http503};
    ///
    /// let breaker = Breaker::new();
    /// breaker.force_open();
    /// let response = Http503::response(breaker.try_acquire().unwrap_err());
    /// assert_eq!(response.status(), 503);
    /// assert_eq!(response.headers()["retry-after"], "1");
    /// ```
    #[must_use]
    pub fn response(rejected: Rejected) -> Response<Bytes> {
        let body = Bytes::from(problem(&rejected));
        let length = HeaderValue::from(body.len());
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        let headers = response.headers_mut();
        headers.insert(RETRY_AFTER, HeaderValue::from(rejected.retry_after_secs()));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CONTENT_LENGTH, length);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(PROXY_STATUS, proxy_status(&rejected.breaker()));
        response.extensions_mut().insert(rejected);
        response
    }
}

/// As [`Http503::response`].
impl From<Rejected> for Response<Bytes> {
    fn from(rejected: Rejected) -> Self {
        Http503::response(rejected)
    }
}

const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// Nothing in it needs escaping: numbers, and names of this crate's own.
fn problem(rejected: &Rejected) -> String {
    let mut body = String::with_capacity(320);
    // Writing to a string cannot fail.
    let _ = write!(
        body,
        r#"{{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"{}","reason":"{}","retryAfterMs":{},"level":{}"#,
        rejected.reason(),
        rejected.reason().name(),
        rejected.retry_after().as_nanos().div_ceil(1_000_000),
        rejected.level(),
    );
    if let Some(trip) = rejected.trip() {
        let _ = write!(
            body,
            r#","trip":{{"rule":"{}","failures":{},"calls":{},"firstFailureAgoMs":{},"lastFailureAgoMs":{},"hinted":{}}}"#,
            trip.rule.name(),
            trip.failures,
            trip.calls,
            trip.first_ago.as_millis(),
            trip.last_ago.as_millis(),
            trip.hinted,
        );
    }
    body.push('}');
    body
}

/// A token where the name is one, else a string (RFC 9209, section 2; RFC 8941, section 3.3).
fn proxy_status(name: &str) -> HeaderValue {
    let bytes = name.as_bytes();
    let token = bytes.first().is_some_and(|first| first.is_ascii_alphabetic() || *first == b'*')
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(byte));
    let printable = bytes.iter().all(|byte| matches!(byte, 0x20..=0x7e));
    let value = if token {
        format!("{name}; error=destination_unavailable")
    } else if printable {
        format!("\"{}\"; error=destination_unavailable", name.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        // A structured field is ASCII; a name that is not cannot be told.
        String::from("resilience; error=destination_unavailable")
    };
    HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("resilience; error=destination_unavailable"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Breaker;

    #[test]
    fn a_name_is_told_as_a_token_or_quoted_or_not_at_all() {
        let told = |name: &str| proxy_status(name).to_str().unwrap().to_owned();
        assert_eq!(told("addEvent"), "addEvent; error=destination_unavailable");
        assert_eq!(told("add \"it\""), "\"add \\\"it\\\"\"; error=destination_unavailable");
        assert_eq!(told("9lives"), "\"9lives\"; error=destination_unavailable");
        assert_eq!(told("événements"), "resilience; error=destination_unavailable");
        assert_eq!(told("a\r\nSet-Cookie: x"), "resilience; error=destination_unavailable");
        assert_eq!(told(""), "\"\"; error=destination_unavailable");
    }

    #[test]
    fn the_body_is_json_and_says_why() {
        let delay = std::time::Duration::from_nanos(1_000_000_001);
        let breaker = Breaker::builder().delay(delay).jitter(0.0).clock(crate::clock::Manual::new()).build().unwrap();
        for _ in 0..3 {
            breaker.try_acquire().unwrap().failure();
        }
        let response = Response::<Bytes>::from(breaker.try_acquire().unwrap_err());
        let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(body["status"], 503);
        assert_eq!(body["reason"], "open");
        assert_eq!(body["trip"]["rule"], "failure_window");
        assert_eq!(body["trip"]["failures"], 3);
        assert_eq!(body["level"], 1);
        assert_eq!(body["retryAfterMs"], 1001, "rounded up: who comes at the millisecond before is refused again");
        let length: usize = response.headers()[CONTENT_LENGTH].to_str().unwrap().parse().unwrap();
        assert_eq!(length, response.body().len());
    }
}
