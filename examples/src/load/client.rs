//! The client's side of the wire.

use super::config::Token;
use super::pace::Outcome;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::{Client as Pooled, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde_json::Value;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;
use tokio::time::timeout;

/// Where a server is: `http://` and an authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base(Authority);

impl Base {
    pub(super) fn of(address: std::net::SocketAddr) -> Option<Self> {
        address.to_string().parse().ok().map(Self)
    }

    /// Whether only this machine can be meant. Names are not looked up: but for `localhost`, they may be anybody's.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = self.0.host();
        let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        host.eq_ignore_ascii_case("localhost")
            || address.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
    }
}

impl FromStr for Base {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let parts = text.parse::<Uri>().map_err(|_| "is not a URL")?.into_parts();
        if parts.scheme != Some(Scheme::HTTP) {
            return Err("must start with http://");
        }
        let authority = parts.authority.filter(|authority| !authority.host().is_empty()).ok_or("names no host")?;
        if authority.as_str().contains('@') {
            return Err("must not carry credentials");
        }
        if parts.path_and_query.is_some_and(|path| path != "/") {
            return Err("must end after the port");
        }
        Ok(Self(authority))
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.0)
    }
}

/// No answer of a gateway to one of these requests is longer.
const LONGEST_ANSWER: usize = 1 << 20;

/// A client of one server.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pooled: Pooled<HttpConnector, Full<Bytes>>,
    base: Base,
    token: Option<HeaderValue>,
    timeout: Duration,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Client {
    pub(super) fn new(base: Base, token: Option<&Token>, timeout: Duration) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let pooled = Pooled::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            // One that the client repeated on its own would be counted once and reach the upstream twice.
            .retry_canceled_requests(false)
            .build(connector);
        let token = token.and_then(|token| HeaderValue::from_str(&token.header()).ok()).map(|mut value| {
            value.set_sensitive(true);
            value
        });
        Self { pooled, base, token, timeout }
    }

    /// # Errors
    ///
    /// How it ended without an answer.
    pub(super) async fn send(&self, method: Method, path: &str, body: &Value) -> Result<Answer, Outcome> {
        let uri = Uri::builder().scheme(Scheme::HTTP).authority(self.base.0.clone()).path_and_query(path);
        let body = if method == Method::GET { Bytes::new() } else { Bytes::from(body.to_string()) };
        let mut request = Request::new(Full::new(body));
        // The paths are this module's own.
        *request.uri_mut() = uri.build().map_err(|_| Outcome::Broken)?;
        *request.method_mut() = method;
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(token) = &self.token {
            request.headers_mut().insert(AUTHORIZATION, token.clone());
        }
        let exchange = async {
            let response = self.pooled.request(request).await.map_err(|_| Outcome::Broken)?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, LONGEST_ANSWER).collect().await.map_err(|_| Outcome::Broken)?;
            Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes() })
        };
        timeout(self.timeout, exchange).await.unwrap_or(Err(Outcome::TimedOut))
    }

    /// Adds an event.
    pub(super) async fn add_event(&self, event: &Value) -> Outcome {
        self.send(Method::POST, "/addEvent", event).await.map_or_else(|outcome| outcome, |answer| outcome(&answer))
    }
}

fn outcome(answer: &Answer) -> Outcome {
    // The mark of RFC 9209 tells the breaker's own 503 from one that the upstream gave.
    let mut marks = answer.headers.get_all("proxy-status").iter().filter_map(|mark| mark.to_str().ok());
    let mut refused = || marks.any(|mark| mark.contains("error=destination_unavailable"));
    match answer.status {
        StatusCode::CREATED => Outcome::Added,
        StatusCode::SERVICE_UNAVAILABLE if refused() => Outcome::Refused,
        status => Outcome::Status(status.as_u16()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, mark: Option<&'static str>) -> Outcome {
        let mut headers = HeaderMap::new();
        if let Some(mark) = mark {
            headers.insert("proxy-status", HeaderValue::from_static(mark));
        }
        outcome(&Answer { status: StatusCode::from_u16(status).unwrap(), headers, body: Bytes::new() })
    }

    #[test]
    fn the_breakers_refusal_is_told_from_the_upstreams_failure() {
        assert_eq!(answer(201, None), Outcome::Added);
        assert_eq!(answer(503, None), Outcome::Status(503));
        assert_eq!(answer(503, Some("addEvent; error=destination_unavailable")), Outcome::Refused);
        assert_eq!(answer(503, Some("proxy; error=connection_refused")), Outcome::Status(503));
        assert_eq!(answer(504, None), Outcome::Status(504));
    }
}
