use super::Respond;
use crate::Rejected;
use crate::layer::{ResponseBody, Watch};
use http::Response;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http_body::Body;

/// A refusal is a gRPC answer without a message: `UNAVAILABLE`, with the wait as pushback.
///
/// Trailers-only, as the protocol over HTTP/2 has it; `grpc-retry-pushback-ms` is that of the retry design (gRFC A6), in
/// milliseconds, rounded up. The [`Rejected`] itself is among the response's extensions, for layers outside.
///
/// ```
/// use resilience::{Breaker, BreakerLayer};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let breaker = Breaker::new();
/// let service = BreakerLayer::for_grpc(breaker.clone()).layer(service_fn(|_: http::Request<()>| async {
///     Ok::<_, std::convert::Infallible>(http::Response::new(http_body_util::Empty::<bytes::Bytes>::new()))
/// }));
/// breaker.force_open();
/// let response = service.oneshot(http::Request::new(())).await?;
/// assert_eq!(response.status(), 200);
/// assert_eq!(response.headers()["grpc-status"], "14");
/// assert_eq!(response.headers()["grpc-retry-pushback-ms"], "1000");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct GrpcUnavailable;

impl<B: Body, E> Respond<Response<B>, E> for GrpcUnavailable {
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
        let mut response = Response::new(ResponseBody::empty());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(GRPC_STATUS, HeaderValue::from_static("14"));
        headers.insert(GRPC_MESSAGE, HeaderValue::from_static(message(&rejected)));
        // The field is a signed 32-bit number.
        let wait = rejected.retry_after().as_nanos().div_ceil(1_000_000).min(i32::MAX as u128);
        headers.insert(PUSHBACK, HeaderValue::from(u32::try_from(wait).unwrap_or(0)));
        response.extensions_mut().insert(rejected);
        Ok(response)
    }
}

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

fn message(rejected: &Rejected) -> &'static str {
    rejected.reason().text()
}
