//! JSON in and out, trusting neither the size nor the pace nor the content of what comes in.
//!
//! | what is wrong | answer |
//! |---|---|
//! | `Content-Type` is missing or not `application/json`, a charset other than UTF-8, any `Content-Encoding` | 415, before reading |
//! | `Content-Length` above the limit | 413, before reading |
//! | more bytes than the limit, of a body that did not say how long it is | 413, at the limit |
//! | the body does not arrive in time | 408 |
//! | the body is cut short, or its framing is broken | 400 |
//! | not JSON: a BOM, trailing bytes, NaN, numbers out of range, invalid UTF-8, lone surrogates, nesting beyond 128 | 400 |
//! | a key that stands twice in one object (parsers differ in which one wins) | 400, names the key |
//! | a field that is unknown, missing or of the wrong type | 400, names the field |
//! | a value that is not acceptable | 422, names every such field |

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response, StatusCode, request};
use http_body::Body as _;
use http_body_util::BodyExt;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::problem::FieldError;
use super::{Answer, Body, Problem};

mod strict;

/// How much of a body is read, and how long it may take.
///
/// [`serve`](super::serve) puts them into the extensions of every request; without them the defaults hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimits {
    /// The longest body, in bytes. Default 64 KiB.
    pub max_bytes: usize,
    /// The time for the whole body to arrive. Default 10 s.
    pub timeout: Duration,
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self { max_bytes: 64 * 1024, timeout: Duration::from_secs(10) }
    }
}

/// Reads a JSON object from a body and checks its values.
///
/// # Errors
///
/// See the table of the [module](self).
pub async fn read<T>(head: &request::Parts, body: Body) -> Result<T, Problem>
where
    T: DeserializeOwned + garde::Validate<Context = ()>,
{
    parse(&receive(head, body).await?)
}

/// Reads a JSON object whose type checks its own values, if they need checking at all.
///
/// # Errors
///
/// See the table of the [module](self).
pub async fn read_unchecked<T: DeserializeOwned>(head: &request::Parts, body: Body) -> Result<T, Problem> {
    parse_unchecked(&receive(head, body).await?)
}

async fn receive(head: &request::Parts, body: Body) -> Result<Bytes, Problem> {
    check_media_type(&head.headers)?;
    let limits = head.extensions.get::<BodyLimits>().copied().unwrap_or_default();
    read_bytes(body, limits).await
}

/// Reads the bytes of a body within its limits.
///
/// # Errors
///
/// 413, 408 or 400; see the table of the [module](self).
pub async fn read_bytes(body: Body, limits: BodyLimits) -> Result<Bytes, Problem> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limits.max_bytes {
        return Err(too_large(limits));
    }
    let late = || Problem::new(StatusCode::REQUEST_TIMEOUT).detail("The body did not arrive in time.").close();
    tokio::time::timeout(limits.timeout, collect(body, announced, limits)).await.map_err(|_| late())?
}

async fn collect(mut body: Body, announced: usize, limits: BodyLimits) -> Result<Bytes, Problem> {
    let mut bytes = BytesMut::with_capacity(announced);
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(Problem::bad_request("The body is cut short or its framing is broken.").close());
        };
        // Trailers say nothing that is of use here.
        if let Ok(data) = frame.into_data() {
            if data.len() > limits.max_bytes - bytes.len() {
                return Err(too_large(limits));
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes.freeze())
}

fn too_large(limits: BodyLimits) -> Problem {
    let detail = format!("The body is longer than {} bytes.", limits.max_bytes);
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE).detail(detail).close()
}

/// Parses a JSON object and checks its values. Fields have `camelCase` names on the wire.
///
/// # Errors
///
/// 400 or 422; see the table of the [module](self).
pub fn parse<T>(bytes: &[u8]) -> Result<T, Problem>
where
    T: DeserializeOwned + garde::Validate<Context = ()>,
{
    let value: T = parse_unchecked(bytes)?;
    value.validate().map_err(|report| {
        let errors = report.iter().map(|(path, error)| FieldError {
            field: camel_case(&path.to_string()),
            message: error.message().to_owned(),
        });
        Problem::invalid(errors.collect())
    })?;
    Ok(value)
}

/// The checks know a field by its name in Rust, clients by its name on the wire.
fn camel_case(path: &str) -> String {
    let mut words = path.split('_');
    let mut name = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut characters = word.chars();
        name.extend(characters.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(characters.as_str());
    }
    name
}

/// Parses a JSON object whose type checks its own values, if they need checking at all.
///
/// # Errors
///
/// 400; see the table of the [module](self).
pub fn parse_unchecked<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    strict::check(bytes)?;
    let mut json = serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize(&mut json).map_err(|error| type_error(&error))
}

/// The field, and what is wrong with it, of JSON that does not have the shape it should have.
fn type_error(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let path = error.path().to_string();
    let mut message = error.inner().to_string();
    // The position is of no use to a client that has the name of the field.
    if let Some(end) = message.rfind(" at line ") {
        message.truncate(end);
    }
    // A missing field has no position of its own, so its name stands in the message only.
    let missing = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
    let (field, message) = match (missing, path.as_str()) {
        (Some(name), ".") => (name.to_owned(), "is missing".to_owned()),
        (Some(name), parent) => (format!("{parent}.{name}"), "is missing".to_owned()),
        (None, ".") => return Problem::bad_request(shorten(&message)),
        (None, path) if message.starts_with("unknown field") => (path.to_owned(), "is unknown".to_owned()),
        (None, path) => (path.to_owned(), message),
    };
    Problem::bad_field(shorten(&field), shorten(&message))
}

/// What a client sent may come back to it in a message, but not at any length.
fn shorten(text: &str) -> String {
    const MOST: usize = 200;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    let unsupported = |detail: &str| Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE).detail(detail));
    if headers.contains_key(CONTENT_ENCODING) {
        return unsupported("The body must not be encoded.");
    }
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    match (types.next(), types.next()) {
        (Some(one), None) if is_json(one) => Ok(()),
        _ => unsupported("The body must be application/json."),
    }
}

/// Whether a media type is `application/json`; a charset, if there is one, must be UTF-8.
#[must_use]
pub fn is_json(media_type: &HeaderValue) -> bool {
    let Ok(text) = media_type.to_str() else { return false };
    let mut parts = text.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    essence.eq_ignore_ascii_case("application/json")
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
                value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _ => true,
        })
}

/// An answer with a JSON body.
///
/// # Errors
///
/// 500 if the value cannot be written as JSON.
pub fn response(status: StatusCode, value: &impl Serialize) -> Answer {
    let body = serde_json::to_vec(value).map_err(|error| {
        tracing::error!(%error, "an answer cannot be written as JSON");
        Problem::internal()
    })?;
    let mut response = Response::new(Body::full(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

#[cfg(test)]
mod tests;
