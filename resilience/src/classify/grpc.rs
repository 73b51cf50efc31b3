//! gRPC statuses, in the head or in the trailers.

use super::{AtEnd, Classify, EndOfBody, GrpcCode, http::preset};
use crate::{Hint, Verdict, hint};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use std::fmt;

static GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// Judges gRPC answers by their status.
///
/// gRPC says how a call went in `grpc-status`: in the head, if it went wrong before there was anything to send, else in
/// the trailers, and then the verdict waits for the [end of the body](AtEnd). For that it needs a form of refusal that wraps
/// the body, as [`BreakerLayer::for_grpc`](crate::BreakerLayer::for_grpc) has: see [`respond`](crate::respond#the-end-of-a-body).
///
/// | outcome | verdict |
/// |---|---|
/// | a transport error (`Err`), a body that is cut short, one that ends without a status | failure |
/// | `UNAVAILABLE`, `DEADLINE_EXCEEDED`, `INTERNAL`, `UNKNOWN`, `RESOURCE_EXHAUSTED`, `DATA_LOSS`, or the set that you name | failure, with the [pushback](crate::hint::grpc_pushback) as its hint |
/// | `OK` | success |
/// | `CANCELLED` | ignore: it was the caller who had enough |
/// | any other status | reachable |
/// | no `grpc-status` in the head, and an HTTP status other than `200` | as [`HttpStatus`](super::HttpStatus) says |
///
/// A status that is not a number, or not one that gRPC knows, is `UNKNOWN`. An HTTP error that comes with
/// `grpc-status: 0` contradicts itself; there the HTTP status counts. On `UNAVAILABLE` and `RESOURCE_EXHAUSTED` the hint
/// is [limiting](Hint::limiting), as it is on `503` and `429`; where the set does not hold them, the verdict is
/// [`Limited`](Verdict::Limited). gRPC-Web carries its trailers within the body: there a status in the head is judged,
/// and otherwise whether the body is whole.
///
/// ```
/// use http::{HeaderMap, HeaderValue, Response};
/// use resilience::Verdict;
/// use resilience::classify::{Classify, EndOfBody, GrpcStatus};
///
/// let head = Response::new("the body is still to come");
/// let outcome: Result<_, &()> = Ok(&head);
/// assert_eq!(GrpcStatus::new().classify(outcome), Verdict::Success, "so far");
///
/// let at_end = Classify::<_, ()>::at_end(&GrpcStatus::new(), &head).unwrap();
/// let mut trailers = HeaderMap::new();
/// trailers.insert("grpc-status", HeaderValue::from_static("14"));
/// assert_eq!(at_end.judge(EndOfBody::Complete(Some(&trailers))), Verdict::Failure(None));
/// assert_eq!(at_end.judge(EndOfBody::Complete(None)), Verdict::Failure(None), "no status at all");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct GrpcStatus {
    failures: u32,
}

impl GrpcStatus {
    /// The preset.
    ///
    /// ```
    /// use http::Response;
    /// use resilience::Verdict;
    /// use resilience::classify::{Classify, GrpcStatus};
    ///
    /// let not_found = Response::builder().header("grpc-status", "5").body(()).unwrap();
    /// let outcome: Result<_, &()> = Ok(&not_found);
    /// assert_eq!(GrpcStatus::new().classify(outcome), Verdict::Reachable);
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self {
            failures: GrpcCode::Unavailable.bit()
                | GrpcCode::DeadlineExceeded.bit()
                | GrpcCode::Internal.bit()
                | GrpcCode::Unknown.bit()
                | GrpcCode::ResourceExhausted.bit()
                | GrpcCode::DataLoss.bit(),
        }
    }

    /// These statuses are failures, besides transport errors and bodies that are cut short. `OK` never is one.
    ///
    /// ```
    /// use http::Response;
    /// use resilience::Verdict;
    /// use resilience::classify::{Classify, GrpcCode, GrpcStatus};
    ///
    /// let classifier = GrpcStatus::failures([GrpcCode::Unavailable]);
    /// let internal = Response::builder().header("grpc-status", "13").body(()).unwrap();
    /// let outcome: Result<_, &()> = Ok(&internal);
    /// assert_eq!(classifier.classify(outcome), Verdict::Reachable);
    /// ```
    #[must_use]
    pub fn failures(codes: impl IntoIterator<Item = GrpcCode>) -> Self {
        Self { failures: codes.into_iter().fold(0, |set, code| set | code.bit()) }
    }

    pub(super) fn judge_end(self, end: EndOfBody<'_>) -> Verdict {
        match end.trailers().and_then(|trailers| Some((status_in(trailers)?, trailers))) {
            Some((code, trailers)) => self.judge(code, trailers),
            None => Verdict::Failure(None),
        }
    }

    fn judge(self, code: GrpcCode, metadata: &HeaderMap) -> Verdict {
        if code == GrpcCode::Ok {
            return Verdict::Success;
        }
        let limiting = matches!(code, GrpcCode::Unavailable | GrpcCode::ResourceExhausted);
        let wait = hint::grpc_pushback(metadata);
        if self.failures & code.bit() != 0 {
            return Verdict::Failure(wait.map(if limiting { Hint::limiting } else { Hint::after }));
        }
        match wait {
            Some(wait) if limiting => Verdict::Limited(wait),
            _ if code == GrpcCode::Cancelled => Verdict::Ignore,
            _ => Verdict::Reachable,
        }
    }

    /// The status in the head, unless the HTTP status gives it the lie.
    fn in_head<B>(response: &Response<B>) -> Option<GrpcCode> {
        status_in(response.headers()).filter(|code| *code != GrpcCode::Ok || response.status() == StatusCode::OK)
    }
}

impl Default for GrpcStatus {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for GrpcStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { failures } = self;
        let failures: Vec<_> = GrpcCode::all_in(*failures).collect();
        f.debug_struct("GrpcStatus").field("failures", &failures).finish()
    }
}

impl<B, E> Classify<Response<B>, E> for GrpcStatus {
    #[inline]
    fn classify(&self, outcome: Result<&Response<B>, &E>) -> Verdict {
        let Ok(response) = outcome else {
            return Verdict::Failure(None);
        };
        match Self::in_head(response) {
            Some(code) => self.judge(code, response.headers()),
            None => preset(response.status(), response.headers()),
        }
    }

    fn forbids_retry(&self, outcome: Result<&Response<B>, &E>) -> bool {
        outcome.is_ok_and(|response| hint::grpc_forbids_retry(response.headers()))
    }

    fn at_end(&self, response: &Response<B>) -> Option<AtEnd> {
        if response.status() != StatusCode::OK || status_in(response.headers()).is_some() {
            return None;
        }
        Some(if is_grpc_web(response) { AtEnd::whole_body(Verdict::Success) } else { AtEnd::grpc(*self) })
    }
}

fn status_in(metadata: &HeaderMap) -> Option<GrpcCode> {
    metadata.get(&GRPC_STATUS).map(HeaderValue::as_bytes).map(GrpcCode::from_bytes)
}

fn is_grpc_web<B>(response: &Response<B>) -> bool {
    let content_type = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    content_type.is_some_and(|value| value.starts_with(b"application/grpc-web"))
}
