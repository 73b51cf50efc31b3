//! Bytes on a connection to the gateway: it answers, or closes; no handler panics, and the next client is served.
#![no_main]

use examples::gateway::{self, Config, Running};
use libfuzzer_sys::fuzz_target;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::time::Duration;
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

/// Sends it, and reads what comes while this much time does not pass in silence.
fn exchange(address: SocketAddr, bytes: &[u8], patience: Duration) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(patience)).unwrap();
    // It may have said no, and gone, before it was sent all.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = (&stream).take(100_000).read_to_end(&mut answer);
    let _ = stream.shutdown(Shutdown::Both);
    answer
}

fuzz_target!(|data: &[u8]| {
    let rig = rig();
    let answer = exchange(rig.address, data, Duration::from_millis(15));
    let answer = String::from_utf8_lossy(&answer);
    assert!(!answer.contains("HTTP/1.1 500"), "{answer}");
    assert!(answer.is_empty() || answer.starts_with("HTTP/1."), "{answer}");
    let next = b"GET /health HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let health = exchange(rig.address, next, Duration::from_secs(10));
    assert!(health.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&health));
});
