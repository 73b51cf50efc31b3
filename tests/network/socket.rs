//! Simulated connections, as the services know connections.

use examples::http::serve::{Listen, Socket};
use http::Uri;
use hyper_util::client::legacy::connect::{Connect, Connected, Connection};
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};
use tower::service_fn;
use turmoil::net::{TcpListener, TcpStream};

/// How slowly an end of a connection writes: a few bytes each time. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drip(Arc<Mutex<Option<Duration>>>);

/// What is written each time.
const DROP: usize = 32;

impl Drip {
    pub(crate) fn set(&self, every: Option<Duration>) {
        *self.0.lock().unwrap() = every;
    }

    fn get(&self) -> Option<Duration> {
        *self.0.lock().unwrap()
    }
}

/// A simulated connection.
#[derive(Debug)]
pub(crate) struct Simulated {
    stream: TcpStream,
    drip: Drip,
    waits: Option<Pin<Box<Sleep>>>,
}

impl Simulated {
    fn new(stream: TcpStream, drip: Drip) -> Self {
        Self { stream, drip, waits: None }
    }
}

impl AsyncRead for Simulated {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Simulated {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let Some(every) = self.drip.get() else { return Pin::new(&mut self.stream).poll_write(cx, buf) };
        ready!(self.waits.get_or_insert_with(|| Box::pin(sleep(every))).as_mut().poll(cx));
        self.waits = None;
        Pin::new(&mut self.stream).poll_write(cx, &buf[..buf.len().min(DROP)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Socket for Simulated {
    fn send_at_once(&self) -> io::Result<()> {
        self.stream.set_nodelay(true)
    }

    /// The simulation resets where data was not read, and not on demand.
    fn reset_when_dropped(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Connection for Simulated {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

/// A simulated listener.
pub(crate) struct Listener {
    listener: TcpListener,
    drip: Drip,
}

impl Listener {
    /// On the port that every simulated server has, with connections that write like this.
    pub(crate) async fn bind(drip: Drip) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(("0.0.0.0", 80)).await?, drip })
    }
}

impl Listen for Listener {
    type Socket = Simulated;

    async fn accept(&mut self) -> io::Result<(Simulated, SocketAddr)> {
        let (stream, peer) = self.listener.accept().await?;
        Ok((Simulated::new(stream, self.drip.clone()), peer))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Connects to simulated hosts by their names. It has no time of its own: whoever waits has a deadline.
pub(crate) fn connector() -> impl Connect + Clone + Send + Sync + 'static {
    service_fn(|uri: Uri| {
        Box::pin(async move {
            let host = uri.host().unwrap_or_default().to_owned();
            let stream = TcpStream::connect((host, 80)).await?;
            Ok::<_, io::Error>(TokioIo::new(Simulated::new(stream, Drip::default())))
        })
    })
}
