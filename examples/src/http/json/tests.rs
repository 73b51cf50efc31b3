use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use garde::Validate;
use http::Request;
use http_body::Frame;
use http_body_util::StreamBody;
use serde::Deserialize;

use super::*;
use crate::http::BoxError;

#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Input {
    #[garde(length(min = 1, max = 5))]
    name: String,
    #[serde(default)]
    #[garde(skip)]
    nested: Option<Nested>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nested {
    count: u8,
}

fn head(headers: &[(&'static str, &str)]) -> request::Parts {
    let mut request = Request::new(());
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    request.into_parts().0
}

fn fails(body: &[u8]) -> (u16, String) {
    let problem = parse::<Input>(body).unwrap_err();
    let field = problem.details().errors.first().map(|error| error.field.clone()).unwrap_or_default();
    (problem.status().as_u16(), field)
}

#[test]
fn an_object_with_known_fields_is_read() {
    let input: Input = parse(br#" {"name": "abc", "nested": {"count": 3}} "#).unwrap();
    assert_eq!((input.name.as_str(), input.nested.unwrap().count), ("abc", 3));
}

#[test]
fn what_is_not_json_is_400() {
    let nested = [b"{\"name\":".as_slice(), &vec![b'['; 100_000]].concat();
    let bodies: [&[u8]; 14] = [
        b"",
        b"{",
        b"{\"name\":\"a\"} x",
        b"{\"name\":\"a\"}{}",
        b"\xef\xbb\xbf{\"name\":\"a\"}",
        b"{\"name\":\"\xff\"}",
        br#"{"name":"\ud800"}"#,
        br#"{"\ud800":"a"}"#,
        br#"{"name":NaN}"#,
        br#"{"name":1e999}"#,
        b"{\"name\":\"a\nb\"}",
        b"{'name':'a'}",
        br#"["a"]"#,
        &nested,
    ];
    for body in bodies {
        let (status, field) = fails(body);
        assert_eq!((status, field.as_str()), (400, ""), "{}", String::from_utf8_lossy(&body[..body.len().min(40)]));
    }
}

#[test]
fn a_problem_with_a_field_names_the_field() {
    for (body, status, field) in [
        (r#"{"name":"a","name":"b"}"#, 400, "name"),
        (r#"{"name":"a","nested":{"count":1,"count":1}}"#, 400, "count"),
        (r#"{}"#, 400, "name"),
        (r#"{"name":5}"#, 400, "name"),
        (r#"{"name":null}"#, 400, "name"),
        (r#"{"name":"a","more":1}"#, 400, "more"),
        (r#"{"name":"a","nested":{}}"#, 400, "nested.count"),
        (r#"{"name":"a","nested":{"count":300}}"#, 400, "nested.count"),
        (r#"{"name":"a","nested":{"count":1,"more":1}}"#, 400, "nested.more"),
        (r#"{"name":""}"#, 422, "name"),
        (r#"{"name":"abcdef"}"#, 422, "name"),
    ] {
        assert_eq!(fails(body.as_bytes()), (status, field.to_owned()), "{body}");
    }
}

#[test]
fn what_a_client_sent_comes_back_shortened() {
    let body = format!(r#"{{"name":"a","{}":1}}"#, "x".repeat(5000));
    assert!(fails(body.as_bytes()).1.len() < 300);
}

#[tokio::test]
async fn other_media_types_are_415_before_reading() {
    for headers in [
        &[][..],
        &[("content-type", "text/plain")],
        &[("content-type", "application/jsonp")],
        &[("content-type", "application/json; charset=latin1")],
        &[("content-type", "application/json"), ("content-type", "application/json")],
        &[("content-type", "application/json"), ("content-encoding", "gzip")],
    ] {
        let never = Body::stream(StreamBody::new(stream::pending::<Result<Frame<Bytes>, BoxError>>()));
        let problem = read::<Input>(&head(headers), never).await.unwrap_err();
        assert_eq!(problem.status(), 415, "{headers:?}");
    }
    for good in ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=\"utf-8\""] {
        let body = Body::full(r#"{"name":"a"}"#);
        assert!(read::<Input>(&head(&[("content-type", good)]), body).await.is_ok(), "{good}");
    }
}

fn chunks(chunks: Vec<Result<&'static str, BoxError>>) -> Body {
    let frames = chunks.into_iter().map(|chunk| chunk.map(|data| Frame::data(Bytes::from_static(data.as_bytes()))));
    Body::stream(StreamBody::new(stream::iter(frames.collect::<Vec<_>>())))
}

const TINY: BodyLimits = BodyLimits { max_bytes: 4, timeout: Duration::from_secs(1) };

#[tokio::test]
async fn a_body_over_the_limit_is_413_and_ends_the_connection() {
    for body in [Body::full("12345"), chunks(vec![Ok("123"), Ok("45")])] {
        let problem = read_bytes(body, TINY).await.unwrap_err();
        assert_eq!(problem.status(), 413);
        assert_eq!(problem.into_response().headers()["connection"], "close");
    }
    assert_eq!(read_bytes(chunks(vec![Ok("123"), Ok("4")]), TINY).await.unwrap(), "1234");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_is_408() {
    let never = Body::stream(StreamBody::new(stream::pending::<Result<Frame<Bytes>, BoxError>>()));
    assert_eq!(read_bytes(never, TINY).await.unwrap_err().status(), 408);
}

#[tokio::test]
async fn a_body_that_is_cut_short_is_400() {
    let cut = chunks(vec![Ok("1"), Err("cut".into())]);
    assert_eq!(read_bytes(cut, TINY).await.unwrap_err().status(), 400);
}
