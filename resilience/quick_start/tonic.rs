//! tonic with a breaker on both sides. In place of your own generated code it has that of the health service.

use resilience::classify::GrpcStatus;
use resilience::respond::GrpcUnavailable;
use resilience::{Breaker, BreakerLayer, BreakerService};
use tokio::net::TcpListener;
use tonic::transport::{Channel, Endpoint, Error, Server, server::TcpIncoming};
use tonic::{Request, Response, Status};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tower::Layer;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = Endpoint::try_from(format!("http://{}", listener.local_addr()?))?;
    tokio::spawn(serve(listener, Breaker::builder().name("server").build()?));

    let mut client = guarded(endpoint.connect().await?, Breaker::builder().name("client").build()?);
    for _ in 0..5 {
        match client.check(HealthCheckRequest::default()).await {
            Ok(answer) => println!("{answer:?}"),
            Err(status) => println!("{:?}: {}, {:?}", status.code(), status.message(), status.metadata()),
        }
    }
    Ok(())
}

pub async fn serve(listener: TcpListener, breaker: Breaker) -> Result<(), Error> {
    Server::builder()
        .layer(BreakerLayer::for_grpc(breaker))
        .add_service(HealthServer::new(Down))
        .serve_with_incoming(TcpIncoming::from(listener))
        .await
}

pub fn guarded(
    channel: Channel,
    breaker: Breaker,
) -> HealthClient<BreakerService<Channel, GrpcStatus, GrpcUnavailable>> {
    HealthClient::new(BreakerLayer::for_grpc(breaker).layer(channel))
}

struct Down;

#[tonic::async_trait]
impl Health for Down {
    type WatchStream = tonic::codegen::tokio_stream::Empty<Result<HealthCheckResponse, Status>>;

    async fn check(&self, _: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        Err(Status::unavailable("what it needs is down"))
    }

    async fn watch(&self, _: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("nothing to watch"))
    }
}
