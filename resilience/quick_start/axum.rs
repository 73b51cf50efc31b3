//! An axum server with one breaker for all of its routes.

use axum::{Router, http::StatusCode, routing::get};
use resilience::{Breaker, BreakerLayer};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("http://{}/events", listener.local_addr()?);
    axum::serve(listener, app(Breaker::new())).await
}

pub fn app(breaker: Breaker) -> Router {
    Router::new().route("/events", get(events)).layer(BreakerLayer::for_http(breaker))
}

async fn events() -> Result<&'static str, StatusCode> {
    Err(StatusCode::BAD_GATEWAY) // what it needs is down
}
