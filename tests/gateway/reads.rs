//! Reads: what was written is seen at once, what is looked up is remembered, and listings are bounded.

use super::Rig;
use examples::gateway::{self, Config};
use examples::http::{Call, Router, Server, ServerLimits, json as answer};
use futures::future::join_all;
use http::StatusCode;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::client::Client;
use tokio::sync::Barrier;

#[tokio::test(flavor = "multi_thread")]
async fn own_writes_are_seen_at_once() {
    let rig = Rig::start("healthy", |_| {}).await;
    let path = format!("/getUserById/{}", rig.user);
    for count in 1..=20 {
        // What is remembered is from before the write.
        rig.client.get(&path).await;
        let event = rig.add_event().await;
        let user = rig.client.get(&path).await.json();
        assert_eq!(user["events"].as_array().unwrap().len(), count);
        assert_eq!(user["events"][count - 1], event.json()["id"]);
        assert_eq!(rig.client.get(&format!("/getEventById/{}", event.id())).await.json(), event.json());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_looked_up_is_not_looked_up_again() {
    let rig = Rig::start("healthy", |config| config.bounds.cache_ttl = std::time::Duration::from_secs(600)).await;
    let event = rig.add_event().await;
    let received = rig.received();
    let paths = [format!("/getUserById/{}", rig.user), format!("/getEventById/{}", event.id())];
    for path in &paths {
        for answer in join_all((0..20).map(|_| rig.client.get(path))).await {
            assert_eq!(answer.status, 200);
        }
    }
    // The user once; the event was learnt when it was added.
    assert_eq!(rig.received(), received + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_look_up_is_not_remembered() {
    let rig = Rig::start("getUserById=outage", |_| {}).await;
    let path = format!("/getUserById/{}", rig.user);
    assert_eq!(rig.client.get(&path).await.status, 503);
    rig.set_faults("healthy");
    assert_eq!(rig.client.get(&path).await.status, 200);
    assert_eq!(rig.client.get("/getUserById/01890a5d-ac96-774b-bcce-b302099a8057").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_go_through_and_show_everything_once() {
    let rig = Rig::start("healthy", |_| {}).await;
    let mut added = Vec::new();
    for _ in 0..7 {
        added.push(rig.add_event().await.json());
    }
    for list in ["/getEvents".to_owned(), format!("/getEventsByUserId/{}", rig.user)] {
        let (mut seen, mut next) = (Vec::new(), format!("{list}?limit=3"));
        for page in [3, 3, 1] {
            let body = rig.client.get(&next).await.json();
            let items = body["items"].as_array().unwrap().clone();
            assert_eq!(items.len(), page, "{next}");
            seen.extend(items);
            next = format!("{list}?limit=3&cursor={}", body["next"].as_str().unwrap_or_default());
        }
        assert_eq!(seen, added, "{list}");
        assert!(next.ends_with('='), "no page after the last");
    }
    let nobody = "/getEventsByUserId/01890a5d-ac96-774b-bcce-b302099a8057";
    assert_eq!(rig.client.get(nobody).await.status, 404);
}

/// An upstream whose events can only be had four at a time.
#[derive(Clone)]
struct Slow {
    together: Arc<Barrier>,
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

fn id(number: usize) -> String {
    format!("00000000-0000-7000-8000-{number:012}")
}

async fn user(_: Slow, call: Call) -> examples::http::Answer {
    let events: Vec<_> = (1..=40).map(id).collect();
    let user = json!({ "id": call.param("id"), "userName": "ada", "email": "ada@example.org", "events": events });
    answer::response(StatusCode::OK, &user)
}

async fn event(slow: Slow, call: Call) -> examples::http::Answer {
    let now = slow.now.fetch_add(1, Ordering::SeqCst) + 1;
    slow.most.fetch_max(now, Ordering::SeqCst);
    slow.together.wait().await;
    slow.now.fetch_sub(1, Ordering::SeqCst);
    let event = json!({
        "id": call.param("id"), "name": "a", "userId": id(0), "details": null, "createdAt": "2026-01-01T00:00:00.000Z"
    });
    answer::response(StatusCode::OK, &event)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_asks_for_a_few_events_at_a_time_and_keeps_their_order() {
    let slow = Slow { together: Arc::new(Barrier::new(4)), now: Arc::default(), most: Arc::default() };
    let router = Router::builder(slow.clone()).get("/getUserById/{id}", user).get("/getEventById/{id}", event);
    let upstream = Server::bind(([127, 0, 0, 1], 0).into(), ServerLimits::default()).await.unwrap();
    let url = format!("http://{}", upstream.addr());
    let _upstream = upstream.start(router.build().unwrap());
    let mut config = Config { gateway_addr: ([127, 0, 0, 1], 0).into(), upstream_url: Some(url), ..Config::default() };
    config.bounds.fan_out = 4;
    let gateway = gateway::start(config).await.unwrap();

    let listed = Client::new(gateway.addr()).get(&format!("/getEventsByUserId/{}", id(0))).await.json();
    let ids: Vec<_> = listed["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect();
    assert_eq!(ids, (1..=40).map(|number| json!(id(number))).collect::<Vec<_>>());
    assert_eq!(slow.most.load(Ordering::SeqCst), 4);
    gateway.shutdown().await;
}
