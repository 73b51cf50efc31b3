//! hyper's client with a breaker around it.

use http_body_util::Empty;
use hyper::{Request, Uri, body::Bytes};
use hyper_util::client::legacy::{Client, Error, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use resilience::classify::HttpStatus;
use resilience::respond::Http503;
use resilience::{Breaker, BreakerLayer, BreakerService};
use tower::{Layer, Service, ServiceExt};

#[tokio::main]
async fn main() {
    let mut client = guarded(Breaker::new());
    for _ in 0..5 {
        match get(&mut client, Uri::from_static("http://127.0.0.1:1/events")).await {
            Ok(answer) => println!("{answer}"),
            Err(error) => println!("{error}"),
        }
    }
}

pub type Guarded = BreakerService<Client<HttpConnector, Empty<Bytes>>, HttpStatus, Http503>;

pub fn guarded(breaker: Breaker) -> Guarded {
    BreakerLayer::for_http(breaker).layer(Client::builder(TokioExecutor::new()).build_http())
}

pub async fn get(client: &mut Guarded, uri: Uri) -> Result<String, Error> {
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = uri;
    let response = client.ready().await?.call(request).await?;
    Ok(format!("{}, Retry-After: {:?}", response.status(), response.headers().get("retry-after")))
}
