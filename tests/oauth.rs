//! Bearer tokens end to end: an issuer's keys over a real socket, and a gateway that asks for its tokens.

use examples::event_api::faults::RouteName;
use examples::gateway::{self, Config, Running};
use examples::http::{Answer as HttpAnswer, Problem, Router, Server, ServerLimits, json as http_json};
use examples::token::{self, Request, SigningKey};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use support::client::{Answer, Client};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const ISSUER: &str = "https://issuer.example";
const EVERYTHING: &str = "events:read events:write admin";

/// Where an issuer publishes its keys; clones share them.
#[derive(Clone, Default)]
struct Published {
    keys: Arc<Mutex<Option<Vec<Value>>>>,
    asked: Arc<AtomicUsize>,
}

impl Published {
    fn publish(&self, keys: &[&SigningKey]) {
        *self.keys.lock().unwrap() = Some(keys.iter().map(|key| key.public().unwrap()).collect());
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    async fn serve(&self) -> examples::http::Running {
        let answer = |published: Self, _| async move {
            published.asked.fetch_add(1, Ordering::SeqCst);
            let keys = published.keys.lock().unwrap().clone();
            let Some(keys) = keys else { return HttpAnswer::Err(Problem::internal()) };
            http_json::response(StatusCode::OK, &json!({ "keys": keys }))
        };
        let router = Router::builder(self.clone()).get("/jwks.json", answer).build().unwrap();
        Server::bind(([127, 0, 0, 1], 0).into(), ServerLimits::default()).await.unwrap().start(router)
    }
}

struct Rig {
    gateway: Running,
    client: Client,
    issuer: Published,
    key: SigningKey,
    _server: examples::http::Running,
    _data: TempDir,
}

impl Rig {
    /// With an issuer that publishes one key, unless it is down.
    async fn start(down: bool, change: impl FnOnce(&mut Config)) -> Self {
        let (issuer, key) = (Published::default(), SigningKey::generate().unwrap());
        if !down {
            issuer.publish(&[&key]);
        }
        let server = issuer.serve().await;
        let data = tempfile::tempdir().unwrap();
        let mut config = Config {
            gateway_addr: ([127, 0, 0, 1], 0).into(),
            data_dir: data.path().to_owned(),
            faults: "healthy".parse().unwrap(),
            ..Config::default()
        };
        config.bounds.upstream_timeout = Duration::from_secs(30);
        config.oauth.oauth_issuer = Some(ISSUER.to_owned());
        config.oauth.oauth_audience = Some("gateway".to_owned());
        config.oauth.oauth_jwks = Some(format!("http://{}/jwks.json", server.addr()));
        change(&mut config);
        let gateway = gateway::start(config).await.unwrap();
        let client = Client::new(gateway.addr());
        Self { gateway, client, issuer, key, _server: server, _data: data }
    }

    async fn get(&self, path: &str, token: &str) -> Answer {
        self.client.send(Method::GET, path, &[("authorization", &bearer(token))], "").await
    }

    async fn post(&self, path: &str, token: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let authorization = bearer(token);
        let headers = [&[("authorization", authorization.as_str())], headers].concat();
        self.client.post_with(path, &headers, body).await
    }
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn allowing(key: &SigningKey, scope: &str) -> String {
    signed(key, &json!({ "scope": scope }))
}

/// A token with good claims, and these on top of them.
fn signed(key: &SigningKey, claims: &Value) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let mut all = json!({ "iss": ISSUER, "aud": "gateway", "sub": "ada", "iat": now, "exp": now + 3600 });
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    key.sign("at+jwt", &all).unwrap()
}

#[tokio::test]
async fn whoever_shows_nothing_is_told_how_to_ask_and_nothing_else() {
    let rig = Rig::start(false, |_| {}).await;
    let good = allowing(&rig.key, EVERYTHING);
    for answer in [
        rig.client.get("/getUsers").await,
        rig.client.get(&format!("/getUsers?access_token={good}")).await,
        rig.client.get(&format!("/status/stream?access_token={good}")).await,
        rig.client.send(Method::GET, "/getUsers", &[("authorization", "Basic dXNlcjpwYXNz")], "").await,
    ] {
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, r#"Bearer realm="gateway""#));
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    assert_eq!(rig.get("/getUsers", &good).await.status, 200);
}

#[tokio::test]
async fn a_token_that_does_not_hold_is_refused_as_invalid() {
    let rig = Rig::start(false, |_| {}).await;
    let other = SigningKey::generate().unwrap();
    let expired = signed(&rig.key, &json!({ "scope": EVERYTHING, "exp": 1_700_000_000 }));
    let foreign = signed(&rig.key, &json!({ "scope": EVERYTHING, "aud": "elsewhere" }));
    for token in [&expired, &foreign, &allowing(&other, EVERYTHING), "nonsense"] {
        let answer = rig.get("/getUsers", token).await;
        assert_eq!(answer.status, 401);
        assert!(answer.header("www-authenticate").contains(r#"error="invalid_token""#), "{answer:?}");
        assert!(!String::from_utf8_lossy(&answer.body).contains(token), "it is not repeated");
    }
    let twice = [("authorization", bearer(&expired)), ("authorization", bearer(&allowing(&rig.key, EVERYTHING)))];
    let twice: Vec<_> = twice.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = rig.client.send(Method::GET, "/getUsers", &twice, "").await;
    assert_eq!(answer.status, 400);
    assert!(answer.header("www-authenticate").contains(r#"error="invalid_request""#), "{answer:?}");
}

#[tokio::test]
async fn every_route_asks_for_what_the_document_says_and_for_no_less() {
    let rig = Rig::start(false, |_| {}).await;
    let document = rig.client.get("/openapi.json").await.json();
    assert_eq!(document["components"]["securitySchemes"]["token"]["scheme"], "bearer");
    let mut scopes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (name, operation) in item.as_object().unwrap() {
            let method: Method = name.to_uppercase().parse().unwrap();
            let path = path.replace("{id}", "01900000-0000-7000-8000-000000000000");
            let with = async |token: Option<String>| {
                let authorization = token.map(|token| bearer(&token));
                let headers: Vec<_> = authorization.iter().map(|value| ("authorization", value.as_str())).collect();
                rig.client.send(method.clone(), &path, &headers, "").await
            };
            let Some(scope) = operation["security"][0]["token"][0].as_str() else {
                assert_eq!(with(None).await.status, 200, "{path}");
                continue;
            };
            scopes.push(scope);
            assert_eq!(with(None).await.status, 401, "{path}");
            let others: Vec<_> = EVERYTHING.split(' ').filter(|other| *other != scope).collect();
            let denied = with(Some(allowing(&rig.key, &others.join(" ")))).await;
            assert_eq!(denied.status, 403, "{path}");
            let challenge = format!(r#"error="insufficient_scope", scope="{scope}""#);
            assert!(denied.header("www-authenticate").ends_with(&challenge), "{denied:?}");
            if path != "/status/stream" {
                let allowed = with(Some(allowing(&rig.key, scope))).await.status;
                assert!(![401, 403, 503].contains(&allowed), "{path}: {allowed}");
            }
        }
    }
    scopes.sort_unstable();
    assert_eq!(scopes, [vec!["admin"; 5], vec!["events:read"; 8], vec!["events:write"; 2]].concat());
    let received = rig.gateway.upstream().unwrap().faults().received_by(RouteName::AddEvent);
    assert_eq!(received, 0, "nothing got through that had no business there");
}

#[tokio::test]
async fn an_operator_and_a_watcher_use_tokens() {
    let rig = Rig::start(false, |_| {}).await;
    let admin = allowing(&rig.key, "admin");
    assert_eq!(rig.post("/status/force-open", &admin, &[], &json!({})).await.status, 200);
    let status = rig.get("/status", &allowing(&rig.key, "events:read")).await.json();
    assert_eq!(status["overlay"], "forced_open");
    // As a page does it that reads the stream itself, because it cannot send a token otherwise.
    let mut stream = tokio::net::TcpStream::connect(rig.gateway.addr()).await.unwrap();
    let authorization = bearer(&allowing(&rig.key, "events:read"));
    let request =
        format!("GET /status/stream HTTP/1.1\r\nhost: gateway.example\r\nauthorization: {authorization}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut told = String::new();
    while !told.contains("event: status\ndata: {") {
        let mut buffer = [0; 4096];
        let read = tokio::time::timeout(Duration::from_secs(30), stream.read(&mut buffer)).await.unwrap().unwrap();
        assert_ne!(read, 0, "{told}");
        told.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
}

#[tokio::test]
async fn a_new_key_is_fetched_once_and_forged_ones_fetch_nothing_more() {
    let rig = Rig::start(false, |_| {}).await;
    assert_eq!(rig.get("/getUsers", &allowing(&rig.key, EVERYTHING)).await.status, 200);
    assert_eq!(rig.issuer.asked(), 1);
    let next = SigningKey::generate().unwrap();
    rig.issuer.publish(&[&rig.key, &next]);
    let fresh = allowing(&next, EVERYTHING);
    let both = tokio::join!(rig.get("/getUsers", &fresh), rig.get("/getEvents", &fresh));
    assert_eq!((both.0.status, both.1.status), (200, 200));
    assert_eq!(rig.issuer.asked(), 2, "both waited for the one answer");
    for _ in 0..20 {
        let forged = allowing(&SigningKey::generate().unwrap(), EVERYTHING);
        assert_eq!(rig.get("/getUsers", &forged).await.status, 401);
    }
    assert_eq!(rig.issuer.asked(), 2, "the cool-down of half a minute is not over");
    assert_eq!(rig.get("/getUsers", &allowing(&rig.key, EVERYTHING)).await.status, 200, "the old key stays");
}

#[tokio::test]
async fn while_the_keys_cannot_be_had_nobody_is_let_in_and_then_everybody_is() {
    let rig = Rig::start(true, |config| config.oauth.oauth_jwks_cooldown = Duration::from_millis(1)).await;
    let good = allowing(&rig.key, EVERYTHING);
    let answer = rig.get("/getUsers", &good).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "1"));
    assert_eq!(rig.client.get("/getUsers").await.status, 401);
    assert_eq!(rig.client.get("/ready").await.status, 503);
    assert_eq!(rig.client.get("/health").await.status, 200);
    rig.issuer.publish(&[&rig.key]);
    let start = tokio::time::Instant::now();
    while rig.get("/getUsers", &good).await.status != 200 {
        assert!(start.elapsed() < Duration::from_secs(60), "in vain");
    }
    assert_eq!(rig.client.get("/ready").await.status, 200);
}

#[tokio::test]
async fn the_same_idempotency_key_of_two_clients_is_two_keys() {
    let rig = Rig::start(false, |_| {}).await;
    let ada = allowing(&rig.key, EVERYTHING);
    let bob = signed(&rig.key, &json!({ "scope": EVERYTHING, "sub": "bob" }));
    let user = json!({ "userName": "ada", "email": "ada@example.org" });
    let user = rig.post("/addUser", &ada, &[], &user).await.id();
    let longest = "k".repeat(255);
    for key in ["1", &longest] {
        let event = json!({ "name": "signed up", "userId": user });
        let add = async |token: &str| rig.post("/addEvent", token, &[("idempotency-key", key)], &event).await;
        let (first, again, other) = (add(&ada).await, add(&ada).await, add(&bob).await);
        assert_eq!((first.status, again.status, other.status), (201, 201, 201), "{other:?}");
        assert_eq!((first.id(), again.header("idempotent-replayed")), (again.id(), "true"));
        assert_ne!(first.id(), other.id());
        assert_eq!(other.header("idempotent-replayed"), "");
    }
}

#[tokio::test]
async fn with_tokens_an_address_that_others_can_reach_is_fine() {
    let rig = Rig::start(false, |config| config.gateway_addr = ([0, 0, 0, 0], 0).into()).await;
    let client = Client::new(format!("127.0.0.1:{}", rig.gateway.addr().port()));
    assert_eq!(client.get("/getUsers").await.status, 401);
}

#[tokio::test]
async fn keys_in_a_file_are_tried_out_with_the_token_example() {
    let data = tempfile::tempdir().unwrap();
    let directory = data.path().join("oauth");
    let mut request = Request { dir: directory.clone(), scope: "events:read".to_owned(), ..Request::default() };
    let first = token::make(&request).unwrap().token;
    let jwks = directory.join("jwks.json").display().to_string();
    let rig = Rig::start(false, |config| config.oauth.oauth_jwks = Some(jwks)).await;
    assert_eq!(rig.get("/getUsers", &first).await.status, 200);
    request.rotate = true;
    let second = token::make(&request).unwrap().token;
    assert_eq!(rig.get("/getUsers", &second).await.status, 200);
    assert_eq!(rig.get("/getUsers", &first).await.status, 200);
    assert_eq!(rig.post("/addUser", &second, &[], &json!({})).await.status, 403);
}

#[tokio::test]
async fn keys_that_cannot_be_used_are_refused_at_the_start() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("jwks.json");
    for content in [None, Some("<html>"), Some(r#"{"keys": []}"#)] {
        if let Some(content) = content {
            std::fs::write(&file, content).unwrap();
        }
        let mut config = Config { gateway_addr: ([127, 0, 0, 1], 0).into(), ..Config::default() };
        config.oauth.oauth_issuer = Some(ISSUER.to_owned());
        config.oauth.oauth_audience = Some("gateway".to_owned());
        config.oauth.oauth_jwks = Some(file.display().to_string());
        let error = gateway::start(config).await.unwrap_err().to_string();
        assert!(error.starts_with("OAUTH_JWKS: cannot be used: "), "{error}");
    }
}
