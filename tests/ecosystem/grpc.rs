//! tonic, both sides, over real sockets, with code that was generated from a schema: that of the health service.

use crate::socket::listener;
use resilience::classify::GrpcStatus;
use resilience::respond::GrpcUnavailable;
use resilience::{Breaker, BreakerLayer, BreakerService, Hints, State};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use support::fixture::{classic, manual, ms, secs, wait};
use tokio::task::JoinHandle;
use tonic::codegen::tokio_stream::{self, Stream, StreamExt};
use tonic::service::LayerExt;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request, Response, Status};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tower::Layer;

/// What a service answers, and how often it was asked.
#[derive(Clone, Debug)]
struct Script(Arc<(Mutex<Status>, AtomicUsize)>);

impl Script {
    fn new(status: Status) -> Self {
        Self(Arc::new((Mutex::new(status), AtomicUsize::new(0))))
    }

    fn answers(&self, status: Status) {
        *self.0.0.lock().unwrap() = status;
    }

    fn asked(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }

    fn status(&self) -> Result<HealthCheckResponse, Status> {
        self.0.1.fetch_add(1, Ordering::SeqCst);
        let status = self.0.0.lock().unwrap().clone();
        if status.code() == Code::Ok { Ok(HealthCheckResponse::default()) } else { Err(status) }
    }
}

fn ok() -> Status {
    Status::new(Code::Ok, "")
}

#[tonic::async_trait]
impl Health for Script {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn check(&self, _: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        self.status().map(Response::new)
    }

    /// One message, and then what the script says: the head is in order, the trailers may not be.
    async fn watch(&self, _: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let end = self.status().err().map(Err);
        let messages = tokio_stream::iter([Ok(HealthCheckResponse::default())]).chain(tokio_stream::iter(end));
        Ok(Response::new(Box::pin(messages)))
    }
}

/// A server that is plain.
async fn serve(script: &Script) -> (Endpoint, JoinHandle<()>) {
    let (listener, address) = listener().await;
    let router = Server::builder().add_service(HealthServer::new(script.clone()));
    let incoming = TcpIncoming::from(listener);
    (endpoint(address), tokio::spawn(async move { router.serve_with_incoming(incoming).await.unwrap() }))
}

/// A server of which every service is behind the breaker.
async fn serve_guarded(script: &Script, breaker: &Breaker) -> Endpoint {
    let (listener, address) = listener().await;
    let layer = BreakerLayer::for_grpc(breaker.clone());
    let router = Server::builder().layer(layer).add_service(HealthServer::new(script.clone()));
    tokio::spawn(router.serve_with_incoming(TcpIncoming::from(listener)));
    endpoint(address)
}

fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint::try_from(format!("http://{address}")).unwrap()
}

type Guarded = HealthClient<BreakerService<Channel, GrpcStatus, GrpcUnavailable>>;

fn guarded(channel: Channel, breaker: &Breaker) -> Guarded {
    HealthClient::new(BreakerLayer::for_grpc(breaker.clone()).layer(channel))
}

fn question() -> HealthCheckRequest {
    HealthCheckRequest::default()
}

fn pushback(status: &Status) -> Option<&str> {
    status.metadata().get("grpc-retry-pushback-ms").map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_tonic_server_behind_a_breaker_says_unavailable_and_when_to_come_back() {
    let (breaker, clock) = classic(|builder| builder);
    let script = Script::new(Status::internal("broken"));
    let endpoint = serve_guarded(&script, &breaker).await;
    let mut client = HealthClient::new(endpoint.connect().await.unwrap());
    for _ in 0..3 {
        assert_eq!(client.check(question()).await.unwrap_err().code(), Code::Internal);
    }
    let refused = client.check(question()).await.unwrap_err();
    assert_eq!((refused.code(), pushback(&refused), script.asked()), (Code::Unavailable, Some("1000"), 3));
    // A refusal of a call that streams is a status, too, before any message.
    assert_eq!(client.watch(question()).await.unwrap_err().code(), Code::Unavailable);

    script.answers(ok());
    clock.advance(secs(1));
    assert!(client.check(question()).await.is_ok());
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test]
async fn one_service_of_a_tonic_server_can_be_guarded_alone_and_keeps_its_name() {
    let (breaker, _) = manual(|builder| builder);
    let script = Script::new(ok());
    let (listener, address) = listener().await;
    let service = BreakerLayer::for_grpc(breaker.clone()).named_layer(HealthServer::new(script.clone()));
    tokio::spawn(Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(listener)));
    let mut client = HealthClient::new(endpoint(address).connect().await.unwrap());
    assert!(client.check(question()).await.is_ok());
    breaker.force_open();
    assert_eq!(client.check(question()).await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(script.asked(), 1);
}

#[tokio::test]
async fn a_tonic_client_behind_a_breaker_stops_calling_what_is_down() {
    let (breaker, clock) = classic(|builder| builder);
    let script = Script::new(Status::not_found("no such service"));
    let (endpoint, _) = serve(&script).await;
    let mut client = guarded(endpoint.connect().await.unwrap(), &breaker);
    for _ in 0..5 {
        assert_eq!(client.check(question()).await.unwrap_err().code(), Code::NotFound);
    }
    assert_eq!(breaker.state(), State::Closed, "an answer that blames the caller is none that blames the server");
    script.answers(Status::unavailable("down"));
    for _ in 0..3 {
        assert_eq!(client.check(question()).await.unwrap_err().message(), "down");
    }
    let refused = client.check(question()).await.unwrap_err();
    assert_eq!((refused.code(), pushback(&refused), script.asked()), (Code::Unavailable, Some("1000"), 8));
    script.answers(ok());
    clock.advance(secs(1));
    assert!(client.check(question()).await.is_ok());
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test]
async fn the_trailers_decide_and_not_the_head_that_was_in_order() {
    let (breaker, _) = manual(|builder| builder);
    let script = Script::new(Status::data_loss("half of it is gone"));
    let (endpoint, _) = serve(&script).await;
    let mut client = guarded(endpoint.connect().await.unwrap(), &breaker);
    for _ in 0..3 {
        assert_eq!(breaker.state(), State::Closed);
        let mut messages = client.watch(question()).await.unwrap().into_inner();
        assert!(messages.message().await.unwrap().is_some());
        assert_eq!(messages.message().await.unwrap_err().code(), Code::DataLoss);
    }
    assert_eq!(breaker.state(), State::Open);
    assert_eq!(client.watch(question()).await.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn the_pushback_of_one_breaker_is_the_hint_of_the_next() {
    let (server, _) = manual(|builder| builder.delay(secs(7)));
    let (client, clock) = manual(|builder| builder);
    let endpoint = serve_guarded(&Script::new(ok()), &server).await;
    support::fixture::trip(&server);
    let mut calls = guarded(endpoint.connect().await.unwrap(), &client);
    for _ in 0..3 {
        let refused = calls.check(question()).await.unwrap_err();
        assert_eq!(pushback(&refused), Some("7000"));
    }
    assert_eq!(client.state(), State::Open);
    assert_eq!(wait(&client), secs(7), "its own first cool-down would be a second");
    clock.advance(secs(7) - ms(1));
    let refused = calls.check(question()).await.unwrap_err();
    assert_eq!(pushback(&refused), Some("1"));
}

#[tokio::test]
async fn pushback_is_obeyed_at_once_where_the_policy_says_so() {
    let (breaker, _) = manual(|builder| builder.hints(Hints::Obey));
    let mut limited = Status::resource_exhausted("too many");
    limited.metadata_mut().insert("grpc-retry-pushback-ms", 2500.into());
    let script = Script::new(limited);
    let (endpoint, _) = serve(&script).await;
    let mut client = guarded(endpoint.connect().await.unwrap(), &breaker);
    assert_eq!(client.check(question()).await.unwrap_err().code(), Code::ResourceExhausted);
    assert_eq!((breaker.state(), wait(&breaker)), (State::Open, ms(2500)));
    let refused = client.check(question()).await.unwrap_err();
    assert_eq!((refused.code(), pushback(&refused), script.asked()), (Code::Unavailable, Some("2500"), 1));
}

#[tokio::test]
async fn a_channel_that_cannot_connect_trips_it() {
    let (breaker, _) = manual(|builder| builder);
    let (_, nobody) = listener().await;
    let mut client = guarded(endpoint(nobody).connect_lazy(), &breaker);
    for _ in 0..3 {
        let error = client.check(question()).await.unwrap_err();
        assert_eq!((error.code(), pushback(&error)), (Code::Unavailable, None));
    }
    assert_eq!(breaker.state(), State::Open);
    assert!(pushback(&client.check(question()).await.unwrap_err()).is_some(), "now it is the breaker that speaks");
}
