//! Servers on the loopback interface, and what they are told to answer.

use bytes::Bytes;
use http::{Request, Response, StatusCode, header::RETRY_AFTER};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, AtomicUsize, Ordering};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tower::{Service, service_fn};

/// What a server answers, and how often it was asked.
#[derive(Clone, Debug)]
pub(crate) struct Switch(Arc<Told>);

#[derive(Debug)]
struct Told {
    status: AtomicU16,
    /// In seconds; zero says nothing.
    retry_after: AtomicU64,
    asked: AtomicUsize,
}

impl Switch {
    pub(crate) fn new(status: u16) -> Self {
        Self(Arc::new(Told { status: status.into(), retry_after: 0.into(), asked: 0.into() }))
    }

    pub(crate) fn set(&self, status: u16) {
        self.0.status.store(status, Ordering::SeqCst);
    }

    pub(crate) fn retry_after(&self, secs: u64) {
        self.0.retry_after.store(secs, Ordering::SeqCst);
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.0.asked.fetch_add(1, Ordering::SeqCst);
        StatusCode::from_u16(self.0.status.load(Ordering::SeqCst)).unwrap()
    }

    pub(crate) fn asked(&self) -> usize {
        self.0.asked.load(Ordering::SeqCst)
    }

    /// The server's own service: answers as it is told.
    pub(crate) fn service(
        &self,
    ) -> impl Service<
        Request<Incoming>,
        Response = Response<Full<Bytes>>,
        Error = Infallible,
        Future = impl Future<Output = Result<Response<Full<Bytes>>, Infallible>> + Send + use<>,
    > + Clone
    + Send
    + use<> {
        let told = self.clone();
        service_fn(move |_: Request<Incoming>| {
            let mut response = Response::new(Full::from("an answer"));
            *response.status_mut() = told.status();
            let wait = told.0.retry_after.load(Ordering::SeqCst);
            if wait != 0 {
                response.headers_mut().insert(RETRY_AFTER, wait.into());
            }
            std::future::ready(Ok(response))
        })
    }
}

/// A socket that listens, on a port that was free.
pub(crate) async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Serves on a socket of its own, through hyper, until the handle aborts it or the test is over.
pub(crate) async fn serve<S, B>(service: S) -> (SocketAddr, AbortHandle)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (listener, address) = listener().await;
    let server = tokio::spawn(async move {
        let mut connections = tokio::task::JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(service.clone());
            connections
                .spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (address, server.abort_handle())
}
