//! Whether a connection makes progress: hyper has one timer for the head and none for idle time or for a client that
//! does not read.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::ServerLimits;

/// What a connection is doing, seen from three places: its socket, its requests, and the task that watches the time.
///
/// All three run in the connection's own task, so the lock is never waited for.
#[derive(Debug)]
pub(super) struct Pace {
    limits: ServerLimits,
    now: Mutex<Now>,
}

#[derive(Debug)]
struct Now {
    stage: Stage,
    /// Since when the client has taken nothing although there is something for it.
    stalled: Option<Instant>,
}

#[derive(Debug)]
enum Stage {
    /// Nothing was received yet.
    Fresh(Instant),
    /// A head is arriving.
    Head(Instant),
    /// A request is being answered.
    Busy,
    /// The last answer is complete, and nothing has come since.
    Idle(Instant),
}

impl Pace {
    pub(super) fn new(limits: ServerLimits) -> Arc<Self> {
        let now = Now { stage: Stage::Fresh(Instant::now()), stalled: None };
        Arc::new(Self { limits, now: Mutex::new(now) })
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        // Every update is a single assignment: there is no half-made state for a panic to leave behind.
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request begins. It ends when the guard is dropped.
    pub(super) fn request(self: &Arc<Self>) -> InFlight {
        self.now().stage = Stage::Busy;
        InFlight(Arc::clone(self))
    }

    /// Whether nothing at all was received.
    pub(super) fn is_fresh(&self) -> bool {
        matches!(self.now().stage, Stage::Fresh(_))
    }

    /// When the client's patience with us, or ours with the client, ends.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let now = self.now();
        let stage = match now.stage {
            Stage::Fresh(since) | Stage::Head(since) => since.checked_add(self.limits.header_timeout),
            Stage::Idle(since) => since.checked_add(self.limits.idle_timeout),
            Stage::Busy => None,
        };
        let stalled = now.stalled.and_then(|since| since.checked_add(self.limits.write_timeout));
        stage.into_iter().chain(stalled).min()
    }

    fn received(&self) {
        let mut now = self.now();
        match now.stage {
            // A connection that dribbles gets no more time than one that is silent.
            Stage::Fresh(since) => now.stage = Stage::Head(since),
            Stage::Idle(_) => now.stage = Stage::Head(Instant::now()),
            Stage::Head(_) | Stage::Busy => {}
        }
    }

    fn sent<T>(&self, result: &Poll<T>) {
        let mut now = self.now();
        match result {
            Poll::Ready(_) => now.stalled = None,
            Poll::Pending => {
                now.stalled.get_or_insert_with(Instant::now);
            }
        }
    }
}

/// A request in flight.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Pace>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.now().stage = Stage::Idle(Instant::now());
    }
}

/// A socket that tells a [`Pace`] about its progress.
#[derive(Debug)]
pub(super) struct Paced {
    stream: TcpStream,
    pace: Arc<Pace>,
}

impl Paced {
    pub(super) fn new(stream: TcpStream, pace: Arc<Pace>) -> Self {
        Self { stream, pace }
    }

    pub(super) fn into_inner(self) -> TcpStream {
        self.stream
    }
}

impl AsyncRead for Paced {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        if result.is_ready() && buf.filled().len() > before {
            self.pace.received();
        }
        result
    }
}

impl AsyncWrite for Paced {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.pace.sent(&result);
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.pace.sent(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
