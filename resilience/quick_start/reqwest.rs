//! reqwest's client with a breaker around it.

use reqwest::{Client, Error, Method, Request, Response, Url};
use resilience::classify::HttpStatus;
use resilience::respond::Http503;
use resilience::{Breaker, BreakerLayer, Rejected};
use tower::{Service, ServiceBuilder, ServiceExt};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = Url::parse("http://127.0.0.1:1/events")?;
    let mut client = guarded(Client::new(), Breaker::new());
    for _ in 0..5 {
        match client.ready().await?.call(Request::new(Method::GET, url.clone())).await {
            Ok(answer) => println!("{}, Retry-After: {:?}", answer.status(), answer.headers().get("retry-after")),
            Err(error) => println!("{error}"),
        }
    }
    Ok(())
}

/// Answers `503` by itself while the breaker is open.
pub fn guarded(client: Client, breaker: Breaker) -> impl Service<Request, Response = Response, Error = Error> + Clone {
    let layer = BreakerLayer::new(breaker)
        .classify(HttpStatus::new().reading(|answer: &Response| (answer.status(), answer.headers())))
        .respond(|rejected: Rejected| Ok(Http503::response(rejected).into()));
    ServiceBuilder::new().layer(layer).service(client)
}
