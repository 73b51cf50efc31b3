//! axum and hyper, both sides, over real sockets on the loopback interface.

use crate::socket::{Switch, listener, serve};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use bytes::Bytes;
use futures::StreamExt;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use resilience::{Breaker, BreakerLayer, State};
use std::convert::Infallible;
use std::net::SocketAddr;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

fn breaker() -> (Breaker, resilience::clock::Manual) {
    support::fixture::classic(|builder| builder.name("edge"))
}

async fn status(app: &Router, path: &str) -> StatusCode {
    let request = Request::builder().uri(path).body(axum::body::Body::empty()).unwrap();
    let Ok::<_, Infallible>(response) = app.clone().oneshot(request).await;
    response.status()
}

#[tokio::test]
async fn an_axum_router_has_one_breaker_for_all_its_routes() {
    let (breaker, clock) = breaker();
    let upstream = Switch::new(500);
    let (first, second) = (upstream.clone(), upstream.clone());
    let app = Router::new()
        .route("/first", get(move || async move { first.status() }))
        .route("/second", get(move || async move { second.status() }))
        .layer(BreakerLayer::for_http(breaker.clone()));
    for path in ["/first", "/second", "/first"] {
        assert_eq!(status(&app, path).await, 500);
    }
    assert_eq!((status(&app, "/second").await, upstream.asked()), (StatusCode::SERVICE_UNAVAILABLE, 3));
    upstream.set(200);
    clock.advance(support::fixture::secs(1));
    assert_eq!(status(&app, "/second").await, 200);
    assert_eq!(breaker.state(), State::Closed);
    assert_eq!(status(&app, "/first").await, 200);
}

#[tokio::test]
async fn a_route_layer_guards_the_routes_and_not_what_is_not_found() {
    let (breaker, _) = breaker();
    let upstream = Switch::new(200);
    let handler = upstream.clone();
    let app = Router::new()
        .route("/event", post(|| async { StatusCode::CREATED }).get(move || async move { handler.status() }))
        .route_layer(BreakerLayer::for_http(breaker.clone()));
    breaker.force_open();
    assert_eq!(status(&app, "/event").await, 503);
    assert_eq!(status(&app, "/nowhere").await, 404);
    assert_eq!(upstream.asked(), 0);
}

#[tokio::test]
async fn a_method_router_and_a_handler_with_state_take_the_layer_too() {
    async fn answer(axum::extract::State(upstream): axum::extract::State<Switch>) -> StatusCode {
        upstream.status()
    }
    let (breaker, _) = breaker();
    let upstream = Switch::new(503);
    let app = Router::new()
        .route("/guarded", get(answer).layer(BreakerLayer::for_http(breaker.clone())))
        .route("/plain", get(answer))
        .with_state(upstream);
    for _ in 0..3 {
        assert_eq!(status(&app, "/guarded").await, 503);
    }
    assert_eq!(breaker.state(), State::Open);
    assert_eq!(status(&app, "/plain").await, 503);
    assert_eq!(breaker.snapshot().counts.failures, 3);
}

fn client() -> Client<HttpConnector, Empty<Bytes>> {
    Client::builder(TokioExecutor::new()).build_http()
}

fn request(address: SocketAddr) -> Request<Empty<Bytes>> {
    Request::builder().uri(format!("http://{address}/")).body(Empty::new()).unwrap()
}

#[tokio::test]
async fn a_hyper_server_behind_a_breaker_answers_503_by_itself_and_keeps_the_connection() {
    let (breaker, clock) = breaker();
    let upstream = Switch::new(502);
    let guarded = ServiceBuilder::new().layer(BreakerLayer::for_http(breaker.clone())).service(upstream.service());
    let (address, server) = serve(guarded).await;
    let client = client();
    for _ in 0..3 {
        assert_eq!(client.request(request(address)).await.unwrap().status(), 502);
    }
    for _ in 0..2 {
        let refused = client.request(request(address)).await.unwrap();
        assert_eq!(refused.status(), 503);
        assert_eq!(refused.headers()["retry-after"], "1");
        assert_eq!(refused.headers()["proxy-status"], "edge; error=destination_unavailable");
        let length: usize = refused.headers()["content-length"].to_str().unwrap().parse().unwrap();
        let body = refused.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body.len(), length);
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem["reason"], "open");
    }
    upstream.set(200);
    clock.advance(support::fixture::secs(1));
    let answer = client.request(request(address)).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "an answer");
    assert_eq!((breaker.state(), upstream.asked()), (State::Closed, 4));
    server.abort();
}

#[tokio::test]
async fn a_hyper_client_behind_a_breaker_stops_calling_what_is_down() {
    let (breaker, clock) = breaker();
    let upstream = Switch::new(503);
    let (address, server) = serve(upstream.service()).await;
    let mut client = BreakerLayer::for_http(breaker.clone()).layer(client());
    for _ in 0..3 {
        let answer = client.ready().await.unwrap().call(request(address)).await.unwrap();
        assert_eq!((answer.status(), answer.body().is_refusal()), (StatusCode::SERVICE_UNAVAILABLE, false));
        answer.into_body().collect().await.unwrap();
    }
    let refused = client.ready().await.unwrap().call(request(address)).await.unwrap();
    assert!(refused.body().is_refusal());
    assert_eq!(upstream.asked(), 3);

    // Nobody listens any more: the connection that is refused is the probe that fails.
    server.abort();
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    clock.advance(support::fixture::secs(1));
    // Connections that were kept alive die with the server, at a moment of its own.
    while breaker.state() == State::HalfOpen {
        let _ = client.ready().await.unwrap().call(request(address)).await;
    }
    assert_eq!(breaker.state(), State::Open);
    let refused = client.ready().await.unwrap().call(request(address)).await.unwrap();
    assert!(refused.body().is_refusal());
}

#[tokio::test]
async fn errors_of_the_transport_pass_and_count() {
    let (breaker, _) = breaker();
    let (_, nobody) = listener().await;
    let mut client = BreakerLayer::for_http(breaker.clone()).layer(client());
    for _ in 0..3 {
        let error = client.ready().await.unwrap().call(request(nobody)).await.unwrap_err();
        assert!(error.is_connect(), "it is still the client's own error");
    }
    assert_eq!(breaker.state(), State::Open);
}

#[tokio::test]
async fn a_body_cut_on_the_wire_is_a_failure_where_the_end_decides() {
    let (breaker, _) = breaker();
    let cut = service_fn(|_: Request<Incoming>| async {
        // The first half is on its way when the second one fails; hyper then closes the connection.
        let half = futures::stream::iter([Ok(http_body::Frame::data(Bytes::from_static(b"half")))]);
        let frames = half.chain(futures::stream::once(Box::pin(async {
            tokio::task::yield_now().await;
            Err(std::io::Error::other("cut"))
        })));
        Ok::<_, Infallible>(Response::new(http_body_util::StreamBody::new(frames)))
    });
    let (address, server) = serve(cut).await;
    let layer =
        BreakerLayer::for_http(breaker.clone()).classify(resilience::classify::HttpStatus::new().judged_at_end());
    let mut client = layer.layer(client());
    for _ in 0..3 {
        assert_eq!(breaker.state(), State::Closed);
        let answer = client.ready().await.unwrap().call(request(address)).await.unwrap();
        assert!(answer.into_body().collect().await.is_err());
    }
    assert_eq!(breaker.state(), State::Open);
    server.abort();
}
