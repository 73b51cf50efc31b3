//! One connection from its first byte to its last.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::edge::Edge;
use super::pace::{Pace, Paced};
use super::wire::{self, Sever, Wire};
use super::{HttpService, ServerLimits, Socket};

/// What hyper accepts as its smallest buffer.
const LEAST_BUFFER: usize = 8192;

enum End {
    Over,
    TimedOut,
    Severed(Sever),
}

/// Serves the requests of a connection until it ends, whoever ends it.
pub(super) async fn run<C: Socket, S: HttpService>(
    socket: C,
    peer: SocketAddr,
    service: S,
    limits: ServerLimits,
    mut stopped: watch::Receiver<bool>,
) {
    socket.send_at_once().ok();
    let pace = Pace::new(limits);
    let (wire, mut severed) = Wire::new();
    let edge = Edge { service, peer, wire, limits, pace: Arc::clone(&pace) };
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // The pace below is what times the head and the idle time; hyper's timer, which takes them for one thing, is the
        // net under it: it also sees a head of which a part came together with the request before it.
        .header_read_timeout(limits.header_timeout.saturating_add(limits.idle_timeout))
        .max_buf_size(limits.max_head_bytes.max(LEAST_BUFFER))
        .serve_connection(
            TokioIo::new(Paced::new(socket, Arc::clone(&pace))),
            service_fn(move |request| edge.clone().answer(request)),
        );

    let end = {
        let mut stop = pin!(stopped.wait_for(|stop| *stop));
        let mut alarm = pin!(sleep_until(Instant::now()));
        let mut armed = None;
        let mut draining = false;
        poll_fn(|cx| {
            if !draining && stop.as_mut().poll(cx).is_ready() {
                draining = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
            if let Poll::Ready(result) = Pin::new(&mut connection).poll(cx) {
                if let Err(error) = result {
                    tracing::debug!(%peer, %error, "a connection ended early");
                }
                return Poll::Ready(End::Over);
            }
            if let Poll::Ready(Ok(how)) = Pin::new(&mut severed).poll(cx) {
                return Poll::Ready(End::Severed(how));
            }
            // hyper keeps a connection that never was used through a graceful shutdown.
            if draining && pace.is_fresh() {
                return Poll::Ready(End::Over);
            }
            // Every change of pace happens within the poll of the connection above, so no waking is needed.
            let deadline = pace.deadline();
            if deadline != armed {
                armed = deadline;
                if let Some(deadline) = deadline {
                    alarm.as_mut().reset(deadline);
                }
            }
            if armed.is_some() && alarm.as_mut().poll(cx).is_ready() {
                return Poll::Ready(End::TimedOut);
            }
            Poll::Pending
        })
        .await
    };
    match end {
        End::Over => {}
        End::TimedOut => tracing::debug!(%peer, "a connection made no progress and was closed"),
        End::Severed(how) => wire::sever(connection.into_parts().io.into_inner().into_inner(), how).await,
    }
}
