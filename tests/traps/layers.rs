//! | the trap | the test |
//! |---|---|
//! | a timeout outside the layer hides a hung upstream | `a_hung_upstream_cut_by_an_outer_timeout_trips` |
//! | clients that go away trip the breaker of a healthy upstream | `calls_dropped_young_trip_nothing` |
//! | a dropped probe wedges recovery | `a_probe_whose_future_is_dropped_wedges_nothing` |
//! | readiness takes a permit that nobody uses | `being_polled_ready_reserves_nothing` |
//! | an instance that was not polled ready is called | `the_instance_that_was_polled_is_the_one_that_is_called` |
//! | an open breaker still waits for the sick inner service | `a_refusal_does_not_wait_for_a_stuck_inner_service` |
//! | a refusal from `poll_ready` kills a buffer for good | `a_buffer_around_the_breaker_outlives_an_outage` |
//! | a decision made when it was polled is taken for the present | `a_stale_refusal_is_given_once_and_says_come_back_at_once` |
//! | a connection that cannot be had leaves the probe open | `an_inner_service_that_cannot_become_ready_resolves_the_probe` |
//! | one circuit for each service that the layer makes | `one_layer_is_one_circuit` |
//! | only `Err` counts in a stack whose failures are answers | `an_answer_that_says_failure_is_a_failure` |
//! | a layer on the server's side cannot see the answer | `the_answer_of_a_handler_is_judged` |
//! | faults of the caller trip it for all | `unauthorised_callers_do_not_close_the_door_on_the_others` |
//! | a refusal that blames the caller, or does not say when to come back | `a_refusal_is_a_503_that_says_when_to_come_back` |
//! | a 429 on the probe reopens traffic | `a_probe_that_is_told_of_too_many_requests_does_not_close` |
//! | probing with a write that must not be repeated | `a_write_is_not_the_guinea_pig` |
//! | a stream that fails after its head was a success | `an_answer_that_dies_after_its_head_is_a_failure_where_the_end_decides` |
//! | the retry outside hammers the open breaker | `a_retry_can_tell_a_refusal_from_an_answer_and_when_to_come_back` |
//! | stacked breakers trip one another | `the_refusal_of_an_inner_breaker_does_not_trip_the_outer_one` |
//! | nested use of one breaker counts its own refusals | `a_breaker_within_itself_does_not_count_its_own_refusals` |

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use resilience::classify::{ClassifyExt, ErrorsFail, HttpStatus};
use resilience::respond::Error;
use resilience::{BreakerLayer, Reason, State};
use std::convert::Infallible;
use std::task::Poll;
use support::fixture::{
    Answer, Down, Readiness, Upstream, classic, fail, half_open, manual, ms, now, out, poll_ready, secs, succeed, trip,
    wait,
};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

#[test]
fn a_hung_upstream_cut_by_an_outer_timeout_trips() {
    let (breaker, clock) = manual(|builder| builder);
    let mut service = BreakerLayer::new(breaker.clone()).layer(Upstream::new(Answer::Hang));
    for _ in 0..3 {
        assert_eq!(breaker.state(), State::Closed);
        let hung = out(&mut service);
        clock.advance(secs(5));
        drop(hung);
    }
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn calls_dropped_young_trip_nothing() {
    let (breaker, clock) = manual(|builder| builder);
    let mut service = BreakerLayer::new(breaker.clone()).layer(Upstream::new(Answer::Hang));
    for _ in 0..50 {
        let call = out(&mut service);
        clock.advance(ms(999));
        drop(call);
    }
    assert_eq!(breaker.state(), State::Closed);
    assert!(breaker.snapshot().failures.is_empty());
}

#[test]
fn a_probe_whose_future_is_dropped_wedges_nothing() {
    let (breaker, clock) = classic(|builder| builder);
    let upstream = Upstream::new(Answer::Hang);
    let mut service = BreakerLayer::new(breaker.clone()).layer(upstream.clone());
    half_open(&breaker, &clock);
    for _ in 0..100 {
        drop(out(&mut service));
    }
    assert_eq!(upstream.calls(), 100);
    upstream.answers(Answer::Pong);
    assert_eq!(now(&mut service, ()), Ok("pong"));
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn being_polled_ready_reserves_nothing() {
    let (breaker, clock) = classic(|builder| builder);
    let layer = BreakerLayer::new(breaker.clone());
    half_open(&breaker, &clock);
    let mut idle: Vec<_> = (0..10).map(|_| layer.layer(Upstream::default())).collect();
    for service in &mut idle {
        assert!(poll_ready(service).is_ready());
    }
    assert_eq!(breaker.snapshot().probes_out, 0);
    assert_eq!(now(&mut layer.layer(Upstream::default()), ()), Ok("pong"));
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn the_instance_that_was_polled_is_the_one_that_is_called() {
    // The upstream panics if one that was not polled ready is called.
    let (breaker, _) = manual(|builder| builder);
    let mut service = BreakerLayer::new(breaker).layer(Upstream::default());
    for _ in 0..3 {
        assert_eq!(now(&mut service, ()), Ok("pong"));
        let mut clone = service.clone();
        assert!(poll_ready(&mut service).is_ready());
        assert_eq!(now(&mut clone, ()), Ok("pong"));
    }
}

#[test]
fn a_refusal_does_not_wait_for_a_stuck_inner_service() {
    let (breaker, _) = manual(|builder| builder);
    let upstream = Upstream::default();
    let mut service = BreakerLayer::new(breaker.clone()).layer(upstream.clone());
    trip(&breaker);
    upstream.is(Readiness::Pending);
    let refused = now(&mut service, ()).unwrap_err();
    assert_eq!(refused.rejected().map(resilience::Rejected::reason), Some(Reason::Open));
    assert_eq!(upstream.polls(), 0);
}

#[tokio::test]
async fn a_buffer_around_the_breaker_outlives_an_outage() {
    let (breaker, clock) = classic(|builder| builder);
    let upstream = Upstream::new(Answer::Fail);
    let service = BreakerLayer::new(breaker.clone()).layer(upstream.clone());
    let buffered = ServiceBuilder::new().buffer(4).service(service);
    for _ in 0..3 {
        let error = ServiceExt::<()>::oneshot(buffered.clone(), ()).await.unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Error::Inner(Down)));
    }
    let error = ServiceExt::<()>::oneshot(buffered.clone(), ()).await.unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(Error::<Down>::Rejected(_))));
    upstream.answers(Answer::Pong);
    clock.advance(secs(1));
    assert_eq!(ServiceExt::<()>::oneshot(buffered, ()).await.unwrap(), "pong");
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn a_stale_refusal_is_given_once_and_says_come_back_at_once() {
    let (breaker, _) = manual(|builder| builder);
    let mut service = BreakerLayer::new(breaker.clone()).layer(Upstream::default());
    trip(&breaker);
    assert!(poll_ready(&mut service).is_ready());
    breaker.reset();
    let refused = now_without_polling(&mut service).unwrap_err();
    let refused = *refused.rejected().expect("refused");
    assert_eq!((refused.reason(), refused.retry_after()), (Reason::StaleReadiness, secs(0)));
    assert_eq!(now(&mut service, ()), Ok("pong"));
}

fn now_without_polling<S: Service<()>>(service: &mut S) -> Result<S::Response, S::Error> {
    use futures::FutureExt;
    service.call(()).map(|answer| answer).now_or_never().expect("answered at once")
}

#[test]
fn an_inner_service_that_cannot_become_ready_resolves_the_probe() {
    let (breaker, clock) = classic(|builder| builder);
    let upstream = Upstream::default();
    let mut service = BreakerLayer::new(breaker.clone()).layer(upstream.clone());
    half_open(&breaker, &clock);
    upstream.is(Readiness::Broken);
    assert_eq!(poll_ready(&mut service), Poll::Ready(Err(Error::Inner(Down))));
    assert_eq!((breaker.state(), breaker.snapshot().level), (State::Open, 2));
    upstream.is(Readiness::Ready);
    clock.advance(wait(&breaker));
    assert_eq!(now(&mut service, ()), Ok("pong"));
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn one_layer_is_one_circuit() {
    let (breaker, _) = manual(|builder| builder);
    let layer = BreakerLayer::new(breaker.clone());
    for _ in 0..3 {
        assert_eq!(now(&mut layer.layer(Upstream::new(Answer::Fail)), ()), Err(Error::Inner(Down)));
    }
    let untouched = Upstream::default();
    let mut another = layer.clone().layer(untouched.clone());
    assert!(now(&mut another, ()).unwrap_err().rejected().is_some());
    assert_eq!(untouched.calls(), 0);
}

/// An HTTP service that answers with this status.
fn answering(
    status: u16,
) -> impl Service<
    Request<()>,
    Response = Response<Full<Bytes>>,
    Error = Infallible,
    Future = impl Future<Output = Result<Response<Full<Bytes>>, Infallible>>,
> + Clone {
    service_fn(move |_| async move { Ok(Response::builder().status(status).body(Full::default()).unwrap()) })
}

fn get() -> Request<()> {
    Request::new(())
}

#[test]
fn an_answer_that_says_failure_is_a_failure() {
    for status in [429, 500, 502, 503, 504, 599] {
        let (breaker, _) = manual(|builder| builder);
        let mut service = BreakerLayer::for_http(breaker.clone()).layer(answering(status));
        for _ in 0..3 {
            assert_eq!(now(&mut service, get()).unwrap().status(), status);
        }
        assert_eq!(breaker.state(), State::Open, "after three times {status}");
    }
}

#[test]
fn the_answer_of_a_handler_is_judged() {
    // On the server's side the error type stays `Infallible`, and still failures are seen.
    let (breaker, _) = manual(|builder| builder);
    let handler = service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(Response::builder().status(500).body(Full::<Bytes>::default()).unwrap())
    });
    let mut service = BreakerLayer::for_http(breaker.clone()).layer(handler);
    for status in [500, 500, 500, 503] {
        let answer: Result<_, Infallible> = now(&mut service, get());
        assert_eq!(answer.unwrap().status(), status);
    }
    // Asking how it stands records nothing: no check is ever taken for a success.
    let before = breaker.snapshot().counts;
    let _ = (breaker.state(), poll_ready_http(&mut service), breaker.snapshot());
    assert_eq!(breaker.snapshot().counts, before);
}

fn poll_ready_http<S: Service<Request<()>>>(service: &mut S) -> bool {
    service.poll_ready(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready()
}

#[test]
fn unauthorised_callers_do_not_close_the_door_on_the_others() {
    let (breaker, _) = manual(|builder| builder);
    for status in [400, 401, 403, 404, 409, 422, 408, 425] {
        let mut service = BreakerLayer::for_http(breaker.clone()).layer(answering(status));
        for _ in 0..50 {
            assert_eq!(now(&mut service, get()).unwrap().status(), status);
        }
    }
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn a_refusal_is_a_503_that_says_when_to_come_back() {
    let (breaker, clock) = manual(|builder| builder);
    let mut service = BreakerLayer::for_http(breaker.clone()).layer(answering(200));
    trip(&breaker);
    clock.advance(ms(999));
    let refused = now(&mut service, get()).unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["retry-after"], "1", "rounded up, never zero");
}

#[test]
fn a_probe_that_is_told_of_too_many_requests_does_not_close() {
    let (breaker, clock) = classic(|builder| builder);
    let limited = service_fn(|_: Request<()>| async {
        let answer = Response::builder().status(429).header("retry-after", "30");
        Ok::<_, Infallible>(answer.body(Full::<Bytes>::default()).unwrap())
    });
    let mut service = BreakerLayer::for_http(breaker.clone()).layer(limited);
    half_open(&breaker, &clock);
    assert_eq!(now(&mut service, get()).unwrap().status(), 429);
    assert_eq!((breaker.state(), wait(&breaker)), (State::Open, secs(30)));
}

#[test]
fn a_write_is_not_the_guinea_pig() {
    let (breaker, clock) = manual(|builder| builder);
    let layer = BreakerLayer::for_http(breaker.clone()).probe_if(|request: &Request<()>| request.method().is_safe());
    let mut service = layer.layer(answering(200));
    half_open(&breaker, &clock);
    let post = || Request::builder().method(Method::POST).body(()).unwrap();
    assert_eq!(now(&mut service, post()).unwrap().status(), 503);
    assert_eq!(now(&mut service, get()).unwrap().status(), 200);
    assert_eq!(now(&mut service, post()).unwrap().status(), 200, "from the second stage on");
}

#[test]
fn an_answer_that_dies_after_its_head_is_a_failure_where_the_end_decides() {
    let (breaker, _) = manual(|builder| builder);
    let layer = BreakerLayer::for_http(breaker.clone()).classify(HttpStatus::new().judged_at_end());
    let dying = service_fn(|_: Request<()>| async {
        let frames = futures::stream::iter([Ok(http_body::Frame::data(Bytes::from_static(b"half"))), Err(Down)]);
        Ok::<_, Infallible>(Response::new(http_body_util::StreamBody::new(frames)))
    });
    let mut service = layer.layer(dying);
    for _ in 0..3 {
        assert_eq!(breaker.state(), State::Closed);
        let answer = now(&mut service, get()).unwrap();
        assert_eq!(answer.status(), 200);
        let body = futures::FutureExt::now_or_never(http_body_util::BodyExt::collect(answer.into_body()))
            .expect("it is all there");
        assert_eq!(body.unwrap_err(), Down);
    }
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn a_retry_can_tell_a_refusal_from_an_answer_and_when_to_come_back() {
    let (breaker, _) = manual(|builder| builder.delay(secs(7)));
    let mut service = BreakerLayer::new(breaker.clone()).layer(Upstream::new(Answer::Fail));
    let wait_of = |error: Error<Down>| error.rejected().map(resilience::Rejected::retry_after);
    for _ in 0..3 {
        assert_eq!(wait_of(now(&mut service, ()).unwrap_err()), None);
    }
    assert_eq!(wait_of(now(&mut service, ()).unwrap_err()), Some(secs(7)));
}

#[test]
fn the_refusal_of_an_inner_breaker_does_not_trip_the_outer_one() {
    let (inner, _) = manual(|builder| builder.name("inner").delay(secs(60)));
    let (outer, clock) = classic(|builder| builder.name("outer"));
    let trusting = HttpStatus::new().trust_refusals_of(["inner"]);
    let mut service = ServiceBuilder::new()
        .layer(BreakerLayer::for_http(outer.clone()).classify(trusting))
        .layer(BreakerLayer::for_http(inner.clone()))
        .service(answering(200));
    trip(&inner);
    for _ in 0..20 {
        assert_eq!(now(&mut service, get()).unwrap().status(), 503);
    }
    assert_eq!(outer.state(), State::Closed);
    // In half-open the probe did not get through, and the outer one comes back no sooner than the inner one.
    half_open(&outer, &clock);
    assert_eq!(now(&mut service, get()).unwrap().status(), 503);
    assert_eq!((outer.state(), wait(&outer)), (State::Open, secs(60)));
}

#[test]
fn a_breaker_within_itself_does_not_count_its_own_refusals() {
    let (breaker, clock) = classic(|builder| builder);
    let layer = BreakerLayer::new(breaker.clone()).classify(ErrorsFail.ignore_refusals());
    let mut service = layer.layer(BreakerLayer::new(breaker.clone()).layer(Upstream::default()));
    assert_eq!(now(&mut service, ()), Ok("pong"));
    half_open(&breaker, &clock);
    for _ in 0..10 {
        let refused = now(&mut service, ()).unwrap_err().into_inner().expect("of the inner one");
        assert_eq!(refused.rejected().map(resilience::Rejected::reason), Some(Reason::ProbesOut));
    }
    assert_eq!(breaker.state(), State::HalfOpen, "nothing was learnt, nothing is wedged");
    succeed(&breaker, 1);
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Closed);
}
