//! Where the issuer's keys are read from: a file, or a URL through a breaker of its own.

use super::jwks::{Source, Timing};
use bytes::Bytes;
use futures::FutureExt;
use http::header::ACCEPT;
use http::uri::Scheme;
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::TokioExecutor;
use resilience::observe::Tracing;
use resilience::{Breaker, BreakerLayer};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tower::{ServiceBuilder, ServiceExt, service_fn};

/// The longest document that is read, in bytes.
const LONGEST: usize = 256 * 1024;
/// The time for a document, from connecting to the last byte.
const TIMEOUT: Duration = Duration::from_secs(5);
const JSON: HeaderValue = HeaderValue::from_static("application/jwk-set+json, application/json");

/// A file or a URL.
///
/// # Errors
///
/// What is wrong with it, in words that follow the name of the setting.
pub(super) fn source(place: &str, timing: Timing) -> Result<Source, String> {
    if !place.contains("://") {
        let path: Arc<Path> = PathBuf::from(place).into();
        return Ok(Box::new(move || read(Arc::clone(&path)).boxed()));
    }
    let uri: Uri = place.parse().map_err(|_| "is not a URL")?;
    let authority = uri.authority().ok_or("names no host")?;
    if authority.as_str().contains('@') {
        return Err("must not carry credentials".to_owned());
    }
    if uri.scheme() == Some(&Scheme::HTTPS) {
        let trusted = HttpsConnectorBuilder::new().with_native_roots();
        let trusted = trusted.map_err(|error| format!("needs this machine's trusted certificates: {error}"))?;
        return fetched(uri, timing, trusted.https_only().enable_http1().build());
    }
    // Whoever can change the keys on their way can make tokens.
    if uri.scheme() == Some(&Scheme::HTTP) && is_this_machine(authority.host()) {
        return fetched(uri, timing, HttpConnector::new());
    }
    Err("must be a file, or start with https:// (http:// only on this machine)".to_owned())
}

fn is_this_machine(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

async fn read(path: Arc<Path>) -> Result<Bytes, String> {
    let text = |error: std::io::Error| error.to_string();
    let file = tokio::fs::File::open(&path).await.map_err(text)?;
    let mut bytes = Vec::new();
    file.take(LONGEST as u64 + 1).read_to_end(&mut bytes).await.map_err(text)?;
    if bytes.len() > LONGEST { Err(TOO_LONG.to_owned()) } else { Ok(bytes.into()) }
}

const TOO_LONG: &str = "the document is too long";

/// Read with one deadline for all of it, and through a breaker: an issuer in trouble is asked less and less often.
fn fetched<C>(uri: Uri, timing: Timing, connector: C) -> Result<Source, String>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let client: Client<C, Empty<Bytes>> =
        Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
    // Attempts are at least a cool-down apart, too far for a window.
    let breaker = Breaker::builder()
        .name("jwks")
        .in_a_row(3)
        // An attempt ends in time by itself.
        .probe_patience(TIMEOUT)
        .delay(timing.cooldown)
        .max_delay(timing.cooldown.saturating_mul(10))
        .observer(Tracing::new())
        .build()
        .map_err(|error| error.to_string())?;
    let get = service_fn(move |uri: Uri| {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = uri;
        request.headers_mut().insert(ACCEPT, JSON);
        let answer = client.request(request);
        async { tokio::time::timeout(TIMEOUT, body(answer)).await.unwrap_or(Err("the issuer is silent".to_owned())) }
    });
    let service = ServiceBuilder::new().layer(BreakerLayer::new(breaker)).service(get);
    Ok(Box::new(move || {
        let answer = service.clone().oneshot(uri.clone());
        async { answer.await.map_err(|error| error.to_string()) }.boxed()
    }))
}

async fn body(answer: impl Future<Output = Result<Response<Incoming>, Error>>) -> Result<Bytes, String> {
    let response = answer.await.map_err(|error| error.to_string())?;
    // A redirect is not followed: the keys are where the operator says.
    if response.status() != StatusCode::OK {
        return Err(format!("the issuer answered {}", response.status().as_u16()));
    }
    let body = Limited::new(response.into_body(), LONGEST).collect().await;
    body.map(http_body_util::Collected::to_bytes).map_err(|error| {
        if error.is::<http_body_util::LengthLimitError>() { TOO_LONG.to_owned() } else { error.to_string() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMING: Timing = Timing { ttl: Duration::from_mins(1), cooldown: Duration::from_secs(1) };

    #[test]
    fn keys_come_from_a_file_from_this_machine_or_over_tls() {
        for place in
            ["jwks.json", "/etc/jwks.json", "http://localhost/jwks", "http://[::1]:8080/", "http://127.0.0.1/x"]
        {
            assert!(source(place, TIMING).is_ok(), "{place}");
        }
        for place in ["http://issuer.example/jwks", "http://a:b@localhost/", "ftp://localhost/", "https://", "http://?"]
        {
            assert!(source(place, TIMING).is_err(), "{place}");
        }
    }

    #[tokio::test]
    async fn a_file_is_read_up_to_its_longest() {
        let directory = tempfile::tempdir().unwrap();
        let path: Arc<Path> = directory.path().join("jwks.json").into();
        assert!(read(Arc::clone(&path)).await.is_err());
        std::fs::write(&path, vec![b' '; LONGEST]).unwrap();
        assert_eq!(read(Arc::clone(&path)).await.unwrap().len(), LONGEST);
        std::fs::write(&path, vec![b' '; LONGEST + 1]).unwrap();
        assert_eq!(read(path).await.unwrap_err(), TOO_LONG);
    }
}
