mod half_closed;

use std::io::Write;
use std::sync::Mutex;

use bytes::Bytes;
use futures::stream;
use http::StatusCode;
use http_body::Frame;
use http_body_util::StreamBody;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tracing_subscriber::fmt::MakeWriter;

use super::*;
use crate::http::json::response;
use crate::http::{Answer, BoxError, Call, Router};

const ONE: &str = "GET /hello HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

async fn hello((): (), call: Call) -> Answer {
    response(StatusCode::OK, &json!({ "uri": call.head.uri.to_string() }))
}

async fn echo((): (), mut call: Call) -> Answer {
    let bytes = crate::http::json::read_bytes(std::mem::take(&mut call.body), BodyLimits::default()).await?;
    Ok(Response::new(Body::full(bytes)))
}

async fn panics((): (), _: Call) -> Answer {
    panic!("on purpose")
}

async fn hang((): (), _: Call) -> Answer {
    std::future::pending().await
}

/// Answers after a time that is longer than every limit on the connection.
async fn slow((): (), _: Call) -> Answer {
    sleep(Duration::from_secs(1000)).await;
    Ok(Response::new(Body::full("late")))
}

async fn endless((): (), _: Call) -> Answer {
    let frame = || Ok::<_, BoxError>(Frame::data(Bytes::from_static(&[b'x'; 16 * 1024])));
    Ok(Response::new(Body::stream(StreamBody::new(stream::repeat_with(frame)))))
}

async fn sever((): (), call: Call) -> Answer {
    let wire: &Wire = call.head.extensions.get().unwrap();
    let how = match call.head.uri.query() {
        Some("reset") => Sever::Reset,
        Some("garbage") => Sever::Garbage(Bytes::from_static(b"\x00garbage\r\n\r\n")),
        _ => Sever::Close,
    };
    match wire.sever(how).await {}
}

fn router() -> Router<()> {
    Router::builder(())
        .get("/hello", hello)
        .post("/echo", echo)
        .get("/panic", panics)
        .get("/hang", hang)
        .get("/slow", slow)
        .get("/endless", endless)
        .get("/sever", sever)
        .build()
        .unwrap()
}

async fn start(limits: ServerLimits) -> Running {
    Server::bind(([127, 0, 0, 1], 0).into(), limits).await.unwrap().start(router())
}

async fn connect(server: &Running, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Everything that comes until the other side closes.
async fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn exchange(request: &str) -> String {
    let server = start(ServerLimits::default()).await;
    rest(connect(&server, request).await).await
}

#[tokio::test]
async fn a_request_is_answered_with_its_id() {
    let answer =
        exchange("GET /hello?a=b HTTP/1.1\r\nhost: a\r\nx-request-id: abc-1\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("x-request-id: abc-1\r\n"), "{answer}");
    assert!(answer.ends_with(r#"{"uri":"/hello?a=b"}"#), "{answer}");
    let answer = exchange("GET /hello HTTP/1.1\r\nhost: a\r\nx-request-id: a b\r\nconnection: close\r\n\r\n").await;
    assert!(answer.contains("x-request-id: ") && !answer.contains("a b"), "an unusable id is replaced: {answer}");
}

#[tokio::test]
async fn a_request_needs_exactly_one_valid_host() {
    for hosts in ["", "host: a\r\nhost: a\r\n", "host: u@a\r\n", "host: a b\r\n", "host: a/b\r\n"] {
        let answer = exchange(&format!("GET /hello HTTP/1.1\r\n{hosts}\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{hosts:?}: {answer}");
        assert!(answer.contains("connection: close\r\n"), "{answer}");
    }
    assert!(exchange("GET /hello HTTP/1.0\r\n\r\n").await.starts_with("HTTP/1.0 200 "));
    assert!(exchange("GET /hello HTTP/1.1\r\nhost: [::1]:80\r\nconnection: close\r\n\r\n").await.contains(" 200 "));
}

#[tokio::test]
async fn the_absolute_form_is_answered_and_its_host_forgotten() {
    let answer = exchange("GET http://elsewhere/hello?x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    assert!(answer.ends_with(r#"{"uri":"/hello?x"}"#), "{answer}");
    let answer = exchange("GET ftp://elsewhere/hello HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test]
async fn targets_and_methods_that_are_not_ours_are_refused() {
    for (line, status) in [
        ("CONNECT elsewhere:443", 405),
        ("GET elsewhere:443", 400),
        ("GET *", 400),
        ("OPTIONS *", 204),
        ("TRACE /hello", 405),
        ("FOO /hello", 501),
        ("get /hello", 501),
    ] {
        let answer = exchange(&format!("{line} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {answer}");
    }
    let preface = exchange("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert!(!preface.contains(" 200 "), "{preface}");
    for length in [40 * 1024, 400 * 1024] {
        let server = start(ServerLimits::default()).await;
        let mut stream = TcpStream::connect(server.addr()).await.unwrap();
        let request = format!("GET /hello HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "x".repeat(length));
        // The server may answer and close before it has taken all of it.
        stream.write_all(request.as_bytes()).await.ok();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 431", "{length}");
    }
}

#[tokio::test]
async fn head_has_the_length_and_no_body() {
    let answer = exchange("HEAD /hello HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    assert!(answer.contains("content-length: 16\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn bodies_that_break_the_rules_are_refused() {
    for (headers, body, status) in [
        ("content-length: 70000", "", 413),
        ("transfer-encoding: chunked", "fffffffffffffffff\r\n", 400),
        ("transfer-encoding: chunked", "11000\r\n", 413),
        ("transfer-encoding: chunked", "zz\r\n", 400),
    ] {
        let data = if body == "11000\r\n" { "x".repeat(0x11000) } else { String::new() };
        let server = start(ServerLimits::default()).await;
        let stream = connect(&server, &format!("POST /echo HTTP/1.1\r\nhost: a\r\n{headers}\r\n\r\n{body}")).await;
        let (mut read, mut write) = stream.into_split();
        // The server may close before it has taken all of it.
        let sent = tokio::spawn(async move { write.write_all(data.as_bytes()).await.ok() });
        let mut answer = [0; 12];
        read.read_exact(&mut answer).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&answer), format!("HTTP/1.1 {status}"), "{headers} {body}");
        sent.await.unwrap();
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let get = |n: u8| format!("GET /hello?{n} HTTP/1.1\r\nhost: a\r\n\r\n");
    let answer = exchange(&format!("{}{}{ONE}", get(1), get(2))).await;
    let places: Vec<_> = ["hello?1", "hello?2", "hello\""].iter().map(|text| answer.find(text).unwrap()).collect();
    assert!(places.is_sorted(), "{answer}");
}

#[tokio::test]
async fn a_panic_is_a_500_and_nothing_more() {
    let server = start(ServerLimits::default()).await;
    let answer = rest(connect(&server, "GET /panic HTTP/1.1\r\nhost: a\r\n\r\n").await).await;
    assert!(answer.starts_with("HTTP/1.1 500 ") && !answer.contains("on purpose"), "{answer}");
    assert!(rest(connect(&server, ONE).await).await.contains(" 200 "));
}

#[tokio::test(start_paused = true)]
async fn slow_heads_and_silent_connections_are_closed_in_time() {
    let server = start(ServerLimits::default()).await;
    for begin in ["", "GET /hello HTTP/1.1\r\nho"] {
        let started = Instant::now();
        assert_eq!(rest(connect(&server, begin).await).await, "");
        assert_eq!(started.elapsed().as_secs(), 10, "{begin:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_after_the_idle_time() {
    let server = start(ServerLimits::default()).await;
    let started = Instant::now();
    let answer = rest(connect(&server, "GET /hello HTTP/1.1\r\nhost: a\r\n\r\n").await).await;
    assert!(answer.contains(" 200 "));
    assert_eq!(started.elapsed().as_secs(), 75);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_cut_off() {
    let server = start(ServerLimits::default()).await;
    let started = Instant::now();
    let mut stream = connect(&server, "GET /endless HTTP/1.1\r\nhost: a\r\n\r\n").await;
    // Nothing is read until the server has given up; then there is an end.
    sleep(Duration::from_secs(31)).await;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.ok();
    assert_eq!(started.elapsed().as_secs(), 31);
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_take_longer_than_every_limit_on_the_connection() {
    let server = start(ServerLimits::default()).await;
    let answer = rest(connect(&server, &ONE.replace("hello", "slow")).await).await;
    assert!(answer.ends_with("late"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn one_connection_too_many_waits_for_another_to_end() {
    let server = start(ServerLimits { max_connections: 1, ..ServerLimits::default() }).await;
    let first = connect(&server, "GET /hello HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let started = Instant::now();
    let second = connect(&server, ONE).await;
    assert!(rest(second).await.contains(" 200 "));
    assert_eq!(started.elapsed().as_secs(), 75, "the first one had to become idle");
    drop(first);
}

#[tokio::test]
async fn a_handler_can_break_its_connection() {
    let server = start(ServerLimits::default()).await;
    let request = |how: &str| format!("GET /sever?{how} HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(rest(connect(&server, &request("close")).await).await, "");
    assert_eq!(rest(connect(&server, &request("garbage")).await).await, "\0garbage\r\n\r\n");
    let mut reset = connect(&server, &request("reset")).await;
    let error = reset.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn what_is_in_flight_finishes_before_the_end() {
    let server = start(ServerLimits { grace: Duration::from_secs(2000), ..ServerLimits::default() }).await;
    let addr = server.addr();
    let busy = connect(&server, "GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let idle = connect(&server, "").await;
    tokio::task::yield_now().await;
    let (drained, answer, silence) = tokio::join!(server.shutdown(), rest(busy), rest(idle));
    assert_eq!(drained, Drained { cut: 0 });
    assert!(answer.contains("connection: close") && answer.ends_with("late"), "{answer}");
    assert_eq!(silence, "");
    assert!(TcpStream::connect(addr).await.is_err(), "nothing is accepted any more");
}

#[tokio::test(start_paused = true)]
async fn what_does_not_finish_in_time_is_cut() {
    let server = start(ServerLimits::default()).await;
    let hung = connect(&server, "GET /hang HTTP/1.1\r\nhost: a\r\n\r\n").await;
    tokio::task::yield_now().await;
    let started = Instant::now();
    let (drained, answer) = tokio::join!(server.shutdown(), rest(hung));
    assert_eq!((drained, answer.as_str(), started.elapsed().as_secs()), (Drained { cut: 1 }, "", 10));
}

/// A listener that is out of file descriptors once, then goes on.
struct Exhausted(TcpListener, u32);

impl Listen for Exhausted {
    type Socket = TcpStream;

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        const EMFILE: i32 = 24;
        if self.1 > 0 {
            self.1 -= 1;
            return Err(io::Error::from_raw_os_error(EMFILE));
        }
        self.0.accept().await
    }
}

#[tokio::test(start_paused = true)]
async fn running_out_of_file_descriptors_does_not_end_the_server() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (stop, stopped) = watch::channel(false);
    let task = tokio::spawn(accept(Exhausted(listener, 3), router(), ServerLimits::default(), stopped));
    let server = Running { addr, stop, task };
    let started = Instant::now();
    assert!(rest(connect(&server, ONE).await).await.contains(" 200 "));
    assert_eq!(started.elapsed().as_secs(), 3);
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;
    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn every_request_is_one_line_in_the_log() {
    let log = Log::default();
    let subscriber = || tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).finish();
    // While there is one subscriber only, a line that another test's thread comes to first is switched off for all.
    let _second = tracing::Dispatch::new(subscriber());
    let guard = tracing::subscriber::set_default(subscriber());
    let server = start(ServerLimits::default()).await;
    rest(connect(&server, ONE).await).await;
    rest(
        connect(
            &server,
            "GET /nope%0Ax?email=a@b HTTP/1.1\r\nhost: a\r\nauthorization: secret\r\nconnection: close\r\n\r\n",
        )
        .await,
    )
    .await;
    rest(connect(&server, "GET /sever HTTP/1.1\r\nhost: a\r\n\r\n").await).await;
    server.shutdown().await;
    drop(guard);
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[0].contains(r#"method="GET" route="/hello" path="/hello" status=200 end="complete""#), "{text}");
    assert!(lines[1].contains(r#"route="(none)""#) && lines[1].contains("status=404"), "{text}");
    assert!(lines[2].contains(r#"route="/sever" path="/sever" end="abandoned""#), "{text}");
    assert!(!text.contains("email") && !text.contains("secret"), "{text}");
}
