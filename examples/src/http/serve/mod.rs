//! Accepting connections, watching them, and ending them.
//!
//! What hyper leaves to its user, and what is done about it here:
//!
//! | a client that | gets |
//! |---|---|
//! | sends no `Host`, or two, or `user@host` (RFC 9112 §3.2) | 400, and the connection ends |
//! | sends the absolute form (`GET http://elsewhere/x`) | the answer for `/x`; nobody behind this module sees `elsewhere` |
//! | is slow with the head of a request, or opens a connection and says nothing | closed after [`ServerLimits::header_timeout`] |
//! | keeps an idle connection | closed after [`ServerLimits::idle_timeout`] |
//! | closes its side of the connection after its request, and waits | its answer; closed after [`ServerLimits::half_close_timeout`] without a byte of it, as it may as well have gone |
//! | does not read its answer | closed after [`ServerLimits::write_timeout`] without progress |
//! | is slow with a body, or sends too much | 408 or 413, see [`json`](super::json) |
//! | is one too many | waits in the listener's queue until one of [`ServerLimits::max_connections`] is gone |
//! | makes a handler panic | 500; the other connections notice nothing |
//!
//! HTTP/1 only, on purpose: the services are called by clients that pool connections, and HTTP/2 would bring a second set of
//! limits (streams, header lists, resets, pings) to get wrong. A client that sends the HTTP/2 preface is answered 400.
//!
//! Running out of file descriptors does not end the server: it waits a second and goes on. Shutting down stops accepting,
//! lets what is in flight finish within [`ServerLimits::grace`], and then cuts what is left.

mod connection;
mod edge;
mod pace;
mod socket;
mod wire;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

pub use edge::{Peer, RequestId};
pub use socket::{Listen, Socket};
pub use wire::{Sever, Wire};

use super::Body;
use super::json::BodyLimits;

/// What a server grants its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// The time from the first byte of a request (or from the start of the connection) to the end of its head. Default 10 s.
    pub header_timeout: Duration,
    /// How long a connection may be idle between two requests. Default 75 s, more than clients' pools keep them for.
    pub idle_timeout: Duration,
    /// How long a client may take nothing of its answer. Default 30 s.
    pub write_timeout: Duration,
    /// How long a client that has closed its own side is owed an answer: one that has gone looks the same. Each byte that it
    /// takes begins the time anew. Default 5 s; zero: not at all.
    pub half_close_timeout: Duration,
    /// The size of a head in bytes, at least 8192; a longer one is 431. Default 32 KiB.
    pub max_head_bytes: usize,
    /// Connections at a time. Default 1024.
    pub max_connections: usize,
    /// The time that requests in flight get to finish when the server is shut down. Default 10 s.
    pub grace: Duration,
    /// The limits of request bodies.
    pub body: BodyLimits,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(30),
            half_close_timeout: Duration::from_secs(5),
            max_head_bytes: 32 * 1024,
            max_connections: 1024,
            grace: Duration::from_secs(10),
            body: BodyLimits::default(),
        }
    }
}

/// A service that a server can run: any tower service over [`Body`] that answers every request.
pub trait HttpService:
    tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send> + Clone + Send + 'static
{
}

impl<S> HttpService for S where
    S: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static
{
}

/// A socket that is bound, before anything is accepted from it.
#[derive(Debug)]
pub struct Server<L = TcpListener> {
    listener: L,
    addr: SocketAddr,
    limits: ServerLimits,
}

impl Server {
    /// Binds an address; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// If the address cannot be bound.
    pub async fn bind(addr: SocketAddr, limits: ServerLimits) -> io::Result<Self> {
        Self::on(TcpListener::bind(addr).await?, limits)
    }
}

impl<L: Listen> Server<L> {
    /// Takes what is bound already, on whatever network.
    ///
    /// # Errors
    ///
    /// If its address cannot be had.
    pub fn on(listener: L, limits: ServerLimits) -> io::Result<Self> {
        let addr = listener.local_addr()?;
        Ok(Self { listener, addr, limits })
    }

    /// The address that was bound.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Serves in the background.
    #[must_use]
    pub fn start<S: HttpService>(self, service: S) -> Running {
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(accept(self.listener, service, self.limits, stopped));
        Running { addr: self.addr, stop, task }
    }
}

/// A server at work. Dropping it shuts it down, without waiting for the end.
#[derive(Debug)]
pub struct Running {
    addr: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<Drained>,
}

/// How a server ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were cut because their requests did not finish within the grace period.
    pub cut: usize,
}

impl Running {
    /// The address that was bound.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Stops accepting, lets what is in flight finish within the grace period, and cuts the rest.
    pub async fn shutdown(self) -> Drained {
        // No receiver means that the server has ended already.
        self.stop.send(true).ok();
        // The task ends by a panic of the accept loop at worst; then nothing is left to be cut.
        self.task.await.unwrap_or_default()
    }
}

async fn accept<L: Listen, S: HttpService>(
    mut listener: L,
    service: S,
    limits: ServerLimits,
    mut stopped: watch::Receiver<bool>,
) -> Drained {
    let slots = Arc::new(Semaphore::new(limits.max_connections.min(Semaphore::MAX_PERMITS)));
    let mut connections = JoinSet::new();
    loop {
        // Connections that have ended leave the set, so that it does not grow.
        while connections.try_join_next().is_some() {}
        let next = async {
            let slot = Arc::clone(&slots).acquire_owned().await;
            (slot, listener.accept().await)
        };
        let (slot, accepted) = tokio::select! {
            next = next => next,
            // The sender being gone means the same as being told.
            _ = stopped.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let work = connection::run(stream, peer, service.clone(), limits, stopped.clone());
                connections.spawn(async move {
                    work.await;
                    drop(slot);
                });
            }
            Err(error) if is_of_one_connection(&error) => tracing::debug!(%error, "a connection ended before it began"),
            Err(error) => {
                // Out of file descriptors or memory: waiting lets connections end, a busy loop would not.
                tracing::warn!(%error, "cannot accept connections; trying again in a second");
                tokio::select! {
                    () = sleep(Duration::from_secs(1)) => {}
                    _ = stopped.wait_for(|stop| *stop) => break,
                }
            }
        }
    }
    drop(listener);
    let drain = async { while connections.join_next().await.is_some() {} };
    if timeout(limits.grace, drain).await.is_ok() {
        return Drained::default();
    }
    let cut = connections.len();
    tracing::warn!(cut, "the grace period is over; cutting what is in flight");
    connections.shutdown().await;
    Drained { cut }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
mod tests;
