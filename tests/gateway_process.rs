//! The gateway as a program: what it says at start, how it ends, and that a crash loses nothing that was acknowledged.
#![cfg(unix)]

use examples::token::{self, Request};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::{Arc, Mutex};
use support::client::{Client, eventually};
use support::process::{LONGEST, Running, command};
use tokio::net::TcpStream;
use tokio::time::timeout;

async fn start(data: &Path, variables: &[(&str, &str)]) -> Running {
    let fixed = [("GATEWAY_ADDR", "127.0.0.1:0"), ("DATA_DIR", data.to_str().unwrap()), ("RUST_LOG", "warn")];
    Running::start("gateway", &[&fixed, variables].concat()).await
}

async fn add_user(client: &Client, name: &str) -> String {
    let user = json!({ "userName": name, "email": format!("{name}@example.org") });
    let added = client.post("/addUser", &user).await;
    assert_eq!(added.status, 201, "{added:?}");
    added.id()
}

#[tokio::test]
async fn a_bad_value_ends_it_with_one_line_that_names_the_variable() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("file");
    std::fs::write(&file, "").unwrap();
    for (variable, value) in [
        ("GATEWAY_ADDR", "nowhere"),
        ("GATEWAY_ADDR", "0.0.0.0:0"),
        ("UPSTREAM_URL", "https://example.org"),
        ("UPSTREAM_URL", "not a url"),
        ("UPSTREAM_TIMEOUT", "0s"),
        ("UPSTREAM_TIMEOUT", "soon"),
        ("FAULTS", "addEvent=nonsense(1)"),
        ("DATA_DIR", file.to_str().unwrap()),
        ("OAUTH_ISSUER", ""),
        ("OAUTH_JWKS", ""),
        ("OAUTH_JWKS_TTL", "0s"),
        ("OAUTH_JWKS_COOLDOWN", "1d"),
        ("OAUTH_PLAIN_JWT", "perhaps"),
        ("MAX_CONNECTIONS", "0"),
        ("FAN_OUT", "0"),
        ("CACHE_TTL", "-1s"),
        ("RESILIENCE_FAILURES", "0"),
        ("RESILIENCE_FAILURES", "three"),
        ("RESILIENCE_WINDOW", "0s"),
        ("RESILIENCE_DELAY", "1"),
        ("RESILIENCE_MAX_DELAY", "10ms"),
        ("RESILIENCE_FACTOR", "0.5"),
        ("RESILIENCE_FACTOR", "NaN"),
        ("RESILIENCE_JITTER", "2"),
        ("RESILIENCE_PROBES", "0"),
        ("RESILIENCE_STAGES", "99"),
        ("RESILIENCE_PROBE_DEADLINE", "0s"),
        ("RESILIENCE_FORGIVE", "never"),
        ("RESILIENCE_HINTS", "perhaps"),
    ] {
        let mut variables = vec![("GATEWAY_ADDR", "127.0.0.1:0"), ("DATA_DIR", data.path().to_str().unwrap())];
        variables.retain(|(name, _)| *name != variable);
        variables.push((variable, value));
        let output = timeout(LONGEST, command("gateway", &variables).output()).await.unwrap().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(matches!(output.status.code(), Some(1..)), "{variable}={value}: {:?}", output.status);
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains(variable), "{variable}={value}: {said}");
        assert!(output.stdout.is_empty());
    }
}

#[tokio::test]
async fn a_token_is_never_logged() {
    let data = tempfile::tempdir().unwrap();
    let request = Request { dir: data.path().join("oauth"), ..Request::default() };
    let token = token::make(&request).unwrap().token;
    let jwks = request.dir.join("jwks.json");
    let variables = [
        ("GATEWAY_ADDR", "127.0.0.1:0"),
        ("DATA_DIR", data.path().to_str().unwrap()),
        ("FAULTS", "healthy"),
        ("RUST_LOG", "trace"),
        ("OAUTH_ISSUER", "https://issuer.example"),
        ("OAUTH_AUDIENCE", "gateway"),
        ("OAUTH_JWKS", jwks.to_str().unwrap()),
    ];
    let (gateway, log) = Running::start_with_log("gateway", &variables).await;
    let said = tokio::spawn(log.rest());
    let (head, tail) = token.split_at(token.len() - 4);
    let wrong = format!("{head}{}", if tail == "AAAA" { "BBBB" } else { "AAAA" });
    for (path, token, status) in [
        ("/getUsers".to_owned(), &token, 200),
        ("/getUsers".to_owned(), &wrong, 401),
        (format!("/getUsers?access_token={token}"), &token, 400),
    ] {
        let bearer = format!("Bearer {token}");
        let answer = gateway.client.send(http::Method::GET, &path, &[("authorization", &bearer)], "").await;
        assert_eq!(answer.status, status, "{path}");
    }
    gateway.kill().await;
    let said = timeout(LONGEST, said).await.unwrap().unwrap();
    assert!(said.contains("a token was refused") && said.contains("/getUsers"), "{said}");
    for part in token.split('.') {
        assert!(!said.contains(&part[..part.len() - 4]), "{said}");
    }
}

/// Names, emails and the like of each request, and of each answer, on the way through both programs.
#[tokio::test]
async fn what_clients_write_is_never_logged() {
    let data = tempfile::tempdir().unwrap();
    let variables = [
        ("GATEWAY_ADDR", "127.0.0.1:0"),
        ("DATA_DIR", data.path().to_str().unwrap()),
        ("FAULTS", "healthy"),
        ("RUST_LOG", "trace"),
    ];
    let (gateway, log) = Running::start_with_log("gateway", &variables).await;
    let said = tokio::spawn(log.rest());
    let user = json!({ "userName": "secret-name", "email": "secret-email@example.org" });
    let user = gateway.client.post("/addUser", &user).await;
    assert_eq!(gateway.client.get(&format!("/getUserById/{}", user.id())).await.json()["userName"], "secret-name");
    for (name, status) in [("secret-event", 201), ("secret-event\u{202e}", 422)] {
        let event = json!({ "name": name, "userId": user.id(), "details": "secret-details" });
        assert_eq!(gateway.client.post("/addEvent", &event).await.status, status);
    }
    assert_eq!(gateway.client.post("/addEvent", &json!({ "secret-field": 1 })).await.status, 400);
    assert_eq!(gateway.client.get("/getUsers?secret-parameter=1").await.status, 400);
    gateway.kill().await;
    let said = timeout(LONGEST, said).await.unwrap().unwrap();
    assert!(said.contains("/addEvent") && said.contains("TRACE"), "{said}");
    let told: Vec<_> = said.lines().filter(|line| line.contains("secret-")).collect();
    assert!(told.is_empty(), "{told:?}");
}

#[tokio::test]
async fn out_of_descriptors_it_waits_and_then_serves_again() {
    let data = tempfile::tempdir().unwrap();
    let variables =
        [("GATEWAY_ADDR", "127.0.0.1:0"), ("DATA_DIR", data.path().to_str().unwrap()), ("FAULTS", "healthy")];
    let (gateway, mut log) = Running::start_with_few_descriptors("gateway", 64, &variables).await;
    let user = add_user(&gateway.client, "ada").await;
    // More than it has descriptors for, and no more than wait in the system's queue besides (128): the next ones would have to
    // knock again after seconds, and by then the connection to the event API is idle for too long and closed.
    let crowd = futures::future::join_all((0..150).map(|_| TcpStream::connect(gateway.address.clone()))).await;
    assert!(crowd.iter().any(Result::is_ok));
    let line = log.line("cannot accept connections").await;
    assert!(line.contains("WARN"), "{line}");
    let said = tokio::spawn(log.rest());
    drop(crowd);
    let event = json!({ "name": "afterwards", "userId": user });
    assert_eq!(gateway.client.post("/addEvent", &event).await.status, 201);
    gateway.signal("TERM").await;
    assert_eq!(gateway.ended().await.code(), Some(0));
    timeout(LONGEST, said).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_is_in_flight_is_finished_when_it_is_told_to_end() {
    let data = tempfile::tempdir().unwrap();
    let gateway = start(data.path(), &[("FAULTS", "addEvent=slow(500ms)")]).await;
    let event = json!({ "name": "late", "userId": add_user(&gateway.client, "ada").await });
    let client = gateway.client.clone();
    let late = tokio::spawn(async move { client.post("/addEvent", &event).await.status });
    while gateway.client.get("/status").await.json()["counters"]["admitted"] != 1 {
        tokio::task::yield_now().await;
    }
    gateway.signal("TERM").await;
    let address = gateway.address.clone();
    assert_eq!(gateway.ended().await.code(), Some(0));
    assert_eq!(late.await.unwrap(), 201);
    assert!(TcpStream::connect(address).await.is_err(), "nothing new is taken");
}

#[tokio::test]
async fn alone_it_brings_everything_up_and_ends_well_when_told() {
    let data = tempfile::tempdir().unwrap();
    let gateway = start(data.path(), &[("RESILIENCE_DELAY", "10m"), ("RESILIENCE_MAX_DELAY", "10m")]).await;
    let event = json!({ "name": "signed up", "userId": add_user(&gateway.client, "ada").await });
    let mut statuses = Vec::new();
    for _ in 0..12 {
        let answer = gateway.client.post("/addEvent", &event).await;
        let refused = !answer.header("retry-after").is_empty();
        statuses.push((answer.status, refused));
    }
    let expected = [vec![(201, false); 5], vec![(503, false); 3], vec![(503, true); 4]].concat();
    assert_eq!(statuses, expected);
    assert_eq!(gateway.client.get("/").await.status, 200);
    assert_eq!(gateway.client.get("/status").await.json()["state"], "open");
    gateway.signal("TERM").await;
    assert_eq!(gateway.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_hangup_has_the_policy_read_again_and_leaves_the_state_alone() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("policy.toml");
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    write("cool_down = { constant = \"10m\" }");
    let variables = [
        ("GATEWAY_ADDR", "127.0.0.1:0"),
        ("DATA_DIR", data.path().to_str().unwrap()),
        ("FAULTS", "addEvent=outage"),
        ("POLICY_FILE", file.to_str().unwrap()),
    ];
    let (gateway, mut log) = Running::start_with_log("gateway", &variables).await;
    let event = json!({ "name": "signed up", "userId": add_user(&gateway.client, "ada").await });
    for _ in 0..3 {
        assert_eq!(gateway.client.post("/addEvent", &event).await.status, 503);
    }
    let status = async || gateway.client.get("/status").await.json();
    let before = status().await;
    assert_eq!((&before["state"], &before["next_cool_down_ms"]), (&json!("open"), &json!(600_000)));
    let opened = |status: &Value| {
        let fields = ["state", "open_for_ms", "level", "counters"];
        fields.map(|field| status[field].clone())
    };

    write("cool_down = { constant = \"20m\" }");
    gateway.signal("HUP").await;
    log.line("the policy was read again").await;
    let after = status().await;
    assert_eq!(after["next_cool_down_ms"], 1_200_000);
    assert_eq!(after["transitions"][1]["what"], "policy changed");
    assert_eq!(opened(&after), opened(&before));

    for bad in ["cool_down = { constant = \"0s\" }", "cool_down = { constnat = \"1m\" }", "= nonsense ="] {
        write(bad);
        gateway.signal("HUP").await;
        let line = log.line("the policy stays as it was").await;
        assert!(line.contains("ERROR") && line.contains("policy.toml"), "{line}");
        assert_eq!(status().await["next_cool_down_ms"], 1_200_000);
    }
    std::fs::remove_file(&file).unwrap();
    gateway.signal("HUP").await;
    log.line("the policy stays as it was").await;
    assert_eq!(opened(&status().await), opened(&before));

    // What was read at last counts from the next trip on.
    let nothing = json!({});
    assert_eq!(gateway.client.post("/status/reset", &nothing).await.status, 200);
    for _ in 0..3 {
        assert_eq!(gateway.client.post("/addEvent", &event).await.status, 503);
    }
    let again = status().await["open_for_ms"].as_u64().unwrap();
    assert!((1_200_000..=1_320_000).contains(&again), "with what jitter adds: {again}");
    gateway.signal("TERM").await;
    assert_eq!(gateway.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let data = tempfile::tempdir().unwrap();
    let variables = [("FAULTS", "addEvent=hang"), ("UPSTREAM_TIMEOUT", "10m"), ("GRACE", "10m")];
    let gateway = start(data.path(), &variables).await;
    let event = json!({ "name": "stuck", "userId": add_user(&gateway.client, "ada").await });
    let client = gateway.client.clone();
    let stuck = tokio::spawn(async move {
        let json_type = [("content-type", "application/json")];
        client.try_send(http::Method::POST, "/addEvent", &json_type, event.to_string()).await.is_err()
    });
    while gateway.client.get("/status").await.json()["counters"]["admitted"] != 1 {
        tokio::task::yield_now().await;
    }
    gateway.signal("TERM").await;
    // It stops listening, and waits for what is in flight.
    while gateway.client.try_send(http::Method::GET, "/health", &[], "").await.is_ok() {
        tokio::task::yield_now().await;
    }
    gateway.signal("TERM").await;
    assert_eq!(gateway.ended().await.code(), Some(130));
    assert!(stuck.await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_loses_nothing_that_was_acknowledged() {
    let data = tempfile::tempdir().unwrap();
    let mut users: Vec<Value> = Vec::new();
    let mut events: Vec<Value> = Vec::new();
    for round in 0..3 {
        let gateway = start(data.path(), &[("FAULTS", "healthy")]).await;
        for (list, path) in [(&users, "/getUserById"), (&events, "/getEventById")] {
            for item in list {
                let kept = gateway.client.get(&format!("{path}/{}", item["id"].as_str().unwrap())).await;
                assert_eq!(kept.status, 200, "{item}");
                let mut kept = kept.json();
                if let Some(own) = kept.get_mut("events") {
                    // Events that were never acknowledged may be there; those that were must be.
                    let acknowledged = events.iter().filter(|event| event["userId"] == item["id"]);
                    for event in acknowledged {
                        assert!(own.as_array().unwrap().contains(&event["id"]), "{event}");
                    }
                    *own = json!([]);
                }
                assert_eq!(&kept, item);
            }
        }
        if round == 2 {
            gateway.signal("TERM").await;
            assert_eq!(gateway.ended().await.code(), Some(0));
            break;
        }
        let acknowledged = Arc::new(Mutex::new((Vec::new(), Vec::new())));
        let writers: Vec<_> = (0..4)
            .map(|writer| tokio::spawn(write(gateway.client.clone(), round, writer, Arc::clone(&acknowledged))))
            .collect();
        eventually("enough is written", || acknowledged.lock().unwrap().1.len() >= 40).await;
        gateway.kill().await;
        for writer in writers {
            writer.await.unwrap();
        }
        let mut written = acknowledged.lock().unwrap();
        users.append(&mut written.0);
        events.append(&mut written.1);
    }
    assert!(users.len() >= 8 && events.len() >= 80);
}

/// Adds users and events one after the other until nobody answers any more, and keeps what was acknowledged.
async fn write(client: Client, round: u32, writer: u32, acknowledged: Arc<Mutex<(Vec<Value>, Vec<Value>)>>) {
    let json_type = [("content-type", "application/json")];
    let add = async |path: &str, body: Value| {
        let answer = client.try_send(http::Method::POST, path, &json_type, body.to_string()).await.ok()?;
        assert_eq!(answer.status, 201, "{answer:?}");
        Some(answer.json())
    };
    for number in 0.. {
        let name = format!("user-{round}-{writer}-{number}");
        let email = format!("{name}@example.org");
        let Some(user) = add("/addUser", json!({ "userName": name, "email": email })).await else { return };
        acknowledged.lock().unwrap().0.push(user.clone());
        for event in 0..5 {
            let event = json!({ "name": format!("event {event}"), "userId": user["id"] });
            let Some(event) = add("/addEvent", event).await else { return };
            acknowledged.lock().unwrap().1.push(event);
        }
    }
}
