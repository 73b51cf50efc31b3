//! A plain hyper server behind a breaker.

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, StatusCode, server::conn::http1};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use resilience::{Breaker, BreakerLayer};
use std::convert::Infallible;
use tokio::net::TcpListener;
use tower::ServiceBuilder;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    println!("http://{}/events", listener.local_addr()?);
    serve(listener, Breaker::new()).await
}

pub async fn serve(listener: TcpListener, breaker: Breaker) -> std::io::Result<()> {
    let service = ServiceBuilder::new().layer(BreakerLayer::for_http(breaker)).service_fn(events);
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(async move {
            if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await {
                eprintln!("a connection failed: {error}");
            }
        });
    }
}

async fn events(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::from("what it needs is down\n"));
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    Ok(response)
}
