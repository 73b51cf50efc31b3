//! After a flood everything is as it was: file descriptors and memory are given back, and nobody was kept waiting meanwhile.
#![cfg(target_os = "linux")]

use serde_json::json;
use std::time::Duration;
use support::client::{Client, eventually};
use support::process::Running;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Connections at a time; the server takes more than that.
const AT_ONCE: usize = 300;
const ROUNDS: usize = 3;

/// What a client may send, and then say nothing more.
const BEGINNINGS: &[&str] = &[
    "",
    "G",
    "GET /health HTTP/1.1\r\nhost: a\r\nx-slow: ",
    "GET /health HTTP/1.1\r\nhost: a\r\n\r\n",
    "POST /addEvent HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{\"name\"",
    "POST /addEvent HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"na",
    "POST /addEvent HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 99999999\r\n\r\n{",
    "POST /addUser HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n",
    "PRI * HT",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0",
    "GET /status/stream HTTP/1.1\r\nhost: a\r\n\r\n",
    "CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n",
    "\0\u{1}\u{2}garbage\r\n\r\n",
];

/// The program's own account, in `/proc`.
fn descriptors(id: u32) -> usize {
    std::fs::read_dir(format!("/proc/{id}/fd")).unwrap().count()
}

fn resident_kib(id: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Opens connections that begin something, and keeps them until the server has closed each or `patience` is over.
async fn flood(address: &str, patience: Duration) {
    let one = async |number: usize| {
        let Ok(mut stream) = TcpStream::connect(address).await else { return };
        let beginning = BEGINNINGS[number % BEGINNINGS.len()];
        stream.write_all(beginning.as_bytes()).await.ok();
        if number.is_multiple_of(5) {
            // More of it than anybody wants to keep.
            stream.write_all(&[b'['; 100_000]).await.ok();
        }
        if number.is_multiple_of(7) {
            return; // Gone at once.
        }
        let mut answer = Vec::new();
        timeout(patience, stream.read_to_end(&mut answer)).await.ok();
        assert!(!answer.starts_with(b"HTTP/1.1 500"), "{beginning:?}");
    };
    futures::future::join_all((0..AT_ONCE).map(one)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_connections_leaves_no_descriptor_and_no_memory_behind() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Running::start(
        "gateway",
        &[
            ("GATEWAY_ADDR", "127.0.0.1:0"),
            ("DATA_DIR", data.path().to_str().unwrap()),
            ("FAULTS", "healthy"),
            ("RUST_LOG", "error"),
            ("HEADER_TIMEOUT", "500ms"),
            ("BODY_TIMEOUT", "500ms"),
            ("IDLE_TIMEOUT", "500ms"),
            ("MAX_STREAMS", "4"),
        ],
    )
    .await;
    let (id, address) = (gateway.id(), gateway.address.clone());
    let added = gateway.client.post("/addUser", &json!({ "userName": "ada", "email": "ada@example.org" })).await;
    let event = json!({ "name": "signed up", "userId": added.id() });
    // The first flood fills pools and caches; what the next ones leave would be a leak.
    flood(&address, Duration::from_secs(2)).await;
    let settled = settled(&gateway).await;
    let memory = resident_kib(id);

    for _ in 0..ROUNDS {
        let other = Client::new(&address);
        let (served, ()) = futures::join!(
            async {
                let mut served = 0;
                for _ in 0..10 {
                    // A connection each, as the server closes idle ones soon.
                    let answer = other.post_with("/addEvent", &[("connection", "close")], &event).await;
                    served += u32::from(answer.status == 201);
                }
                served
            },
            flood(&address, Duration::from_secs(2)),
        );
        assert_eq!(served, 10, "others are served meanwhile");
    }
    eventually("the descriptors are given back", || descriptors(id) <= settled).await;
    // What the allocator keeps for the next time is no leak; three floods more would be, if they kept what they read.
    let grown = resident_kib(id).saturating_sub(memory);
    assert!(grown < 16 * 1024, "{grown} KiB more than the {memory} before");
    assert_eq!(gateway.client.get("/health").await.status, 200);
}

/// How many descriptors there are when nobody is connected but the one who asks.
async fn settled(gateway: &Running) -> usize {
    let (id, address) = (gateway.id(), gateway.address.clone());
    let port: u16 = address.rsplit(':').next().unwrap().parse().unwrap();
    eventually("all connections are closed", || connections(port) == 0).await;
    descriptors(id)
}

/// Connections to the port that are established, as the system tells it.
fn connections(port: u16) -> usize {
    let wanted = format!(":{port:04X}");
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    // The columns: number, local address, remote address, state; 01 is established.
    let columns = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    columns.filter(|line| line[1].ends_with(&wanted) && line[3] == "01").count()
}
