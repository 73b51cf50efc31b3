//! What fifty crashes leave behind: everything that was acknowledged, and nothing twice.
#![cfg(unix)]

use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::client::{Client, eventually};
use support::process::Running;
use tokio::time::{error::Elapsed, sleep};

const KILLS: u32 = 50;
const WRITERS: u32 = 4;

/// What the writers know, by the key that they wrote it with.
#[derive(Debug, Default)]
struct Written {
    ended: AtomicBool,
    events: Mutex<HashMap<String, Value>>,
    /// How many answers were lost, and had later with the same key.
    replayed: Mutex<u32>,
}

/// The event API dies fifty times in the middle of what it does, and the gateway in front of it ten times, while writers
/// repeat each event with its key until somebody acknowledges it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_kills_lose_nothing_that_was_acknowledged_and_one_key_makes_one_event() {
    let data = tempfile::tempdir().unwrap();
    let mut api = event_api(data.path(), "127.0.0.1:0").await;
    let upstream = api.address.clone();
    let mut gateway = start_gateway("127.0.0.1:0", &upstream).await;
    let front = gateway.address.clone();
    let client = Client::new(&front);
    let user = client.post("/addUser", &json!({ "userName": "ada", "email": "ada@example.org" })).await;
    assert_eq!(user.status, 201, "{user:?}");

    let written = Arc::new(Written::default());
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| tokio::spawn(write(client.clone(), user.id(), writer, Arc::clone(&written))))
        .collect();
    let mut enough = 0;
    for kill in 1..=KILLS {
        // A few more each time, so that it dies at another moment of its work.
        enough = enough.max(written.events.lock().unwrap().len()) + 1 + kill as usize % 5;
        eventually("more is acknowledged", || written.events.lock().unwrap().len() >= enough).await;
        api.kill().await;
        if kill % 5 == 0 {
            gateway.kill().await;
            gateway = start_gateway(&front, &upstream).await;
        }
        api = event_api(data.path(), &upstream).await;
    }
    written.ended.store(true, SeqCst);
    for writer in writers {
        writer.await.unwrap();
    }

    let kept = all_events(&api.client).await;
    let acknowledged = std::mem::take(&mut *written.events.lock().unwrap());
    let mut by_key: HashMap<&str, &Value> = HashMap::new();
    for event in &kept {
        let twice = by_key.insert(event["name"].as_str().unwrap(), event);
        assert!(twice.is_none(), "{event} and {twice:?}");
    }
    // Writers end with an answer, so there is nothing that nobody was told of.
    assert_eq!(by_key.len(), acknowledged.len());
    for (key, event) in &acknowledged {
        assert_eq!(by_key.get(&**key), Some(&event));
    }
    // The list of the user changes together with the events.
    let ids: Vec<_> = kept.iter().map(|event| &event["id"]).collect();
    let owner = api.client.get(&format!("/getUserById/{}", user.id())).await.json();
    let mut listed: Vec<_> = owner["events"].as_array().unwrap().iter().collect();
    listed.sort_by_key(|id| ids.iter().position(|other| other == id));
    assert_eq!(listed, ids);
    assert!(acknowledged.len() >= KILLS as usize);
    println!("{} events, {} answers were lost", kept.len(), written.replayed.lock().unwrap());
}

async fn event_api(data: &Path, address: &str) -> Running {
    let data = data.to_str().unwrap();
    let variables = [("EVENT_API_ADDR", address), ("DATA_DIR", data), ("FAULTS", "healthy"), ("RUST_LOG", "error")];
    Running::start("event_api", &variables).await
}

/// With a breaker that is soon willing to try again.
async fn start_gateway(address: &str, upstream: &str) -> Running {
    let url = format!("http://{upstream}");
    let variables = [
        ("GATEWAY_ADDR", address),
        ("UPSTREAM_URL", &*url),
        ("RESILIENCE_DELAY", "10ms"),
        ("RESILIENCE_MAX_DELAY", "50ms"),
        ("RUST_LOG", "error"),
    ];
    Running::start("gateway", &variables).await
}

/// Adds one event after the other, each until it is acknowledged.
async fn write(client: Client, user: String, writer: u32, written: Arc<Written>) {
    for number in 0.. {
        let key = format!("{writer}-{number}");
        let event = json!({ "name": key, "userId": user });
        let headers = [("content-type", "application/json"), ("idempotency-key", &*key)];
        let answer = loop {
            match client.try_send(http::Method::POST, "/addEvent", &headers, event.to_string()).await {
                Ok(answer) if answer.status == 201 => break answer,
                Ok(answer) => assert!([502, 503, 504].contains(&answer.status), "{answer:?}"),
                // The gateway is gone for the moment; one that is there and says nothing is another matter.
                Err(reason) => assert!(!reason.is::<Elapsed>(), "no answer to {key}"),
            }
            sleep(Duration::from_millis(5)).await;
        };
        *written.replayed.lock().unwrap() += u32::from(answer.header("idempotent-replayed") == "true");
        written.events.lock().unwrap().insert(key, answer.json());
        if written.ended.load(SeqCst) {
            return;
        }
    }
}

async fn all_events(client: &Client) -> Vec<Value> {
    let (mut all, mut path) = (Vec::new(), "/getEvents?limit=200".to_owned());
    loop {
        let page = client.get(&path).await.json();
        all.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next"].as_str() else { return all };
        path = format!("/getEvents?limit=200&cursor={next}");
    }
}
