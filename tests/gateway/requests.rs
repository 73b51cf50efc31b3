//! What clients send, good and bad: nothing that is wrong gets to the upstream or counts against it.

use super::{Rig, UNKNOWN};
use examples::gateway::{self, Config};
use http::Method;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use support::client::raw;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_body_is_said_before_anything_is_sent() {
    let rig = Rig::start("healthy", |config| config.limits.max_body_bytes = 4096).await;
    let received = rig.received();
    let event = |body: Value| ("/addEvent", "application/json", body.to_string());
    let user = |body: Value| ("/addUser", "application/json", body.to_string());
    let id = rig.user.clone();
    let nested = format!("{{\"name\":{}", "[".repeat(4000));
    for ((path, media_type, body), status) in [
        (("/addEvent", "application/json", "{".to_owned()), 400),
        (("/addEvent", "application/json", String::new()), 400),
        (("/addEvent", "application/json", format!("{{\"name\":\"a\",\"name\":\"b\",\"userId\":\"{id}\"}}")), 400),
        (("/addEvent", "application/json", nested), 400),
        (("/addEvent", "application/json", "\u{feff}{}".to_owned()), 400),
        (("/addEvent", "text/plain", json!({ "name": "a", "userId": id }).to_string()), 415),
        (("/addEvent", "application/json", "x".repeat(5000)), 413),
        (event(json!([])), 400),
        (event(json!({ "name": "a" })), 400),
        (event(json!({ "name": "a", "userId": "1" })), 400),
        (event(json!({ "name": "a", "userId": id, "more": 1 })), 400),
        (event(json!({ "name": "", "userId": id })), 422),
        (event(json!({ "name": "x".repeat(101), "userId": id })), 422),
        (event(json!({ "name": "a\u{202e}b", "userId": id })), 422),
        (user(json!({ "userName": "bob" })), 400),
        (user(json!({ "userName": "bob", "email": "nowhere" })), 422),
        (user(json!({ "userName": "bob", "email": "a@b@example.org" })), 422),
        (user(json!({ "userName": " ", "email": "bob@example.org" })), 422),
    ] {
        let short: String = body.chars().take(60).collect();
        let answer = rig.client.send(Method::POST, path, &[("content-type", media_type)], body).await;
        assert_eq!(answer.status, status, "{short}");
        assert_eq!(answer.header("content-type"), "application/problem+json", "{short}");
    }
    let gzip = [("content-type", "application/json"), ("content-encoding", "gzip")];
    assert_eq!(rig.client.send(Method::POST, "/addEvent", &gzip, "{}").await.status, 415);
    assert_eq!(rig.received(), received, "nothing was sent");
    assert!(rig.gateway.breaker().snapshot().failures.is_empty());
    assert_eq!(rig.client.get("/getUsers").await.json()["items"].as_array().unwrap().len(), 1);
    assert_eq!(rig.client.get("/getEvents").await.json()["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_path_id_page_or_method_is_said_before_anything_is_sent() {
    let rig = Rig::start("healthy", |_| {}).await;
    let received = rig.received();
    for (path, status) in [
        ("/getUserById/1", 400),
        ("/getUserById/..%2fgetEvents", 400),
        ("/getEventById/%00", 400),
        ("/getEventById/01890A5D-AC96-774B-BCCE-B302099A805", 400),
        ("/getEventsByUserId/x", 400),
        ("/getUsers?limit=0", 400),
        ("/getUsers?limit=201", 400),
        ("/getUsers?limit=-1", 400),
        ("/getUsers?limit=18446744073709551616", 400),
        ("/getUsers?limit=abc", 400),
        ("/getEvents?cursor=nonsense", 400),
        ("/getEvents?page=2", 400),
        ("/getUserById/", 404),
        ("//getUsers", 404),
        ("/getUsers/", 404),
        ("/%67etUsers", 404),
        ("/nothing", 404),
        ("/addEvent", 405),
        ("/status/reset", 405),
    ] {
        assert_eq!(rig.client.get(path).await.status, status, "{path}");
    }
    let wrong = rig.client.send(Method::DELETE, "/addEvent", &[], "").await;
    assert_eq!((wrong.status, wrong.header("allow")), (405, "OPTIONS, POST"));
    let options = rig.client.send(Method::OPTIONS, "/getUsers", &[], "").await;
    assert_eq!((options.status, options.header("allow")), (204, "GET, HEAD, OPTIONS"));
    let head = rig.client.send(Method::HEAD, "/health", &[], "").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(rig.received(), received, "nothing was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_http_forbids_is_refused_and_nothing_is_connected_to_on_a_clients_word() {
    let rig = Rig::start("healthy", |_| {}).await;
    let received = rig.received();
    let elsewhere = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let evil = elsewhere.local_addr().unwrap();
    let end = "connection: close\r\n\r\n";
    for (request, status) in [
        (format!("GET /health HTTP/1.1\r\n{end}"), "400"),
        (format!("GET /health HTTP/1.1\r\nhost: a\r\nhost: b\r\n{end}"), "400"),
        (format!("CONNECT {evil} HTTP/1.1\r\nhost: {evil}\r\n{end}"), "405"),
        (format!("GET http://{evil}/nothing HTTP/1.1\r\nhost: {evil}\r\n{end}"), "404"),
        (format!("GET /a/../health HTTP/1.1\r\nhost: {evil}\r\n{end}"), "404"),
        (format!("FOO /health HTTP/1.1\r\nhost: a\r\n{end}"), "501"),
    ] {
        let answer = raw(rig.gateway.addr(), request.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request} {answer}");
    }
    assert_eq!(rig.received(), received, "nothing was sent");
    let connected = futures::FutureExt::now_or_never(elsewhere.accept());
    assert!(connected.is_none(), "{connected:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_user_is_404_before_anything_is_posted_and_no_failure() {
    let rig = Rig::start("healthy", |_| {}).await;
    for _ in 0..5 {
        let answer = rig.client.post("/addEvent", &json!({ "name": "a", "userId": UNKNOWN })).await;
        assert_eq!(answer.status, 404, "{answer:?}");
        assert_eq!(answer.json()["errors"][0]["field"], "userId");
    }
    assert_eq!(rig.posted(), 0);
    assert_eq!(rig.gateway.breaker().snapshot().counts.failures, 0);
    assert_eq!(rig.add_event().await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_or_an_email_that_is_taken_is_409_and_reserves_nothing() {
    let rig = Rig::start("healthy", |_| {}).await;
    let taken = rig.client.post("/addUser", &json!({ "userName": "ada", "email": "new@example.org" })).await;
    assert_eq!((taken.status, &taken.json()["errors"][0]["field"]), (409, &json!("userName")));
    let taken = rig.client.post("/addUser", &json!({ "userName": "bob", "email": "ADA@example.org" })).await;
    assert_eq!((taken.status, &taken.json()["errors"][0]["field"]), (409, &json!("email")));
    let free = rig.client.post("/addUser", &json!({ "userName": "bob", "email": "new@example.org" })).await;
    assert_eq!(free.status, 201);
    assert_eq!(free.header("location"), format!("/getUserById/{}", free.id()));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_want_one_email_at_once_one_gets_it() {
    let rig = Rig::start("healthy", |_| {}).await;
    let add = |number| {
        let user = json!({ "userName": format!("user{number}"), "email": "one@example.org" });
        let client = rig.client.clone();
        async move { client.post("/addUser", &user).await.status }
    };
    let statuses = futures::future::join_all((0..50).map(add)).await;
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 49, "{statuses:?}");
}

/// An upstream that knows every user, and keeps the heads of what it was sent.
async fn upstream_that_keeps_heads(heads: Arc<Mutex<Vec<String>>>) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let heads = Arc::clone(&heads);
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                let (mut head, mut length) = (String::new(), 0);
                while !head.ends_with("\r\n\r\n") {
                    let start = head.len();
                    if stream.read_line(&mut head).await.unwrap_or(0) == 0 {
                        return;
                    }
                    let line = head[start..].to_ascii_lowercase();
                    length = line.strip_prefix("content-length:").map_or(length, |value| value.trim().parse().unwrap());
                }
                stream.read_exact(&mut vec![0; length]).await.unwrap();
                let (status, answer) = match head.starts_with("GET ") {
                    true => {
                        ("200 OK", json!({ "id": UNKNOWN, "userName": "ada", "email": "a@b.example", "events": [] }))
                    }
                    false => ("503 Service Unavailable", json!({})),
                };
                heads.lock().unwrap().push(head.to_ascii_lowercase());
                let (answer, kind) = (answer.to_string(), "content-type: application/json\r\nconnection: close");
                let whole = format!("HTTP/1.1 {status}\r\n{kind}\r\ncontent-length: {}\r\n\r\n{answer}", answer.len());
                stream.write_all(whole.as_bytes()).await.ok();
            });
        }
    });
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_header_of_a_client_gets_to_the_upstream_but_its_key_and_its_request_id() {
    let heads = Arc::new(Mutex::new(Vec::new()));
    let url = upstream_that_keeps_heads(Arc::clone(&heads)).await;
    let config =
        Config { gateway_addr: ([127, 0, 0, 1], 0).into(), upstream_url: Some(url.clone()), ..Config::default() };
    let gateway = gateway::start(config).await.unwrap();
    let body = json!({ "name": "signed up", "userId": UNKNOWN }).to_string();
    let lines = [
        "POST /addEvent HTTP/1.1",
        "host: evil.example",
        "connection: close, x-secret, content-type",
        "x-secret: 1",
        "te: trailers",
        "trailer: x-late",
        "upgrade: h2c",
        "http2-settings: AAMAAABkAAQAAP__",
        "keep-alive: timeout=5",
        "proxy-connection: keep-alive",
        "proxy-authorization: Basic c2VjcmV0",
        "authorization: Bearer secret",
        "cookie: secret=1",
        "forwarded: for=secret",
        "x-forwarded-host: evil.example",
        "expect: 100-continue",
        "content-type: application/json",
        "idempotency-key: order-1",
        "x-request-id: request-1",
        &format!("content-length: {}", body.len()),
    ];
    let answer = raw(gateway.addr(), format!("{}\r\n\r\n{body}", lines.join("\r\n")).as_bytes()).await;
    assert!(answer.contains("HTTP/1.1 503 "), "{answer}");
    let heads = heads.lock().unwrap().clone();
    assert_eq!(heads.len(), 2, "the user, then the event: {heads:?}");
    let host = format!("host: {}", url.trim_start_matches("http://"));
    for head in &heads {
        assert!(head.contains(&host), "{head}");
        for word in ["secret", "evil", "te:", "trailer", "upgrade", "http2", "keep-alive", "connection", "expect"] {
            assert!(!head.contains(word), "{word}: {head}");
        }
    }
    let posted = &heads[1];
    assert!(posted.starts_with("post /addevent http/1.1\r\n"), "{posted}");
    assert!(posted.contains("idempotency-key: \"order-1\"") && posted.contains("x-request-id: request-1"), "{posted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_is_refused_whether_it_is_begun_or_asked_for() {
    let rig = Rig::start("healthy", |_| {}).await;
    let received = rig.received();
    let begun = raw(rig.gateway.addr(), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
    assert!(!begun.contains(" 200 ") && !begun.contains(" 101 "), "{begun}");
    let asked = "GET /health HTTP/1.1\r\nhost: a\r\nconnection: close, upgrade, http2-settings\r\nupgrade: h2c\r\n\
        http2-settings: AAMAAABkAAQAAP__\r\n\r\n";
    let asked = raw(rig.gateway.addr(), asked.as_bytes()).await;
    assert!(asked.starts_with("HTTP/1.1 200 "), "an upgrade may be passed over: {asked}");
    assert_eq!(rig.received(), received);
}
