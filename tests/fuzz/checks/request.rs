//! Bytes on a connection to the gateway: it answers, or closes; no handler panics, and the next client is served.

use examples::gateway::{self, Config, Running};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// One for all inputs.
struct Rig {
    address: SocketAddr,
    _runtime: Runtime,
    _gateway: Running,
    _data: TempDir,
}

fn rig() -> &'static Rig {
    static RIG: OnceLock<Rig> = OnceLock::new();
    RIG.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let data = tempfile::tempdir().unwrap();
        let config = Config {
            gateway_addr: ([127, 0, 0, 1], 0).into(),
            data_dir: data.path().to_owned(),
            faults: "healthy".parse().unwrap(),
            ..Config::default()
        };
        let gateway = runtime.block_on(gateway::start(config)).unwrap();
        Rig { address: gateway.addr(), _runtime: runtime, _gateway: gateway, _data: data }
    })
}

/// Nothing takes so long but a stream of events, which has no end.
const LONGEST: Duration = Duration::from_secs(10);

/// Sends it and closes this side, so that the other end knows that no more is to come: it answers what it can, gives up on
/// what is cut short, and closes the connection in its turn. So there is no guess about how long an answer takes, by which a
/// slow one would be missed, and nothing to wait for after it.
fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    // It may have said no, and gone, before it was sent all.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let start = Instant::now();
    let mut answer = Vec::new();
    let mut some = [0; 4096];
    while let Some(left) = LONGEST.checked_sub(start.elapsed()).filter(|left| !left.is_zero()) {
        stream.set_read_timeout(Some(left)).unwrap();
        match stream.read(&mut some) {
            Ok(0) | Err(_) => break,
            Ok(length) => answer.extend_from_slice(&some[..length]),
        }
    }
    answer
}

/// Whether there was an answer to it.
///
/// A handler that panics ends the fuzzer at once, on whatever thread it runs; here, and in a test, it is a 500.
pub(crate) fn check(data: &[u8]) -> bool {
    let rig = rig();
    let answer = exchange(rig.address, data);
    let answer = String::from_utf8_lossy(&answer);
    assert!(!answer.contains("HTTP/1.1 500"), "{answer}");
    assert!(answer.is_empty() || answer.starts_with("HTTP/1."), "{answer}");
    let health = exchange(rig.address, b"GET /health HTTP/1.1\r\nhost: a\r\n\r\n");
    assert!(health.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&health));
    !answer.is_empty()
}
