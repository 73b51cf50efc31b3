//! The status page, its stream, and what an operator may do; and how a gateway comes up and ends.

use super::{Rig, is_refusal};
use examples::gateway::{self, Config, StartError};
use http::Method;
use serde_json::json;
use std::time::Duration;
use support::client::eventually;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_forces_the_breaker_and_lets_it_go() {
    let rig = Rig::start("healthy", |_| {}).await;
    let forced = rig.client.post("/status/force-open", &json!({ "for": "120s" })).await;
    assert_eq!((forced.status, &forced.json()["overlay"]), (200, &json!("forced_open")));
    let refused = rig.add_event().await;
    assert!(is_refusal(&refused), "{refused:?}");
    assert_eq!(refused.json()["reason"], "forced_open");
    assert_eq!(rig.client.post("/status/auto", &json!({})).await.json()["state"], "closed");
    assert_eq!(rig.add_event().await.status, 201);

    rig.set_faults("addEvent=outage");
    for _ in 0..3 {
        rig.add_event().await;
    }
    assert_eq!(rig.client.get("/status").await.json()["state"], "open");
    rig.client.post("/status/force-closed", &json!({})).await;
    assert!(!is_refusal(&rig.add_event().await));
    assert_eq!(rig.client.post("/status/reset", &json!({})).await.json()["state"], "closed");

    let changed = rig.client.post("/status/faults", &json!({ "plan": "healthy" })).await;
    assert_eq!((changed.status, &changed.json()["upstream"]["faults"]), (200, &json!("healthy")));
    assert_eq!(rig.add_event().await.status, 201);
    assert_eq!(rig.client.post("/status/faults", &json!({ "plan": "addEvent=nonsense" })).await.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_plan_that_the_page_offers_is_one() {
    let rig = Rig::start("healthy", |_| {}).await;
    let status = rig.client.get("/status").await.json();
    let plans = status["upstream"]["plans"].as_array().unwrap();
    assert!(plans.len() > 5);
    for plan in plans {
        let changed = rig.client.post("/status/faults", &json!({ "plan": plan["plan"] })).await;
        assert_eq!(changed.status, 200, "{plan}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_page_can_change_nothing() {
    let rig = Rig::start("healthy", |_| {}).await;
    let own = format!("http://{}", rig.gateway.addr());
    let json_type = ("content-type", "application/json");
    for (headers, status) in [
        (vec![], 415),
        (vec![("content-type", "text/plain")], 415),
        (vec![("content-type", "application/x-www-form-urlencoded")], 415),
        (vec![json_type, ("origin", "http://evil.example")], 403),
        (vec![json_type, ("origin", "null")], 403),
        (vec![json_type, ("sec-fetch-site", "cross-site")], 403),
        (vec![json_type, ("host", "evil.example"), ("origin", "http://evil.example")], 403),
        (vec![json_type, ("origin", own.as_str()), ("sec-fetch-site", "same-origin")], 200),
    ] {
        for path in ["/status/force-open", "/status/force-closed", "/status/auto", "/status/reset"] {
            let answer = rig.client.send(Method::POST, path, &headers, "{}").await;
            assert_eq!(answer.status, status, "{path} {headers:?}");
            assert!(!answer.headers.contains_key("access-control-allow-origin"));
        }
    }
    assert_eq!(rig.gateway.breaker().snapshot().overlay.name(), "automatic");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_there_and_keeps_to_itself() {
    let rig = Rig::start("healthy", |_| {}).await;
    for (path, media_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/status/page.css", "text/css; charset=utf-8"),
        ("/status/page.js", "text/javascript; charset=utf-8"),
        ("/status/icon.svg", "image/svg+xml"),
    ] {
        let answer = rig.client.get(path).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, media_type));
        assert!(answer.header("content-security-policy").starts_with("default-src 'self';"));
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_tells_of_changes_and_ends_with_the_gateway() {
    let rig = Rig::start("healthy", |config| config.bounds.max_streams = 1).await;
    let mut stream = TcpStream::connect(rig.gateway.addr()).await.unwrap();
    stream.write_all(b"GET /status/stream HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut told = String::new();
    let mut buffer = [0; 4096];
    let mut until = async |stream: &mut TcpStream, told: &mut String, text: &str| {
        while !told.contains(text) {
            let read = timeout(Duration::from_secs(30), stream.read(&mut buffer)).await.unwrap().unwrap();
            assert_ne!(read, 0, "{text} in {told}");
            told.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
    };
    until(&mut stream, &mut told, "event: history\ndata: [").await;
    until(&mut stream, &mut told, "event: status\ndata: {\"name\":\"addEvent\",\"state\":\"closed\"").await;
    assert!(told.contains("content-type: text/event-stream"), "{told}");
    assert_eq!(rig.client.get("/status/stream").await.status, 503, "there is a bound");

    rig.gateway.breaker().force_open();
    until(&mut stream, &mut told, "\"overlay\":\"forced_open\"").await;
    let Rig { gateway, client, _data, .. } = rig;
    drop(client);
    let shutdown = timeout(Duration::from_secs(30), gateway.shutdown());
    let (drained, ()) = tokio::join!(shutdown, until(&mut stream, &mut told, "\r\n0\r\n\r\n"));
    assert_eq!(drained.unwrap().cut, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_flight_is_finished_at_shutdown() {
    let rig = Rig::start("addEvent=slow(500ms)", |_| {}).await;
    let Rig { gateway, client, user, _data } = rig;
    let event = json!({ "name": "late", "userId": user });
    let late = tokio::spawn(async move { client.post("/addEvent", &event).await });
    let faults = std::sync::Arc::clone(gateway.upstream().unwrap().faults());
    let add_event = examples::event_api::faults::RouteName::AddEvent;
    eventually("the event is on its way", || faults.received_by(add_event) == 1).await;
    let drained = gateway.shutdown().await;
    assert_eq!(drained.cut, 0);
    assert_eq!(late.await.unwrap().status, 201);
}

#[tokio::test]
async fn an_address_that_others_can_reach_is_refused_by_name() {
    let config = Config { gateway_addr: ([0, 0, 0, 0], 0).into(), ..Config::default() };
    let error = gateway::start(config).await.unwrap_err();
    assert!(matches!(error, StartError::Config(_)), "{error}");
    assert!(error.to_string().starts_with("GATEWAY_ADDR: "), "{error}");
}

#[tokio::test]
async fn an_address_that_is_taken_is_said_so() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let data = tempfile::tempdir().unwrap();
    let config = Config {
        gateway_addr: taken.local_addr().unwrap(),
        data_dir: data.path().join("never-made"),
        ..Config::default()
    };
    let error = gateway::start(config).await.unwrap_err().to_string();
    assert!(error.starts_with("GATEWAY_ADDR: ") && error.contains("cannot be bound"), "{error}");
    assert!(!data.path().join("never-made").exists(), "nothing was opened");
}

#[tokio::test]
async fn a_gateway_is_not_its_own_upstream() {
    // An address that was free a moment ago.
    let address = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let upstream_url = Some(format!("http://{address}/"));
    let config = Config { gateway_addr: address, upstream_url, ..Config::default() };
    let error = gateway::start(config).await.unwrap_err().to_string();
    assert!(error.starts_with("UPSTREAM_URL: "), "{error}");
}
