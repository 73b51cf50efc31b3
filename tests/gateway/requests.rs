//! What clients send, good and bad: nothing that is wrong gets to the upstream or counts against it.

use super::Rig;
use http::Method;
use serde_json::{Value, json};
use support::client::raw;

const UNKNOWN: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

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
