//! What happens to every request before and after its handler, whatever the route.

use std::any::Any;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::FutureExt;
use http::header::{HOST, HeaderName};
use http::uri::{Authority, PathAndQuery, Uri};
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Instant;
use tower::ServiceExt;
use uuid::Uuid;

use super::pace::{Arriving, InFlight, Pace};
use super::{HttpService, ServerLimits, Wire};
use crate::http::router::{NO_ROUTE, RouteSlot};
use crate::http::{Body, BoxError, Problem};

/// The header that carries the id of a request, both ways.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request, in its extensions: the client's `X-Request-Id` if that is usable, else a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Made of letters, digits and hyphens only, so it always is text.
        self.0.to_str().unwrap_or_default()
    }

    /// The id as the value of a header.
    #[must_use]
    pub fn header(&self) -> &HeaderValue {
        &self.0
    }

    /// A client's id is kept if it cannot do harm in a log or a header.
    fn of<B>(request: &Request<B>) -> Self {
        let harmless = |value: &&HeaderValue| {
            let bytes = value.as_bytes();
            (1..=64).contains(&bytes.len()) && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
        };
        let given = request.headers().get(&REQUEST_ID).filter(harmless).cloned();
        // The text of a UUID is always a valid value.
        let made = || HeaderValue::try_from(Uuid::now_v7().to_string()).unwrap_or(HeaderValue::from_static("none"));
        Self(given.unwrap_or_else(made))
    }
}

/// The other end of the connection, in the extensions of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// The part of a connection that its requests share.
#[derive(Clone)]
pub(super) struct Edge<S> {
    pub(super) service: S,
    pub(super) peer: SocketAddr,
    pub(super) wire: Wire,
    pub(super) limits: ServerLimits,
    pub(super) pace: Arc<Pace>,
}

impl<S: HttpService> Edge<S> {
    /// Answers a request, logs it, and lets no panic through.
    ///
    /// It is in flight from this call on, and not only when the future is polled: hyper may read on before that.
    pub(super) fn answer(
        self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<Watched>, Infallible>> {
        let in_flight = self.pace.request();
        self.answer_in_flight(request, in_flight)
    }

    async fn answer_in_flight(
        self,
        request: Request<Incoming>,
        in_flight: InFlight,
    ) -> Result<Response<Watched>, Infallible> {
        let pace = Arc::clone(&self.pace);
        let mut request = request.map(|body| Body::stream(Arriving { body, pace }));
        let id = RequestId::of(&request);
        let mut record = Record::new(&request, self.peer, &id);
        let mut response = match check(&mut request, self.limits.max_head_bytes) {
            Ok(()) => {
                let extensions = request.extensions_mut();
                extensions.insert(id.clone());
                extensions.insert(Peer(self.peer));
                extensions.insert(self.wire.clone());
                extensions.insert(self.limits.body);
                extensions.insert(record.route.clone());
                let service = self.service;
                // The state that a panicking handler leaves behind is its own: what is shared is behind locks that
                // know about poisoning, or is not touched by handlers.
                match AssertUnwindSafe(async move { service.oneshot(request).await }).catch_unwind().await {
                    Ok(Ok(response)) => response,
                    Ok(Err(never)) => match never {},
                    Err(panic) => {
                        tracing::error!(request_id = id.as_str(), panic = message(&*panic), "a handler panicked");
                        Problem::internal().close().into_response()
                    }
                }
            }
            Err(problem) => problem.close().into_response(),
        };
        response.headers_mut().insert(REQUEST_ID, id.0);
        record.status = Some(response.status().as_u16());
        Ok(response.map(|body| Watched { body, ended: false, record, _in_flight: in_flight }))
    }
}

/// Checks the head as RFC 9112 §3.2 asks, and brings the target into the one form that handlers know.
fn check<B>(request: &mut Request<B>, max_head_bytes: usize) -> Result<(), Problem> {
    // hyper looks at its limit between two reads, so that a head may be longer that comes in one.
    let fields = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if fields.sum::<usize>().saturating_add(target) > max_head_bytes {
        return Err(Problem::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) if is_host(host) => {}
        (None, None) if request.version() < Version::HTTP_11 => {}
        _ => return Err(Problem::bad_request("The request needs exactly one valid Host header.")),
    }
    if *request.method() == Method::CONNECT {
        // A proxy's business; the router refuses it.
        return Ok(());
    }
    let uri = request.uri();
    let known_scheme = uri.scheme_str().is_none_or(|scheme| ["http", "https"].contains(&scheme));
    let target = uri.path_and_query().map_or("", PathAndQuery::as_str);
    let well_formed = known_scheme
        && (target.starts_with('/') || (target == "*" && *request.method() == Method::OPTIONS))
        && (uri.scheme().is_some() || uri.authority().is_none());
    if !well_formed {
        return Err(Problem::bad_request("The target of the request is malformed."));
    }
    if uri.authority().is_some() {
        // The absolute form. Who it was meant for is dropped here, so that nothing can be routed or connected by it.
        *request.uri_mut() = uri.path_and_query().cloned().map_or_else(Uri::default, Uri::from);
    }
    Ok(())
}

/// Whether the value of `Host` is `host[:port]`, or empty as it may be for a target without authority.
fn is_host(host: &HeaderValue) -> bool {
    let bytes = host.as_bytes();
    bytes.is_empty() || (!bytes.contains(&b'@') && Authority::try_from(bytes).is_ok())
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no message)")
}

/// The line in the access log. It is written when the record is dropped, so there is exactly one for each request, also
/// for one whose client went away.
///
/// Bodies, queries and header values other than the checked id do not stand in it; what the client chose is escaped and cut.
struct Record {
    method: String,
    path: String,
    route: RouteSlot,
    peer: SocketAddr,
    request_id: RequestId,
    started: Instant,
    status: Option<u16>,
    end: &'static str,
}

impl Record {
    fn new<B>(request: &Request<B>, peer: SocketAddr, id: &RequestId) -> Self {
        Self {
            method: request.method().as_str().chars().take(16).collect(),
            path: request.uri().path().chars().take(128).collect(),
            route: RouteSlot::default(),
            peer,
            request_id: id.clone(),
            started: Instant::now(),
            status: None,
            end: "abandoned",
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        tracing::info!(
            target: "access",
            request_id = self.request_id.as_str(),
            peer = %self.peer,
            method = ?self.method,
            route = self.route.0.get().copied().unwrap_or(NO_ROUTE),
            path = ?self.path,
            status = self.status,
            end = self.end,
            micros = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX),
            "request"
        );
    }
}

/// A response's body that knows when it has ended.
pub(super) struct Watched {
    body: Body,
    ended: bool,
    record: Record,
    _in_flight: InFlight,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        self.ended |= matches!(frame, Poll::Ready(None));
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let whole = self.ended || http_body::Body::is_end_stream(&self.body);
        self.record.end = if whole { "complete" } else { "cut" };
    }
}
