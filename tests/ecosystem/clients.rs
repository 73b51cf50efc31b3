//! Clients that are guarded from within and from without: reqwest, and what hyper's client connects with.

use crate::socket::{Switch, listener, serve};
use http::StatusCode;
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use reqwest::{Method, Request, Response, Url};
use resilience::classify::{ClassifyExt, HttpStatus, error::is_refusal};
use resilience::respond::{Boxed, Error, Http503, IntoInner};
use resilience::{BreakerLayer, Rejected, State, Verdict};
use std::net::SocketAddr;
use support::fixture::{classic, manual, secs, wait};
use tower::{Layer, Service, ServiceBuilder, ServiceExt};

fn get(address: SocketAddr) -> Request {
    Request::new(Method::GET, Url::parse(&format!("http://{address}/")).unwrap())
}

/// An address where nobody listens.
async fn nobody() -> SocketAddr {
    listener().await.1
}

#[tokio::test]
async fn the_client_of_reqwest_is_judged_by_its_own_responses_and_refused_with_its_own_error_beside() {
    let (breaker, clock) = classic(|builder| builder);
    let upstream = Switch::new(404);
    let (address, _) = serve(upstream.service()).await;
    let layer = BreakerLayer::new(breaker.clone())
        .classify(HttpStatus::new().reading(|answer: &Response| (answer.status(), answer.headers())));
    let mut client = layer.layer(reqwest::Client::new());
    for _ in 0..4 {
        assert_eq!(client.ready().await.unwrap().call(get(address)).await.unwrap().status(), 404);
    }
    assert_eq!(breaker.state(), State::Closed);
    upstream.set(502);
    for _ in 0..3 {
        assert_eq!(client.ready().await.unwrap().call(get(address)).await.unwrap().status(), 502);
    }
    let refused = client.ready().await.unwrap().call(get(address)).await.unwrap_err();
    assert_eq!(refused.rejected().map(Rejected::retry_after), Some(secs(1)));
    assert_eq!(upstream.asked(), 7);
    upstream.set(200);
    clock.advance(secs(1));
    let answer = client.ready().await.unwrap().call(get(address)).await.unwrap();
    assert_eq!((answer.text().await.unwrap(), breaker.state()), ("an answer".to_owned(), State::Closed));
}

#[tokio::test]
async fn the_client_of_reqwest_can_answer_503_by_itself_and_hears_when_to_come_back() {
    let (breaker, _) = manual(|builder| builder);
    let upstream = Switch::new(503);
    upstream.retry_after(20);
    let (address, _) = serve(upstream.service()).await;
    let layer = BreakerLayer::new(breaker.clone())
        .classify(HttpStatus::new().reading(|answer: &Response| (answer.status(), answer.headers())))
        .respond(|rejected: Rejected| Ok(Http503::response(rejected).into()));
    let mut client = layer.layer(reqwest::Client::new());
    for _ in 0..3 {
        client.ready().await.unwrap().call(get(address)).await.unwrap();
    }
    assert_eq!(wait(&breaker), secs(20), "what the upstream said");
    let refused: Response = client.ready().await.unwrap().call(get(address)).await.unwrap();
    assert_eq!((refused.status(), upstream.asked()), (StatusCode::SERVICE_UNAVAILABLE, 3));
    assert_eq!(refused.headers()["retry-after"], "20");
    let problem: serde_json::Value = serde_json::from_str(&refused.text().await.unwrap()).unwrap();
    assert_eq!(problem["reason"], "open");
}

#[tokio::test]
async fn a_closure_judges_reqwest_and_a_request_that_was_never_sent_is_not_the_upstreams_fault() {
    let (breaker, _) = manual(|builder| builder);
    let layer = BreakerLayer::new(breaker.clone()).classify(
        (|outcome: Result<&Response, &reqwest::Error>| {
            Verdict::failure_if(outcome.map_or(true, |answer| answer.status().is_server_error()))
        })
        .ignore_if(|outcome: Result<&Response, &reqwest::Error>| outcome.is_err_and(reqwest::Error::is_builder)),
    );
    let mut client = layer.layer(reqwest::Client::new());
    let unspeakable = Request::new(Method::GET, Url::parse("gopher://localhost/").unwrap());
    for _ in 0..4 {
        let error = client.ready().await.unwrap().call(unspeakable.try_clone().unwrap()).await.unwrap_err();
        assert!(matches!(error, Error::Inner(error) if error.is_builder()));
    }
    assert_eq!(breaker.state(), State::Closed);
    let nobody = nobody().await;
    for _ in 0..3 {
        let error = client.ready().await.unwrap().call(get(nobody)).await.unwrap_err();
        assert!(matches!(error, Error::Inner(error) if error.is_connect()));
    }
    assert_eq!(breaker.state(), State::Open);
}

#[tokio::test]
async fn the_connector_of_reqwest_takes_the_forms_that_keep_a_boxed_error() {
    let nobody = nobody().await;
    let (one, _) = manual(|builder| builder);
    let (other, _) = manual(|builder| builder);
    let into_inner = BreakerLayer::new(one.clone()).respond(IntoInner);
    let boxed = BreakerLayer::new(other.clone()).respond(Boxed);
    for (breaker, client) in [
        (one, reqwest::Client::builder().connector_layer(into_inner).build().unwrap()),
        (other, reqwest::Client::builder().connector_layer(boxed).build().unwrap()),
    ] {
        for _ in 0..3 {
            assert!(!is_refusal(&client.execute(get(nobody)).await.unwrap_err()));
        }
        assert_eq!(breaker.state(), State::Open);
        let refused = client.execute(get(nobody)).await.unwrap_err();
        assert!(is_refusal(&refused), "{refused:?}");
    }
}

#[tokio::test]
async fn the_connector_of_hyper_is_guarded_below_the_client() {
    let (breaker, clock) = classic(|builder| builder);
    let connector = BreakerLayer::new(breaker.clone()).layer(HttpConnector::new());
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
    let (listener, address) = listener().await;
    drop(listener);
    let uri = || format!("http://{address}/").parse().unwrap();
    for _ in 0..3 {
        let error = client.get(uri()).await.unwrap_err();
        assert!(error.is_connect() && !is_refusal(&error));
    }
    let refused = client.get(uri()).await.unwrap_err();
    assert!(refused.is_connect() && is_refusal(&refused), "{refused:?}");
    // An operator, or time, lets it connect again.
    clock.advance(secs(1));
    assert!(!is_refusal(&client.get(uri()).await.unwrap_err()), "the probe");
    assert!(is_refusal(&client.get(uri()).await.unwrap_err()));
    breaker.force_closed();
    assert!(!is_refusal(&client.get(uri()).await.unwrap_err()));
}

#[tokio::test]
async fn a_client_whose_errors_are_boxed_is_told_apart_by_a_downcast() {
    let (breaker, _) = manual(|builder| builder);
    let nobody = nobody().await;
    let mut client = ServiceBuilder::new()
        .layer(BreakerLayer::new(breaker.clone()).respond(Boxed))
        .timeout(secs(600))
        .service(reqwest::Client::new());
    for _ in 0..3 {
        let error = client.ready().await.unwrap().call(get(nobody)).await.unwrap_err();
        assert!(error.is::<reqwest::Error>());
    }
    assert!(client.ready().await.unwrap().call(get(nobody)).await.unwrap_err().is::<Rejected>());
}
