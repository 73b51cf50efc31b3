//! The gateway as a program: what it says at start, how it ends, and that a crash loses nothing that was acknowledged.
#![cfg(unix)]

use examples::token::{self, Request};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::client::{Client, eventually};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// However busy the machine is, a program has done by then what it is asked for.
const LONGEST: Duration = Duration::from_secs(60);

/// The program, beside this test's own: `target/<profile>/deps/<test>` and `target/<profile>/examples/gateway`.
fn program() -> PathBuf {
    let own = env::current_exe().unwrap();
    let profile = own.parent().and_then(Path::parent).unwrap();
    let program = profile.join("examples").join("gateway");
    if !program.exists() {
        // A test of one package alone does not build the examples of another.
        let name = match profile.file_name().unwrap().to_str().unwrap() {
            "debug" => "dev",
            name => name,
        };
        let mut cargo = std::process::Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
        let built = cargo.args(["build", "--package", "examples", "--example", "gateway", "--profile", name]).status();
        assert!(built.unwrap().success());
    }
    program
}

/// The program with these variables and no others.
fn command(variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(program());
    command.env_clear().envs(variables.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// The program at work.
struct Running {
    child: Child,
    client: Client,
}

impl Running {
    async fn start(data: &Path, variables: &[(&str, &str)]) -> Self {
        let fixed = [("GATEWAY_ADDR", "127.0.0.1:0"), ("DATA_DIR", data.to_str().unwrap()), ("RUST_LOG", "warn")];
        let mut child = command(&[&fixed, variables].concat()).stderr(Stdio::inherit()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = timeout(LONGEST, lines.next_line()).await.unwrap().unwrap().expect("a line");
        let address = line.strip_prefix("gateway listening on http://").unwrap_or_else(|| panic!("{line}")).to_owned();
        // Whoever reads no further lets the program stand still, or fail, at its next word.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { child, client: Client::new(address) }
    }

    async fn signal(&self, signal: &str) {
        let id = self.child.id().unwrap().to_string();
        let sent = Command::new("sh").args(["-c", &format!("kill -{signal} {id}")]).status().await.unwrap();
        assert!(sent.success());
    }

    async fn exit_code(mut self) -> Option<i32> {
        timeout(LONGEST, self.child.wait()).await.unwrap().unwrap().code()
    }

    async fn add_user(&self, name: &str) -> String {
        let user = json!({ "userName": name, "email": format!("{name}@example.org") });
        let added = self.client.post("/addUser", &user).await;
        assert_eq!(added.status, 201, "{added:?}");
        added.id()
    }
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
        let output = timeout(LONGEST, command(&variables).output()).await.unwrap().unwrap();
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
    let mut child = command(&variables).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = timeout(LONGEST, lines.next_line()).await.unwrap().unwrap().expect("a line");
    let client = Client::new(line.strip_prefix("gateway listening on http://").unwrap());
    // What is not read would hold the program up once the pipe is full.
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let said = tokio::spawn(async move {
        let mut text = String::new();
        while let Ok(Some(line)) = said.next_line().await {
            text.push_str(&line);
        }
        text
    });
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    let (head, tail) = token.split_at(token.len() - 4);
    let wrong = format!("{head}{}", if tail == "AAAA" { "BBBB" } else { "AAAA" });
    for (path, token, status) in [
        ("/getUsers".to_owned(), &token, 200),
        ("/getUsers".to_owned(), &wrong, 401),
        (format!("/getUsers?access_token={token}"), &token, 400),
    ] {
        let bearer = format!("Bearer {token}");
        let answer = client.send(http::Method::GET, &path, &[("authorization", &bearer)], "").await;
        assert_eq!(answer.status, status, "{path}");
    }
    child.kill().await.unwrap();
    let said = timeout(LONGEST, said).await.unwrap().unwrap();
    assert!(said.contains("a token was refused") && said.contains("/getUsers"), "{said}");
    for part in token.split('.') {
        assert!(!said.contains(&part[..part.len() - 4]), "{said}");
    }
}

#[tokio::test]
async fn alone_it_brings_everything_up_and_ends_well_when_told() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Running::start(data.path(), &[("RESILIENCE_DELAY", "10m"), ("RESILIENCE_MAX_DELAY", "10m")]).await;
    let event = json!({ "name": "signed up", "userId": gateway.add_user("ada").await });
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
    assert_eq!(gateway.exit_code().await, Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let data = tempfile::tempdir().unwrap();
    let variables = [("FAULTS", "addEvent=hang"), ("UPSTREAM_TIMEOUT", "10m"), ("GRACE", "10m")];
    let gateway = Running::start(data.path(), &variables).await;
    let event = json!({ "name": "stuck", "userId": gateway.add_user("ada").await });
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
    assert_eq!(gateway.exit_code().await, Some(130));
    assert!(stuck.await.unwrap());
}

/// What was written by all writers so far.
#[derive(Default)]
struct Written {
    users: Vec<Value>,
    /// As they were acknowledged.
    events: Vec<Value>,
    /// Events for which no answer came, with the keys that they were sent with.
    unanswered: Vec<(String, Value)>,
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_kills_in_a_row_lose_nothing_that_was_acknowledged_and_one_key_makes_one_event() {
    const KILLS: u32 = 50;
    let data = tempfile::tempdir().unwrap();
    let mut all = Written::default();
    for round in 0..KILLS {
        let mut gateway = Running::start(data.path(), &[("FAULTS", "healthy")]).await;
        // What nobody knows the end of is sent again, with its key.
        for (key, event) in std::mem::take(&mut all.unanswered) {
            let again = gateway.client.post_with("/addEvent", &[("idempotency-key", &key)], &event).await;
            assert_eq!(again.status, 201, "{again:?}");
            all.events.push(again.json());
        }
        let written = Arc::new(Mutex::new(Written::default()));
        let writers: Vec<_> = (0..4)
            .map(|writer| tokio::spawn(write(gateway.client.clone(), round, writer, Arc::clone(&written))))
            .collect();
        eventually("enough is written", || written.lock().unwrap().events.len() >= 12).await;
        gateway.child.kill().await.unwrap();
        for writer in writers {
            writer.await.unwrap();
        }
        let mut written = std::mem::take(&mut *written.lock().unwrap());
        all.users.append(&mut written.users);
        all.events.append(&mut written.events);
        all.unanswered.append(&mut written.unanswered);
    }
    let gateway = Running::start(data.path(), &[("FAULTS", "healthy")]).await;
    for user in &all.users {
        let kept = gateway.client.get(&format!("/getUserById/{}", user["id"].as_str().unwrap())).await;
        assert_eq!(kept.status, 200, "{user}");
        let mut kept = kept.json();
        // Events that were never acknowledged may be there; those that were must be.
        let own = std::mem::replace(&mut kept["events"], json!([]));
        for event in all.events.iter().filter(|event| event["userId"] == user["id"]) {
            assert!(own.as_array().unwrap().contains(&event["id"]), "{event}");
        }
        assert_eq!(&kept, user);
    }
    let mut stored = 0;
    for event in &all.events {
        let kept = gateway.client.get(&format!("/getEventById/{}", event["id"].as_str().unwrap())).await;
        assert_eq!((kept.status, &kept.json()), (200, event));
        stored += 1;
    }
    assert!(all.users.len() >= 100 && stored >= 12 * KILLS, "{} users, {stored} events", all.users.len());
    // Every event was sent under a name and a key of its own, some of them twice.
    let (mut names, mut next) = (BTreeMap::new(), Some("/getEvents?limit=100".to_owned()));
    while let Some(page) = next {
        let page = gateway.client.get(&page).await.json();
        for event in page["items"].as_array().unwrap() {
            *names.entry(event["name"].as_str().unwrap().to_owned()).or_insert(0) += 1;
        }
        next = page["next"].as_str().map(|cursor| format!("/getEvents?limit=100&cursor={cursor}"));
    }
    let twice: Vec<_> = names.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    assert!(names.len() >= all.events.len());
    gateway.signal("TERM").await;
    assert_eq!(gateway.exit_code().await, Some(0));
}

/// Adds users and events one after the other until nobody answers any more, and keeps what was acknowledged.
async fn write(client: Client, round: u32, writer: u32, written: Arc<Mutex<Written>>) {
    let add = async |path: &str, headers: &[(&str, &str)], body: &Value| {
        let headers = [&[("content-type", "application/json")], headers].concat();
        let answer = client.try_send(http::Method::POST, path, &headers, body.to_string()).await.ok()?;
        assert_eq!(answer.status, 201, "{answer:?}");
        Some(answer.json())
    };
    for number in 0.. {
        let name = format!("user-{round}-{writer}-{number}");
        let email = format!("{name}@example.org");
        let Some(user) = add("/addUser", &[], &json!({ "userName": name, "email": email })).await else { return };
        written.lock().unwrap().users.push(user.clone());
        for event in 0..5 {
            let key = format!("{name}-{event}");
            let event = json!({ "name": key, "userId": user["id"] });
            match add("/addEvent", &[("idempotency-key", &key)], &event).await {
                Some(event) => written.lock().unwrap().events.push(event),
                None => return written.lock().unwrap().unanswered.push((key, event)),
            }
        }
    }
}

#[cfg(target_os = "linux")]
mod assault {
    use super::*;
    use support::client::raw;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpStream;

    impl Running {
        fn proc(&self, name: &str) -> PathBuf {
            Path::new("/proc").join(self.child.id().unwrap().to_string()).join(name)
        }

        fn descriptors(&self) -> usize {
            std::fs::read_dir(self.proc("fd")).unwrap().count()
        }

        fn resident_kib(&self) -> u64 {
            let status = std::fs::read_to_string(self.proc("status")).unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
            line.trim().trim_end_matches(" kB").parse().unwrap()
        }
    }

    fn head(length: usize) -> String {
        format!(
            "POST /addEvent HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        )
    }

    /// What hostile and unlucky clients send. Most of it is answered, and nothing of it with a 500.
    fn missiles() -> Vec<Vec<u8>> {
        let nested = "[".repeat(60_000);
        let huge = "x".repeat(500_000);
        let texts = [
            "\0\u{1}\u{2}garbage\r\n\r\n".to_owned(),
            format!("GET /{huge} HTTP/1.1\r\nhost: a\r\n\r\n"),
            format!("GET / HTTP/1.1\r\nhost: a\r\nx: {huge}\r\n\r\n"),
            format!("{}{nested}", head(nested.len())),
            format!("{}{{\"name\"", head(9_999_999)),
            head(10) + "{\"name\": 1e999}",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
            "CONNECT example.org:443 HTTP/1.1\r\nhost: example.org\r\n\r\n".to_owned(),
            "POST /addUser HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n".to_owned(),
            "GET /status HTTP/1.1\r\n\r\n".to_owned(),
        ];
        texts.map(String::into_bytes).to_vec()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn after_an_assault_descriptors_and_memory_are_back_where_they_were() {
        let data = tempfile::tempdir().unwrap();
        let limits = [
            ("FAULTS", "healthy"),
            ("HEADER_TIMEOUT", "500ms"),
            ("BODY_TIMEOUT", "500ms"),
            ("IDLE_TIMEOUT", "500ms"),
            ("WRITE_TIMEOUT", "500ms"),
            ("MAX_CONNECTIONS", "128"),
            ("UPSTREAM_IDLE_CONNECTIONS", "1"),
        ];
        let gateway = Running::start(data.path(), &limits).await;
        let address = gateway.client.address().to_owned();
        let quiet = async || {
            // One round of everything, so that what is made once is there; then until idle connections are closed.
            for missile in missiles() {
                let answer = raw(&address, &missile).await;
                assert!(!answer.starts_with("HTTP/1.1 500"), "{answer}");
            }
            gateway.add_user("quiet").await;
        };
        quiet().await;
        let mut baseline = gateway.descriptors();
        eventually("idle connections are closed", || {
            let now = gateway.descriptors();
            let settled = now == baseline;
            baseline = now;
            settled
        })
        .await;
        let before = gateway.resident_kib();
        for _ in 0..3 {
            let mut silent = Vec::new();
            let mut shots = tokio::task::JoinSet::new();
            for number in 0..200 {
                let missile = missiles().swap_remove(number % 10);
                let target = address.clone();
                shots.spawn(async move { raw(&target, &missile).await });
                // Says nothing, or half of a head, or asks for a stream and goes away.
                if let Ok(mut stream) = TcpStream::connect(&address).await {
                    let words = [&b""[..], b"GET /status HT", b"GET /status/stream HTTP/1.1\r\nhost: a\r\n\r\n"];
                    stream.write_all(words[number % 3]).await.ok();
                    silent.push(stream);
                }
            }
            while let Some(answer) = shots.join_next().await {
                let answer = answer.unwrap();
                assert!(!answer.starts_with("HTTP/1.1 500"), "{answer}");
            }
            drop(silent);
        }
        assert_eq!(gateway.client.get("/health").await.status, 200);
        eventually("descriptors are back", || gateway.descriptors() <= baseline + 2).await;
        let after = gateway.resident_kib();
        assert!(after < before + 64 * 1024, "{before} KiB before, {after} KiB after");
        gateway.signal("TERM").await;
        assert_eq!(gateway.exit_code().await, Some(0));
    }
}
