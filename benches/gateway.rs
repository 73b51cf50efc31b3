//! End to end: a hyper server, hyper-util's client with a breaker around it, one connection pool, loopback.
//!
//! Sixteen loops each send a request when the last one is answered; server and clients run on one thread, whose
//! processor time is what a request costs. The variants take turns in short slices and are compared slice by slice.
//! The client without a breaker takes two turns: how far it is from itself is the noise.
#![allow(missing_docs)]

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, ResponseFuture};
use hyper_util::rt::{TokioExecutor, TokioIo};
use resilience::{Breaker, BreakerLayer};
use seatbelt::breaker::Breaker as Seatbelt;
use seatbelt::{RecoveryInfo, ResilienceContext};
use subjects::{Args, Table, cpu_time, figure, median};
use tick::runtime::InactiveClock;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tower_layer::Layer;
use tower_resilience_circuitbreaker::CircuitBreakerLayer;
use tower_service::Service;

const LOOPS: usize = 16;

type Asked = Request<Full<Bytes>>;

/// The client, with an error that a breaker without one of its own can make too.
#[derive(Clone)]
struct Upstream(Client<HttpConnector, Full<Bytes>>);

#[derive(Debug)]
struct Failed;

struct Answering(ResponseFuture);

impl Future for Answering {
    type Output = Result<Response<Incoming>, Failed>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map_err(|_| Failed)
    }
}

impl Service<Asked> for Upstream {
    type Response = Response<Incoming>;
    type Error = Failed;
    type Future = Answering;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        self.0.poll_ready(context).map_err(|_| Failed)
    }

    fn call(&mut self, request: Asked) -> Answering {
        Answering(self.0.request(request))
    }
}

/// Answers every request with two bytes, for ever.
async fn serve(listener: TcpListener) {
    while let Ok((socket, _)) = listener.accept().await {
        let _ = socket.set_nodelay(true);
        let answer = service_fn(async |_| Ok::<_, Failed>(Response::new(Full::new(Bytes::from_static(b"ok")))));
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), answer));
    }
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the upstream failed")
    }
}

impl std::error::Error for Failed {}

/// Sends one request after the other until `end`; how many were answered with 200.
async fn send<S, B>(mut service: S, uri: Uri, end: Instant) -> u32
where
    S: Service<Asked, Response = Response<B>>,
    S::Error: std::fmt::Debug,
    B: Body,
    B::Error: std::fmt::Debug,
{
    let mut answered = 0;
    while Instant::now() < end {
        let mut request = Request::new(Full::default());
        *request.uri_mut() = uri.clone();
        poll_fn(|context| service.poll_ready(context)).await.expect("the client is always ready");
        let answer = service.call(request).await.expect("the loopback answers");
        assert_eq!(answer.status(), 200, "nothing trips here");
        answer.into_body().collect().await.expect("the loopback finishes its answers");
        answered += 1;
    }
    answered
}

/// Nanoseconds of processor time a request, for everything that happens in one slice.
async fn slice<S, B>(service: &S, uri: &Uri, length: Duration) -> f64
where
    S: Service<Asked, Response = Response<B>> + Clone + Send + 'static,
    S::Error: std::fmt::Debug,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: std::fmt::Debug,
{
    let begun = cpu_time();
    let end = Instant::now() + length;
    let loops: JoinSet<u32> = (0..LOOPS).map(|_| send(service.clone(), uri.clone(), end)).collect();
    let answered: u32 = loops.join_all().await.iter().sum();
    (cpu_time() - begun).as_secs_f64() * 1e9 / f64::from(answered)
}

async fn compare(args: &Args) -> Table {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("loopback has a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    let uri: Uri = format!("http://{address}/").parse().expect("an address makes a uri");
    tokio::spawn(serve(listener));

    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Upstream(Client::builder(TokioExecutor::new()).build(connector));
    let tower_resilience = CircuitBreakerLayer::builder().consecutive_failures(5).build().expect("its own default");
    let tower_resilience = tower_resilience.layer(client.clone());
    let clock = InactiveClock::default().activate(std::task::Waker::noop().clone()).0;
    let seatbelt = Seatbelt::layer("bench", &ResilienceContext::new(&clock))
        .recovery_with(|answer: &Result<Response<Incoming>, Failed>, _| match answer {
            Ok(answer) if !answer.status().is_server_error() => RecoveryInfo::never(),
            _ => RecoveryInfo::retry(),
        })
        .rejected_input_error(|_, _| Failed)
        .layer(client.clone());

    let resilience = BreakerLayer::for_http(Breaker::new()).layer(client.clone());

    let length = args.pick(Duration::from_millis(5), Duration::from_millis(60), Duration::from_millis(60));
    let rounds = args.pick(1, 20, 100);
    let names = ["no breaker", "no breaker, again", "resilience", "seatbelt-tower", "tower-resilience-in-a-row"];
    let mut costs: [Vec<f64>; 5] = Default::default();
    slice(&client, &uri, length).await;
    for round in 0..rounds {
        for turn in 0..names.len() {
            // Each round begins with another one, so that no variant always follows the same.
            let variant = (round + turn) % names.len();
            let cost = match variant {
                0 | 1 => slice(&client, &uri, length).await,
                2 => slice(&resilience, &uri, length).await,
                3 => slice(&seatbelt, &uri, length).await,
                _ => slice(&tower_resilience, &uri, length).await,
            };
            costs[variant].push(cost);
        }
    }
    let mut table = Table::new(&["client", "processor time a request, ns", "ratio to no breaker, paired"]);
    for (name, cost) in names.iter().zip(&costs) {
        let ratios = cost.iter().zip(&costs[0]).map(|(this, none)| this / none).collect();
        table.row([(*name).to_owned(), figure(median(cost.clone())), format!("{:.3}", median(ratios))]);
    }
    table
}

fn main() {
    let args = Args::or_list("gateway");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("the system has threads");
    println!("{}", runtime.block_on(compare(&args)));
}
