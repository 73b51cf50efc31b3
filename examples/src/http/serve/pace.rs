//! Whether a connection makes progress: hyper has one timer for the head and none for idle time or for a client that
//! does not read.
//!
//! And whether the client's own side is still open. hyper either drops a request when it is not, although the client may
//! be waiting for the answer, or never looks. Here the end is kept from hyper while an answer is owed and the request is
//! complete, but not for ever: a client that has gone for good looks the same.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::{ServerLimits, Socket};

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
    /// Since when the client has closed its side, and taken nothing of the answer that it is owed.
    half_closed: Option<Instant>,
    /// Whether somebody waits for more of the body of a request whose client has closed its side.
    starving: bool,
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
        let now = Now { stage: Stage::Fresh(Instant::now()), stalled: None, half_closed: None, starving: false };
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
            Stage::Busy => now.half_closed.and_then(|since| since.checked_add(self.limits.half_close_timeout)),
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

    /// The client has closed its side. Whether hyper is not to know yet.
    fn keeps_the_end_to_itself(&self) -> bool {
        let mut now = self.now();
        let keeps = matches!(now.stage, Stage::Busy) && !now.starving && !self.limits.half_close_timeout.is_zero();
        if keeps {
            now.half_closed.get_or_insert_with(Instant::now);
        }
        keeps
    }

    /// More of a body is waited for. Whether there will be none, and hyper has to be told of it.
    fn starves(&self) -> bool {
        let mut now = self.now();
        let first = now.half_closed.is_some() && !now.starving;
        now.starving |= first;
        first
    }

    fn sent<T>(&self, result: &Poll<T>) {
        let mut now = self.now();
        match result {
            Poll::Ready(_) => {
                now.stalled = None;
                now.half_closed = now.half_closed.map(|_| Instant::now());
            }
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

/// The body of a request as it arrives.
#[derive(Debug)]
pub(super) struct Arriving {
    pub(super) body: Incoming,
    pub(super) pace: Arc<Pace>,
}

impl http_body::Body for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if frame.is_pending() && self.pace.starves() {
            // The end was kept from hyper, which now has to read it to tell of it.
            cx.waker().wake_by_ref();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A socket that tells a [`Pace`] about its progress.
#[derive(Debug)]
pub(super) struct Paced<C> {
    socket: C,
    pace: Arc<Pace>,
}

impl<C> Paced<C> {
    pub(super) fn new(socket: C, pace: Arc<Pace>) -> Self {
        Self { socket, pace }
    }

    pub(super) fn into_inner(self) -> C {
        self.socket
    }
}

impl<C: Socket> AsyncRead for Paced<C> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.socket).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.pace.received();
        } else if matches!(result, Poll::Ready(Ok(()))) && buf.remaining() > 0 && self.pace.keeps_the_end_to_itself() {
            // Nothing has to wake this up: the answer will, or the end of its time.
            return Poll::Pending;
        }
        result
    }
}

impl<C: Socket> AsyncWrite for Paced<C> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.socket).poll_write(cx, buf);
        self.pace.sent(&result);
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.socket).poll_write_vectored(cx, bufs);
        self.pace.sent(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
