//! What `{:?}` shows of handles, services and futures: where they stand, and of closures the types only. It asks no code of
//! the user's, takes no step and waits for no lock, so that it can be logged anywhere.
#![cfg(all(feature = "http", feature = "tokio", feature = "retry", feature = "test-util"))]

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use resilience::classify::{Classify, HttpStatus};
use resilience::clock::Manual;
use resilience::layer::back_pressure::BackPressureLayer;
use resilience::machine::Event;
use resilience::probe::ActiveProbe;
use resilience::retry::RetryPolicy;
use resilience::testing::Scripted;
use resilience::{Breaker, BreakerLayer, Keyed, KeyedLayer, State, Verdict};
use std::fmt::Debug;
use std::future::{pending, ready};
use tower::{Layer, Service, ServiceExt};

type Body = Full<Bytes>;

/// What is shown of it, which has all of these in it, and nothing that goes on over lines.
#[track_caller]
fn shows(value: &impl Debug, parts: &[&str]) {
    let shown = format!("{value:?}");
    for part in parts {
        assert!(shown.contains(part), "`{part}` in {shown}");
    }
    assert!(!shown.contains('\n'), "{shown}");
}

fn answers()
-> impl Service<Request<()>, Response = Response<Body>, Error = std::io::Error, Future: Unpin> + Clone + Debug {
    #[derive(Clone, Debug)]
    struct Answers;
    impl Service<Request<()>> for Answers {
        type Response = Response<Body>;
        type Error = std::io::Error;
        type Future = std::future::Ready<Result<Response<Body>, std::io::Error>>;

        fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), std::io::Error>> {
            std::task::Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<()>) -> Self::Future {
            ready(Ok(Response::new(Body::from("well"))))
        }
    }
    Answers
}

#[test]
fn a_breaker_is_shown_with_its_name_and_state_and_what_it_gave_out_with_its_own() {
    let clock = Manual::new();
    let builder =
        Breaker::builder().name("orders").clock(clock.clone()).observer(|_: &str, _: &Event| {}).count_refusals();
    shows(&builder, &["Builder", "orders", "observers: 1", "counts_refusals: true", "counts_successes: false"]);
    let breaker = builder.build().unwrap();
    shows(&breaker, &["Breaker", "orders"]);
    shows(&breaker.try_acquire().unwrap(), &["Permit"]);
    shows(&breaker.call_async(pending::<Result<(), ()>>), &["Called", "admitted"]);
    breaker.force_open();
    shows(&breaker.call_async(pending::<Result<(), ()>>), &["Called", "refused"]);
    shows(&ActiveProbe::new(&breaker, || ready(Verdict::Success)), &["ActiveProbe", "check: ", "{{closure}}"]);
}

#[tokio::test]
async fn services_and_their_futures_are_shown_with_what_is_within_and_with_types_of_closures() {
    let breaker = Breaker::builder().name("orders").build().unwrap();
    let layer = BreakerLayer::for_http(breaker.clone()).classify(HttpStatus::new().judged_at_end());
    shows(&layer, &["BreakerLayer", "orders"]);
    let mut service = layer.layer_for::<Request<()>, _>(answers());
    shows(&service, &["BreakerService", "Answers", "orders"]);
    let future = service.ready().await.unwrap().call(Request::new(()));
    shows(&future, &["ResponseFuture", "admitted"]);
    shows(future.await.unwrap().body(), &["ResponseBody", "upstream", "watched: true"]);
    breaker.force_open();
    let future = service.ready().await.unwrap().call(Request::new(()));
    shows(&future, &["ResponseFuture", "refused"]);
    shows(future.await.unwrap().body(), &["ResponseBody", "refusal", "watched: false"]);

    let waiting = BackPressureLayer::new(BreakerLayer::new(breaker.clone()));
    assert_eq!(waiting.breaker().state(), State::Open);
    let mut service = waiting.layer(answers());
    shows(&service, &["BackPressure", "Answers", "has_waited: false"]);
    shows(service.get_ref(), &["Answers"]);
    shows(service.get_mut(), &["Answers"]);
    shows(&service.into_inner(), &["Answers"]);
}

#[tokio::test]
async fn keys_are_shown_by_no_more_than_their_number() {
    let builder = Keyed::<&'static str>::builder().name("tenants").observer(|_: &str, _: Option<&&str>, _: &Event| {});
    shows(&builder, &["KeyedBuilder", "tenants", "observers: 1"]);
    let keyed = builder.build().unwrap();
    keyed.force_open(&"secret").unwrap();
    let layer = KeyedLayer::for_http(keyed.clone(), |request: &Request<()>| {
        Some(if request.uri().path() == "/" { "secret" } else { "other" })
    });
    shows(&layer, &["KeyedLayer", "key: ", "{{closure}}"]);
    let mut service = layer.layer(answers());
    shows(&service, &["KeyedService", "Answers", "{{closure}}", "refusing: false"]);
    let refused = service.ready().await.unwrap().call(Request::new(()));
    shows(&refused, &["KeyedFuture", "refused"]);
    let admitted = service.ready().await.unwrap().call(Request::builder().uri("/other").body(()).unwrap());
    shows(&admitted, &["KeyedFuture", "admitted"]);
    let permit = keyed.try_acquire(&"other").unwrap();
    for shown in [format!("{keyed:?}"), format!("{layer:?}"), format!("{service:?}"), format!("{permit:?}")] {
        assert!(!shown.contains("secret") && !shown.contains("other"), "{shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn policies_of_retries_and_scripted_services_are_shown_without_their_closures() {
    let policy = RetryPolicy::new(|number: &u8| Some(*number)).classify(|_: Result<&u8, &()>| Verdict::Success);
    shows(&policy, &["RetryPolicy", "repeat: ", "{{closure}}", "answers: 0"]);
    let mut scripted: Scripted<u8, u8, ()> = Scripted::new(|number| Ok(*number));
    let held = scripted.hold();
    shows(&held, &["Held"]);
    let future = scripted.ready().await.unwrap().call(1);
    shows(&future, &["ScriptedFuture"]);
    held.answer(Ok(2));
    assert_eq!(future.await, Ok(2));
}

#[test]
fn who_judges_at_the_end_of_a_body_says_how() {
    let grpc = resilience::classify::GrpcStatus::new();
    let at_end = Classify::<_, ()>::at_end(&grpc, &Response::new(())).unwrap();
    shows(&at_end, &["Grpc"]);
    let bytes = Classify::<_, ()>::at_end(&HttpStatus::new().judged_at_end(), &Response::new(())).unwrap();
    shows(&bytes, &["AtEnd"]);
}
