//! The programs of the guide's first page: the very files, compiled here and called over real sockets.

#[allow(dead_code, unreachable_pub, reason = "it is a program, with a main of its own")]
#[path = "../../resilience/quick_start/axum.rs"]
mod axum_server;
#[allow(dead_code, unreachable_pub, reason = "it is a program, with a main of its own")]
#[path = "../../resilience/quick_start/hyper_client.rs"]
mod hyper_client;
#[allow(dead_code, unreachable_pub, reason = "it is a program, with a main of its own")]
#[path = "../../resilience/quick_start/hyper.rs"]
mod hyper_server;
#[allow(dead_code, unreachable_pub, reason = "it is a program, with a main of its own")]
#[path = "../../resilience/quick_start/reqwest.rs"]
mod reqwest_client;
#[allow(dead_code, unreachable_pub, reason = "it is a program, with a main of its own")]
#[path = "../../resilience/quick_start/tonic.rs"]
mod tonic_both;

use crate::socket::{Switch, listener, serve};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use resilience::{Breaker, State};
use std::net::SocketAddr;
use support::fixture::manual;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tower::{Service, ServiceExt};

/// Three failures, and then the refusal with the time to come back.
async fn refuses(address: SocketAddr) {
    let client: Client<_, http_body_util::Empty<bytes::Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let uri: http::Uri = format!("http://{address}/events").parse().unwrap();
    for _ in 0..3 {
        assert_eq!(client.get(uri.clone()).await.unwrap().status(), 502);
    }
    let refused = client.get(uri).await.unwrap();
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (503, &"1".parse().unwrap()));
}

#[tokio::test]
async fn the_axum_program_refuses_after_three_failures() {
    let (listener, address) = listener().await;
    let app = axum_server::app(manual(|builder| builder).0);
    tokio::spawn(async { axum::serve(listener, app).await });
    refuses(address).await;
}

#[tokio::test]
async fn the_hyper_program_refuses_after_three_failures() {
    let (listener, address) = listener().await;
    tokio::spawn(hyper_server::serve(listener, manual(|builder| builder).0));
    refuses(address).await;
}

#[tokio::test]
async fn the_client_programs_pass_answers_on_and_refuse_when_nobody_answers() {
    let upstream = Switch::new(200);
    let (address, _) = serve(upstream.service()).await;
    let (_, nobody) = listener().await;
    let uri = |address| http::Uri::try_from(format!("http://{address}/events")).unwrap();
    let mut client = hyper_client::guarded(manual(|builder| builder).0);
    assert_eq!(hyper_client::get(&mut client, uri(address)).await.unwrap(), "200 OK, Retry-After: None");
    for _ in 0..3 {
        assert!(hyper_client::get(&mut client, uri(nobody)).await.unwrap_err().is_connect());
    }
    let refused = hyper_client::get(&mut client, uri(nobody)).await.unwrap();
    assert_eq!(refused, "503 Service Unavailable, Retry-After: Some(\"1\")");

    let request =
        |address| reqwest::Request::new(reqwest::Method::GET, format!("http://{address}/events").parse().unwrap());
    let mut client = reqwest_client::guarded(reqwest::Client::new(), manual(|builder| builder).0);
    assert_eq!(client.ready().await.unwrap().call(request(address)).await.unwrap().status(), 200);
    for _ in 0..3 {
        assert!(client.ready().await.unwrap().call(request(nobody)).await.unwrap_err().is_connect());
    }
    let refused = client.ready().await.unwrap().call(request(nobody)).await.unwrap();
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (503, &"1".parse().unwrap()));
}

#[tokio::test]
async fn the_tonic_program_refuses_on_both_sides() {
    let (listener, address) = listener().await;
    let breakers: [Breaker; 2] = std::array::from_fn(|_| manual(|builder| builder).0);
    let [server, client] = &breakers;
    tokio::spawn(tonic_both::serve(listener, server.clone()));
    let channel = Endpoint::try_from(format!("http://{address}")).unwrap().connect().await.unwrap();
    let mut calls = tonic_both::guarded(channel, client.clone());
    let question = HealthCheckRequest::default;
    for _ in 0..3 {
        let answer = calls.check(question()).await.unwrap_err();
        assert!(!answer.metadata().contains_key("grpc-retry-pushback-ms"), "the service's own");
    }
    assert_eq!(breakers.each_ref().map(Breaker::state), [State::Open; 2]);
    let refused = calls.check(question()).await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.metadata().contains_key("grpc-retry-pushback-ms")),
        (tonic::Code::Unavailable, true)
    );
    client.force_closed();
    let refused = calls.check(question()).await.unwrap_err();
    assert!(refused.metadata().contains_key("grpc-retry-pushback-ms"), "this one came over the wire");
}

#[test]
fn every_program_is_shown_in_the_guide_beside_its_manifest() {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../resilience");
    let guide = std::fs::read_to_string(directory.join("src/docs/quick_start.rs")).unwrap();
    let files = std::fs::read_dir(directory.join("quick_start")).unwrap().map(|entry| entry.unwrap().file_name());
    let names: Vec<_> = files.map(|name| name.into_string().unwrap()).collect();
    assert_eq!(names.len(), 10, "five programs, five manifests");
    for name in names {
        assert!(guide.contains(&format!("include_str!(\"../../quick_start/{name}\")")), "{name}");
    }
}
