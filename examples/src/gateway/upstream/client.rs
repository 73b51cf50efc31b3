//! The pooled client: one request, one bounded JSON answer, one deadline for all of it.

use super::trouble::{Refusal, Trouble};
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST, RETRY_AFTER};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body::Body as _;
use http_body_util::{BodyExt, Collected, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;
use std::{io, iter};
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

/// Idle connections are dropped before the upstream drops them: a POST sent on a connection that is just being closed
/// would be an ambiguous failure, and it is never repeated.
const POOL_IDLE: Duration = Duration::from_secs(4);
const JSON: HeaderValue = HeaderValue::from_static("application/json");

const TOO_LONG: &str = "too long a body";

/// How the gateway talks to its upstream.
#[derive(Clone, Debug)]
pub(crate) struct ClientSettings {
    /// Where it is.
    pub(crate) base: Base,
    /// The time for one try: connecting, the head and the whole body.
    pub(crate) timeout: Duration,
    /// The largest answer that is read.
    pub(crate) max_answer: usize,
    /// The most idle connections that are kept.
    pub(crate) idle_connections: usize,
}

/// The upstream's address: a scheme and an authority, and a path to put in front of every route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Base {
    authority: Authority,
    prefix: String,
}

impl Base {
    /// # Errors
    ///
    /// What is wrong with the URL, in words that follow the name of the setting.
    pub(crate) fn parse(url: &str) -> Result<Self, &'static str> {
        let parts = url.parse::<Uri>().map_err(|_| "is not a URL")?.into_parts();
        if parts.scheme != Some(Scheme::HTTP) {
            return Err("must start with http:// (put a proxy that speaks TLS in front of a remote upstream)");
        }
        let authority = parts.authority.ok_or("names no host")?;
        if authority.host().is_empty() {
            return Err("names no host");
        }
        if authority.as_str().contains('@') {
            return Err("must not carry credentials");
        }
        let path = parts.path_and_query.unwrap_or_else(|| PathAndQuery::from_static("/"));
        if path.query().is_some() {
            return Err("must not have a query");
        }
        Ok(Self { authority, prefix: path.path().trim_end_matches('/').to_owned() })
    }

    /// Whether this is the address itself: a gateway that is its own upstream would call itself until it runs out of
    /// connections. Names are not resolved; whoever configures a detour gets one.
    pub(crate) fn is(&self, address: SocketAddr) -> bool {
        self.authority.as_str().parse() == Ok(address)
    }

    /// The absolute form for the client. `path` starts with a slash and was put together by the gateway from validated
    /// parts: nothing that a client sent as a target gets here.
    fn join(&self, path: &str) -> Result<Uri, Trouble> {
        Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(self.authority.clone())
            .path_and_query(format!("{}{path}", self.prefix))
            .build()
            .map_err(|_| Trouble::Broken("an address that cannot be requested"))
    }
}

/// Connects over TCP, and looks names up as the system does.
pub(crate) fn tcp(timeout: Duration) -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    // Divided between the addresses that a name has: one that is silent does not use up the time of the others.
    connector.set_connect_timeout(Some(timeout));
    connector
}

/// The pooled client, over whatever connects it.
#[derive(Clone, Debug)]
pub(crate) struct HttpClient {
    client: BoxCloneSyncService<Request<Full<Bytes>>, Response<Incoming>, ClientError>,
    settings: ClientSettings,
    host: HeaderValue,
}

impl HttpClient {
    pub(crate) fn new<C>(settings: ClientSettings, connector: C) -> Self
    where
        C: Connect + Clone + Send + Sync + 'static,
    {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(settings.idle_connections)
            // Off: the client would repeat a request on its own where it believes that nothing was written. A POST is
            // repeated by whoever knows its Idempotency-Key, or by nobody.
            .retry_canceled_requests(false)
            .build(connector);
        // An authority that parsed is made of visible ASCII, so this is the name as it stands.
        let host = HeaderValue::from_str(settings.base.authority.as_str()).unwrap_or(HeaderValue::from_static(""));
        Self { client: BoxCloneSyncService::new(client), settings, host }
    }

    /// Sends a request and reads its answer as JSON.
    ///
    /// The headers are the gateway's own: none of a client's is passed on, hop-by-hop or not.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Trouble> {
        parse(&self.exchange(Method::GET, path, Bytes::new(), &[]).await?.1)
    }

    /// Posts a JSON document and reads the answer as JSON, its headers with it. Never repeated.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: Bytes,
        headers: &[(HeaderName, HeaderValue)],
    ) -> Result<(HeaderMap, T), Trouble> {
        let (headers, body) = self.exchange(Method::POST, path, body, headers).await?;
        Ok((headers, parse(&body)?))
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        headers: &[(HeaderName, HeaderValue)],
    ) -> Result<(HeaderMap, Bytes), Trouble> {
        let mut request = Request::new(Full::new(body));
        *request.uri_mut() = self.settings.base.join(path)?;
        request.headers_mut().insert(HOST, self.host.clone());
        request.headers_mut().insert(ACCEPT, JSON);
        if method == Method::POST {
            request.headers_mut().insert(CONTENT_TYPE, JSON);
        }
        for (name, value) in headers {
            request.headers_mut().insert(name.clone(), value.clone());
        }
        *request.method_mut() = method;

        // One deadline for all of it: an upstream that drips its body is as silent as one that says nothing.
        let answer = async {
            let response = self.client.clone().oneshot(request).await.map_err(|error| no_answer(&error))?;
            let (head, body) = response.into_parts();
            let body = self.read(head.status, &head.headers, body).await?;
            Ok((head.headers, body))
        };
        tokio::time::timeout(self.settings.timeout, answer).await.unwrap_or(Err(Trouble::Silent))
    }

    async fn read(&self, status: StatusCode, headers: &HeaderMap, body: Incoming) -> Result<Bytes, Trouble> {
        if status.is_redirection() {
            return Err(Trouble::Broken("a redirect"));
        }
        let body = async {
            if !is_json(headers) {
                return Err(Trouble::Broken("something that is not JSON"));
            }
            let max = self.settings.max_answer;
            if body.size_hint().lower() > max as u64 {
                return Err(Trouble::Broken(TOO_LONG));
            }
            let body = Limited::new(body, max);
            body.collect().await.map(Collected::to_bytes).map_err(|error| {
                let too_long = error.is::<LengthLimitError>();
                Trouble::Broken(if too_long { TOO_LONG } else { "a body that was cut short" })
            })
        };
        if status.is_success() {
            return body.await;
        }
        // What a refusal says is its status; its body is looked at for the names of fields, and for nothing else.
        let objection = body.await.ok().and_then(|body| serde_json::from_slice::<Objection>(&body).ok());
        let fields = objection.unwrap_or_default().errors.into_iter().map(|error| error.field).collect();
        Err(Trouble::Refused(Refusal { status, retry_after: headers.get(RETRY_AFTER).cloned(), fields }))
    }
}

/// A connection that was not made in time is silence like any other. The time for connecting is as long as the deadline
/// around it, so that it would be chance whether a client is told 502 or 504.
fn no_answer(error: &ClientError) -> Trouble {
    if !error.is_connect() {
        return Trouble::Broken("a broken connection");
    }
    let mut causes = iter::successors(error.source(), |error| (*error).source());
    let timed_out = |error: &io::Error| error.kind() == io::ErrorKind::TimedOut;
    let in_time = !causes.any(|cause| cause.downcast_ref().is_some_and(timed_out));
    if in_time { Trouble::Unreachable } else { Trouble::Silent }
}

/// The one thing in the upstream's problem document that is looked at: which fields it names.
#[derive(Default, Deserialize)]
struct Objection {
    #[serde(default)]
    errors: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    field: String,
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Trouble> {
    serde_json::from_slice(body).map_err(|_| Trouble::Broken("a document of another kind"))
}

/// `application/json`, or any type whose suffix is `+json`.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}
