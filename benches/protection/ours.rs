//! This crate's layer for HTTP, with real responses: the hint of a `429` is in a header.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header::RETRY_AFTER};
use http_body_util::Empty;
use resilience::breaker::Builder;
use resilience::policy::CoolDown;
use resilience::{Breaker, BreakerLayer, Hints, Rejected};
use tower_layer::Layer;
use tower_service::Service;

use crate::call::{Answer, Caller, End, Fault, Reply, Wire};
use crate::time::Pace;

/// The name of the control.
pub(crate) const CONTROL: &str = "resilience, constant, by the system's clock";

const COOL_DOWN: Duration = Duration::from_secs(5);

pub(crate) fn constant(policy: Builder) -> Builder {
    policy.cool_down(CoolDown::Constant(COOL_DOWN)).jitter(0.0)
}

pub(crate) fn by_rate(policy: Builder) -> Builder {
    policy.without_failure_window().failure_rate(0.5).over(Duration::from_secs(10)).min_calls(20)
}

pub(crate) fn stalled(policy: Builder) -> Builder {
    policy.stalled(10).for_longer_than(Duration::from_millis(500))
}

pub(crate) fn obeying(policy: Builder) -> Builder {
    policy.hints(Hints::Obey)
}

/// [`constant`], with all its durations as the peers' are.
pub(crate) fn constant_in_real_time(pace: Pace) -> Caller {
    let second = Duration::from_secs(1);
    let policy = Breaker::builder().cool_down(CoolDown::Constant(pace.of(COOL_DOWN))).jitter(0.0);
    let policy = policy.failures(3).within(pace.of(30 * second)).abandon_after(pace.of(second));
    caller(policy.probe_deadline(pace.of(10 * second)).hints(Hints::Ignore))
}

/// The upstream, over HTTP.
#[derive(Clone, Copy, Debug)]
struct Http;

type Body = Empty<Bytes>;

impl Service<Request<Wire>> for Http {
    type Response = Response<Body>;
    type Error = Fault;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Fault>>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Wire>) -> Self::Future {
        Box::pin(async move { respond(Reply::from(request.into_body()).await) })
    }
}

fn respond(answer: Answer) -> Result<Response<Body>, Fault> {
    let mut response = Response::new(Body::new());
    match answer {
        Answer::Good => {}
        Answer::Failed => *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE,
        Answer::Limited(rest) => {
            *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
            response.headers_mut().insert(RETRY_AFTER, rest.as_secs().into());
        }
        // A timeout cut it.
        Answer::Hangs => return Err(Fault::Failed),
    }
    Ok(response)
}

/// The layer for HTTP around it.
pub(crate) fn caller(policy: Builder) -> Caller {
    let breaker = policy.build().expect("a policy in its ranges");
    let mut service = BreakerLayer::for_http(breaker).layer(Http);
    Box::new(move |wire| {
        // Ready at once: either it refuses, or the upstream is always ready.
        let ready = service.poll_ready(&mut Context::from_waker(std::task::Waker::noop()));
        assert!(ready.is_ready(), "neither the breaker nor the upstream makes anybody wait");
        let call = service.call(Request::new(wire));
        Box::pin(async move {
            match call.await {
                Ok(response) if response.extensions().get::<Rejected>().is_some() => End::Refused,
                Ok(response) if response.status().is_success() => End::Answered,
                Ok(_) | Err(_) => End::Failed,
            }
        })
    })
}
