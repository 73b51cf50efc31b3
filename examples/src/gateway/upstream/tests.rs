//! The client against scripted sockets: whatever an upstream does, the gateway has a word for it.

use super::client::*;
use super::trouble::*;
use bytes::Bytes;
use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::future::{pending, ready};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::service_fn;

const TIMEOUT: Duration = Duration::from_secs(5);

fn settings(base: &str) -> ClientSettings {
    ClientSettings { base: Base::parse(base).unwrap(), timeout: TIMEOUT, max_answer: 4096, idle_connections: 4 }
}

fn client(base: &str) -> HttpClient {
    HttpClient::new(settings(base), tcp(TIMEOUT))
}

/// What a scripted upstream does with a connection once it has read a request.
#[derive(Clone, Copy)]
enum Then {
    Say(&'static str),
    SayAndHang(&'static str),
    /// Answers the first request of each connection, then ends it: a stale connection in the pool.
    AnswerOnce,
    /// A body without an announced length, for as long as anybody reads.
    Endless,
    Reset,
}

struct Scripted {
    url: String,
    requests: Arc<AtomicUsize>,
}

async fn scripted(then: Then) -> Scripted {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&requests);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream, then, Arc::clone(&seen)));
        }
    });
    Scripted { url, requests }
}

async fn converse(mut stream: TcpStream, then: Then, seen: Arc<AtomicUsize>) {
    if read_request(&mut stream).await.is_none() {
        return;
    }
    seen.fetch_add(1, Ordering::SeqCst);
    match then {
        Then::Say(text) => stream.write_all(text.as_bytes()).await.unwrap(),
        Then::SayAndHang(text) => {
            stream.write_all(text.as_bytes()).await.unwrap();
            pending::<()>().await;
        }
        Then::AnswerOnce => stream.write_all(json("{}").as_bytes()).await.unwrap(),
        Then::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n[").await.unwrap();
            while stream.write_all(&[b'['; 1024]).await.is_ok() {}
        }
        Then::Reset => stream.set_zero_linger().unwrap(),
    }
}

/// Reads a head, and the body that its Content-Length announces.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let announced = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
        if body.len() >= announced.unwrap_or(0) {
            return Some(text);
        }
    }
}

fn json(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

async fn get(then: Then) -> Result<Value, Trouble> {
    client(&scripted(then).await.url).get("/x").await
}

#[tokio::test]
async fn a_document_comes_through() {
    let text = "HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: 7\r\n\r\n{\"a\":1}";
    assert_eq!(get(Then::Say(text)).await.unwrap()["a"], 1);
}

#[tokio::test]
async fn nobody_listening_is_unreachable() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(client(&url).get::<Value>("/x").await, Err(Trouble::Unreachable));
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_unreachable() {
    let resolver =
        service_fn(|_: Name| ready(Err::<std::vec::IntoIter<SocketAddr>, _>(io::Error::other("no such name"))));
    let connector = HttpConnector::new_with_resolver(resolver);
    let outcome = HttpClient::new(settings("http://upstream"), connector).get::<Value>("/x").await;
    assert_eq!(outcome, Err(Trouble::Unreachable));
}

#[tokio::test]
async fn a_connection_that_is_not_made_in_time_is_silence_whoever_sees_it_first() {
    for (kind, trouble) in [
        (io::ErrorKind::TimedOut, Trouble::Silent),
        (io::ErrorKind::ConnectionRefused, Trouble::Unreachable),
        (io::ErrorKind::HostUnreachable, Trouble::Unreachable),
    ] {
        let connector = service_fn(move |_: Uri| ready(Err::<TokioIo<TcpStream>, _>(io::Error::from(kind))));
        let outcome = HttpClient::new(settings("http://upstream"), connector).get::<Value>("/x").await;
        assert_eq!(outcome, Err(trouble), "{kind}");
    }
}

#[tokio::test]
async fn what_is_no_answer_is_broken() {
    for (text, what) in [
        ("", "a broken connection"),
        ("garbage\r\n\r\n", "a broken connection"),
        (
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{\"a\"",
            "a body that was cut short",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"a\"",
            "a body that was cut short",
        ),
        ("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\n{}", "something that is not JSON"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", "something that is not JSON"),
        ("HTTP/1.1 204 No Content\r\n\r\n", "something that is not JSON"),
        ("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"a\":", "a document of another kind"),
        ("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n", "a redirect"),
    ] {
        assert_eq!(get(Then::Say(text)).await, Err(Trouble::Broken(what)), "{text}");
    }
    assert_eq!(get(Then::Reset).await, Err(Trouble::Broken("a broken connection")));
}

#[tokio::test]
async fn a_body_is_read_up_to_its_bound() {
    let announced = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n{";
    assert_eq!(get(Then::SayAndHang(announced)).await, Err(Trouble::Broken("too long a body")));
    assert_eq!(get(Then::Endless).await, Err(Trouble::Broken("too long a body")));
}

#[tokio::test(start_paused = true)]
async fn silence_ends_at_the_timeout_wherever_it_begins() {
    for text in
        ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{"]
    {
        assert_eq!(get(Then::SayAndHang(text)).await, Err(Trouble::Silent), "{text}");
    }
}

#[tokio::test]
async fn a_refusal_keeps_its_status_its_hint_and_the_fields_it_names() {
    let text = "HTTP/1.1 409 Conflict\r\ncontent-type: application/problem+json\r\nretry-after: 3\r\n\
                content-length: 46\r\n\r\n{\"errors\":[{\"field\":\"email\",\"message\":\"taken\"}]}";
    let Err(Trouble::Refused(refusal)) = get(Then::Say(text)).await else { panic!("refused") };
    assert_eq!((refusal.status.as_u16(), refusal.fields), (409, vec![]), "the body is two bytes short");
    assert_eq!(refusal.retry_after.unwrap(), "3");
    let html = "HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/html\r\ncontent-length: 4\r\n\r\n<p/>";
    let Err(Trouble::Refused(refusal)) = get(Then::Say(html)).await else { panic!("refused") };
    assert_eq!((refusal.status.as_u16(), refusal.fields), (503, vec![]));
}

#[tokio::test]
async fn a_post_is_sent_once_even_if_the_connection_goes_away() {
    for then in [Then::Say(""), Then::Reset] {
        let upstream = scripted(then).await;
        let outcome = client(&upstream.url).post::<Value>("/x", Bytes::from_static(b"{}"), &[]).await;
        assert_eq!(outcome.map(drop), Err(Trouble::Broken("a broken connection")));
        assert_eq!(upstream.requests.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn a_connection_that_ended_in_the_pool_makes_no_request_twice() {
    let upstream = scripted(Then::AnswerOnce).await;
    let client = client(&upstream.url);
    for sent in 1..=30 {
        // Either the end of the connection was seen in time and there is a new one, or the request failed with the old
        // one. What it must not be is sent on both.
        let outcome = client.post::<Value>("/x", Bytes::from_static(b"{}"), &[]).await;
        let seen = upstream.requests.load(Ordering::SeqCst);
        assert!(seen <= sent, "{seen} of {sent}, {outcome:?}");
    }
}

#[test]
fn an_upstream_is_a_plain_http_address() {
    for (url, problem) in [
        ("https://127.0.0.1", "must start with http://"),
        ("127.0.0.1:3001", "must start with http://"),
        ("ftp://127.0.0.1", "must start with http://"),
        ("http://user:secret@127.0.0.1", "credentials"),
        ("http://127.0.0.1/?a=b", "query"),
        ("http://", "URL"),
        ("", "URL"),
        ("http://a b", "URL"),
    ] {
        let error = Base::parse(url).unwrap_err();
        assert!(error.contains(problem), "{url}: {error}");
    }
    for url in ["http://127.0.0.1:3001", "http://events.internal/", "http://[::1]:80/api/"] {
        assert!(Base::parse(url).is_ok(), "{url}");
    }
}
