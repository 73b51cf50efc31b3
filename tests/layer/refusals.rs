//! What a caller gets whose call is refused.

use bytes::Bytes;
use futures::FutureExt;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use resilience::layer::ResponseBody;
use resilience::respond::{Boxed, Error, IntoInner};
use resilience::{Breaker, BreakerLayer, Rejected};
use std::convert::Infallible;
use std::error::Error as _;
use std::fmt;
use std::time::Duration;
use support::fixture::{Answer, Down, NS, Upstream, fail, half_open, manual, ms, now, refusal, secs, trip};
use tower::{Layer, Service, service_fn};

type Guarded = Response<ResponseBody<Full<Bytes>>>;

/// The answer of a layer for HTTP around a healthy service.
fn http(breaker: &Breaker) -> Guarded {
    let healthy = service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(Full::from("pong"))) });
    now(&mut BreakerLayer::for_http(breaker.clone()).layer(healthy), Request::new(())).unwrap()
}

fn grpc(breaker: &Breaker) -> Guarded {
    let healthy = service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(Full::from("pong"))) });
    now(&mut BreakerLayer::for_grpc(breaker.clone()).layer(healthy), Request::new(())).unwrap()
}

fn read(body: impl Body<Data = Bytes, Error: fmt::Debug>) -> Bytes {
    body.collect().now_or_never().expect("it is all there").unwrap().to_bytes()
}

#[test]
fn the_http_form_is_complete() {
    let (breaker, clock) = manual(|builder| builder.name("orders"));
    fail(&breaker, 2);
    clock.advance(secs(3));
    fail(&breaker, 1);
    clock.advance(ms(100));
    let response = http(&breaker);
    assert_eq!(response.status(), 503);
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("retry-after"), "1");
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("content-type"), "application/problem+json");
    assert_eq!(header("proxy-status"), "orders; error=destination_unavailable");
    let length: u64 = header("content-length").parse().unwrap();
    assert_eq!(response.headers().len(), 5);
    assert!(response.body().is_refusal());
    assert_eq!(response.body().size_hint().exact(), Some(length));
    let body = read(response.into_body());
    assert_eq!(body.len() as u64, length);
    let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let expected = serde_json::json!({
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "the breaker is open",
        "reason": "open",
        "retryAfterMs": 900,
        "level": 1,
        "trip": {
            "rule": "failure_window",
            "failures": 3,
            "calls": 3,
            "firstFailureAgoMs": 3100,
            "lastFailureAgoMs": 100,
            "hinted": false,
        },
    });
    assert_eq!(problem, expected);
}

#[test]
fn retry_after_is_rounded_up_to_whole_seconds_and_at_least_one() {
    let cases = [
        (NS, "1"),
        (ms(999), "1"),
        (secs(1), "1"),
        (secs(1) + NS, "2"),
        (ms(59_001), "60"),
        (secs(3600), "3600"),
        (secs(2_000_000), "2000000"),
    ];
    for (left, told) in cases {
        let (breaker, _) = manual(|builder| builder.delay(left).max_delay(left).probe_patience(secs(1)));
        trip(&breaker);
        assert_eq!(http(&breaker).headers()["retry-after"], told, "{left:?}");
    }
}

#[test]
fn every_reason_is_told_as_a_503() {
    let (breaker, clock) = manual(|builder| builder);
    let told = || {
        let response = http(&breaker);
        assert_eq!(response.status(), 503);
        assert!(response.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
        let problem: serde_json::Value = serde_json::from_slice(&read(response.into_body())).unwrap();
        problem["reason"].as_str().unwrap().to_owned()
    };
    breaker.force_open();
    assert_eq!(told(), "forced_open");
    breaker.auto();
    half_open(&breaker, &clock);
    let probe = breaker.try_acquire().unwrap();
    assert_eq!(told(), "probes_out");
    drop(probe);
    let healthy = service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) });
    let layer = BreakerLayer::for_http(breaker.clone()).probe_if(|_: &Request<()>| false);
    let response = now(&mut layer.layer(healthy), Request::new(())).unwrap();
    let problem: serde_json::Value = serde_json::from_slice(&read(response.into_body())).unwrap();
    assert_eq!(problem["reason"], "may_not_probe");
}

#[test]
fn the_body_of_a_refusal_is_one_frame_and_says_when_it_is_over() {
    let (breaker, _) = manual(|builder| builder);
    breaker.force_open();
    let mut body = http(&breaker).into_body();
    assert!(!body.is_end_stream());
    assert!(body.frame().now_or_never().unwrap().unwrap().unwrap().is_data());
    assert!(body.is_end_stream());
    assert_eq!(body.size_hint().exact(), Some(0));
    assert!(body.frame().now_or_never().unwrap().is_none());
}

#[test]
fn the_grpc_form_is_trailers_only_with_pushback() {
    let (breaker, clock) = manual(|builder| builder.delay(Duration::from_micros(1_234_001)));
    trip(&breaker);
    let response = grpc(&breaker);
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/grpc");
    assert_eq!(response.headers()["grpc-status"], "14");
    assert_eq!(response.headers()["grpc-message"], "the breaker is open");
    assert_eq!(response.headers()["grpc-retry-pushback-ms"], "1235", "rounded up");
    assert!(response.body().is_end_stream());
    assert_eq!(response.body().size_hint().exact(), Some(0));
    clock.advance(secs(2));
    assert!(!grpc(&breaker).body().is_refusal());
}

#[test]
fn a_pushback_longer_than_its_type_is_the_longest_there_is() {
    let (breaker, _) = manual(|builder| builder.delay(secs(1 << 32)).max_delay(secs(1 << 32)).probe_patience(secs(1)));
    trip(&breaker);
    assert_eq!(grpc(&breaker).headers()["grpc-retry-pushback-ms"], i32::MAX.to_string());
}

#[test]
fn the_error_form_keeps_the_two_failures_apart() {
    let (breaker, _) = manual(|builder| builder);
    let mut service = BreakerLayer::new(breaker.clone()).layer(Upstream::new(Answer::Fail));
    let inner: Error<Down> = now(&mut service, ()).unwrap_err();
    assert_eq!((inner.rejected(), inner.to_string().as_str()), (None, "the upstream is down"));
    assert!(inner.source().is_none(), "it is shown as the inner error, so that is not its cause as well");
    assert_eq!(inner.into_inner(), Some(Down));
    breaker.force_open();
    let refused = now(&mut service, ()).unwrap_err();
    assert!(refused.rejected().is_some());
    assert!(resilience::classify::error::is_refusal(&refused));
    assert!(refused.to_string().contains("forced open"), "{refused}");
    assert_eq!(refused.into_inner(), None);
}

#[derive(Debug, PartialEq)]
enum Own {
    Down,
    Later(Duration),
}

impl From<Rejected> for Own {
    fn from(rejected: Rejected) -> Self {
        Self::Later(rejected.retry_after())
    }
}

#[test]
fn a_refusal_becomes_the_inner_services_own_error() {
    let (breaker, _) = manual(|builder| builder);
    let layer = BreakerLayer::new(breaker.clone()).respond(IntoInner);
    let mut service = layer.layer(service_fn(|()| async { Err::<(), _>(Own::Down) }));
    for _ in 0..3 {
        assert_eq!(now(&mut service, ()), Err(Own::Down));
    }
    assert_eq!(now(&mut service, ()), Err(Own::Later(secs(1))));
}

#[test]
fn boxed_errors_can_be_told_apart_by_their_types() {
    let (breaker, _) = manual(|builder| builder);
    let mut service = BreakerLayer::new(breaker.clone()).respond(Boxed).layer(Upstream::new(Answer::Fail));
    for _ in 0..3 {
        assert!(now(&mut service, ()).unwrap_err().is::<Down>());
    }
    let refused = now(&mut service, ()).unwrap_err();
    assert_eq!(refused.downcast_ref::<Rejected>().unwrap().retry_after(), secs(1));
    // A stack whose errors are boxed already is boxed no further.
    let boxed = service_fn(|()| async { Err::<(), _>(resilience::respond::BoxError::from(Down)) });
    let mut service = BreakerLayer::new(Breaker::new()).respond(Boxed).layer(boxed);
    assert!(now(&mut service, ()).unwrap_err().is::<Down>());
}

#[test]
fn a_closure_shapes_refusals_as_it_likes() {
    let (breaker, _) = manual(|builder| builder.name("orders"));
    let layer = BreakerLayer::new(breaker.clone()).respond(|rejected: Rejected| {
        Ok(Box::leak(format!("{} is resting for {:?}", rejected.breaker(), rejected.retry_after()).into_boxed_str())
            as &_)
    });
    let mut service = layer.layer(Upstream::default());
    assert_eq!(now(&mut service, ()), Ok("pong"));
    trip(&breaker);
    assert_eq!(now(&mut service, ()), Ok("orders is resting for 1s"));
}

#[test]
fn an_infallible_service_stays_infallible() {
    fn infallible<S: Service<Request<()>, Error = Infallible>>(_: &S) {}
    let healthy =
        service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("pong"))) });
    infallible(&BreakerLayer::for_http(Breaker::new()).layer(healthy));
    infallible(&BreakerLayer::for_grpc(Breaker::new()).layer(healthy));
}

#[test]
fn a_handler_can_answer_with_the_same_503_by_itself() {
    let (breaker, _) = manual(|builder| builder.name("orders"));
    trip(&breaker);
    let by_hand = Response::<Bytes>::from(refusal(&breaker));
    let by_layer = http(&breaker);
    assert_eq!(by_hand.headers(), by_layer.headers());
    assert_eq!(*by_hand.body(), read(by_layer.into_body()));
}

#[test]
fn a_refusal_does_not_change_with_what_happens_next() {
    let (breaker, clock) = manual(|builder| builder);
    trip(&breaker);
    let rejected = refusal(&breaker);
    clock.advance(secs(1));
    breaker.force_open();
    assert_eq!((rejected.reason(), rejected.retry_after()), (resilience::Reason::Open, secs(1)));
    drop(breaker);
    let _ = (rejected.to_string(), rejected.trip(), rejected.level(), rejected.breaker());
    assert_eq!((rejected.reason(), rejected.retry_after()), (resilience::Reason::Open, secs(1)));
}
