//! Errors as clients see them: `application/problem+json`, RFC 9457.

use std::fmt;
use std::time::Duration;

use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Body;

/// The media type of every error body.
pub const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// An answer that is an error. A handler returns it with `?`; it becomes a response with [`Problem::into_response`].
///
/// What it says is written for the client: no host, path, type or function name of the service belongs in it.
/// Causes go to the log.
#[derive(Clone, PartialEq)]
pub struct Problem(Box<Inner>);

#[derive(Clone, PartialEq)]
struct Inner {
    status: StatusCode,
    details: Details,
    headers: HeaderMap,
}

/// The members of a problem document, as they stand in the body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub struct Details {
    /// A URI that names the kind of problem; `about:blank` where the status says it all.
    #[serde(rename = "type", default = "about_blank")]
    pub kind: String,
    /// The kind of problem in words; the same for every occurrence.
    #[serde(default)]
    pub title: String,
    /// The status code, repeated.
    pub status: u16,
    /// What is wrong with this request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// A URI that names this occurrence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// What is wrong with which field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// What is wrong with one field of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FieldError {
    /// The field as the client spells it.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

fn about_blank() -> String {
    "about:blank".to_owned()
}

impl Problem {
    /// A problem that says no more than its status.
    #[must_use]
    pub fn new(status: StatusCode) -> Self {
        let title = status.canonical_reason().unwrap_or("Error").to_owned();
        let details = Details {
            kind: about_blank(),
            title,
            status: status.as_u16(),
            detail: None,
            instance: None,
            errors: Vec::new(),
        };
        Self(Box::new(Inner { status, details, headers: HeaderMap::new() }))
    }

    /// 400: the request is malformed.
    #[must_use]
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST).detail(detail)
    }

    /// 400 that names the field of the request that is malformed.
    #[must_use]
    pub fn bad_field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::bad_request("A field of the request is malformed.").field(field, message)
    }

    /// 422: the request is well formed, but the values of these fields are not acceptable.
    #[must_use]
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let mut problem =
            Self::new(StatusCode::UNPROCESSABLE_ENTITY).detail("The values of some fields are not acceptable.");
        problem.0.details.errors = errors;
        problem
    }

    /// 404: there is no such thing.
    #[must_use]
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND).detail(detail)
    }

    /// 405 with the methods that there are.
    #[must_use]
    pub fn method_not_allowed(allow: &str) -> Self {
        let problem = Self::new(StatusCode::METHOD_NOT_ALLOWED);
        match HeaderValue::from_str(allow) {
            Ok(allow) => problem.header(ALLOW, allow),
            Err(_) => problem,
        }
    }

    /// 409 that names the field whose value is taken.
    #[must_use]
    pub fn taken(field: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT)
            .detail("A value that must be unique is taken.")
            .field(field, "is taken by another user")
    }

    /// 500. What happened is for the log.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR).detail("The service could not handle the request.")
    }

    /// 503 with the time after which to come back.
    #[must_use]
    pub fn unavailable(detail: impl Into<String>, retry_after: Option<Duration>) -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE)
            .detail(detail)
            .header(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match retry_after {
            Some(wait) => problem.retry_after(wait),
            None => problem,
        }
    }

    /// Says what is wrong with this request.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.details.detail = Some(detail.into());
        self
    }

    /// Names the kind of problem: a URI, and its title.
    #[must_use]
    pub fn kind(mut self, uri: impl Into<String>, title: impl Into<String>) -> Self {
        self.0.details.kind = uri.into();
        self.0.details.title = title.into();
        self
    }

    /// Names this occurrence by a URI.
    #[must_use]
    pub fn instance(mut self, uri: impl Into<String>) -> Self {
        self.0.details.instance = Some(uri.into());
        self
    }

    /// Adds what is wrong with one field.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>, message: impl Into<String>) -> Self {
        self.0.details.errors.push(FieldError { field: field.into(), message: message.into() });
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.append(name, value);
        self
    }

    /// Adds `Retry-After`: whole seconds, rounded up, at least one.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        self.header(RETRY_AFTER, retry_after(wait))
    }

    /// Ends the connection after the answer: what is left of the request is not going to be read.
    #[must_use]
    pub fn close(self) -> Self {
        self.header(CONNECTION, HeaderValue::from_static("close"))
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The members of the body.
    #[must_use]
    pub fn details(&self) -> &Details {
        &self.0.details
    }

    /// The answer.
    #[must_use]
    pub fn into_response(self) -> Response<Body> {
        let Inner { status, details, headers } = *self.0;
        // Strings and a number always serialise; should that ever change, the status alone still says what matters.
        let body = serde_json::to_vec(&details).unwrap_or_default();
        let mut response = Response::new(Body::full(body));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response.headers_mut().insert(CONTENT_TYPE, PROBLEM_JSON);
        response
    }
}

/// The value of `Retry-After` for a wait: whole seconds, rounded up, at least one.
#[must_use]
pub fn retry_after(wait: Duration) -> HeaderValue {
    let whole = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
    HeaderValue::from(whole.max(1))
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problem").field("details", &self.0.details).finish_non_exhaustive()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.status)?;
        match &self.0.details.detail {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn a_problem_is_a_document_with_its_own_media_type() {
        let response = Problem::taken("email").into_response();
        assert_eq!(response.status(), StatusCode::CONFLICT);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["type"], "about:blank");
        assert_eq!(body["title"], "Conflict");
        assert_eq!(body["status"], 409);
        assert_eq!(body["errors"][0]["field"], "email");
        assert!(body.get("instance").is_none());
    }

    #[test]
    fn a_wait_is_rounded_up_and_never_zero() {
        assert_eq!(retry_after(Duration::ZERO), "1");
        assert_eq!(retry_after(Duration::from_millis(400)), "1");
        assert_eq!(retry_after(Duration::from_millis(1001)), "2");
        assert_eq!(retry_after(Duration::from_secs(60)), "60");
    }

    #[test]
    fn the_longest_wait_overflows_nothing() {
        assert_eq!(retry_after(Duration::MAX), u64::MAX.to_string());
    }
}
