//! Server-sent events: the last minutes, then the status at once, whenever it changes and each second.

use crate::http::{Answer, Body, Problem};
use bytes::Bytes;
use futures::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Interval, MissedTickBehavior, interval};

/// How often a stream looks whether there is something new; a countdown changes by itself.
const EVERY: Duration = Duration::from_secs(1);
/// What keeps a quiet connection from being taken for a dead one.
const PING: Bytes = Bytes::from_static(b": ping\n\n");

/// The streams that may be open at once.
///
/// A stream lasts for as long as its reader likes, so their number has a bound of its own.
#[derive(Clone, Debug)]
pub(crate) struct Streams {
    slots: Arc<Semaphore>,
    ended: watch::Receiver<bool>,
}

struct Stream<F> {
    before: Option<Vec<u8>>,
    status: F,
    last: Bytes,
    changed: watch::Receiver<u64>,
    ended: watch::Receiver<bool>,
    ticks: Interval,
    _slot: OwnedSemaphorePermit,
}

impl Streams {
    /// At most `limit` at once, all of which end when `ended` becomes true: an endless answer would hold a graceful
    /// shutdown up until its grace period is over.
    pub(crate) fn new(limit: usize, ended: watch::Receiver<bool>) -> Self {
        Self { slots: Arc::new(Semaphore::new(limit)), ended }
    }

    /// A new stream: the document of what was `before`, then those of what `status` says, one at a time; `changed` tells
    /// when it is worth asking.
    ///
    /// # Errors
    ///
    /// 503 when as many streams are open as may be.
    pub(crate) fn open<F>(&self, before: Vec<u8>, status: F, changed: watch::Receiver<u64>) -> Answer
    where
        F: Fn() -> Bytes + Send + 'static,
    {
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            return Err(Problem::unavailable("Too many status streams are open.", Some(Duration::from_secs(5))));
        };
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stream = Stream {
            before: Some(before),
            status,
            last: Bytes::new(),
            changed,
            ended: self.ended.clone(),
            ticks,
            _slot: slot,
        };
        // Pulled by the connection, a frame at a time: a reader that is slow makes nothing pile up here.
        let frames = stream::unfold(stream, |mut stream| async {
            let bytes = stream.next().await?;
            Some((Ok::<_, Infallible>(Frame::data(bytes)), stream))
        });
        let mut response = Response::new(Body::stream(StreamBody::new(frames)));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(response)
    }
}

impl<F: Fn() -> Bytes> Stream<F> {
    async fn next(&mut self) -> Option<Bytes> {
        if *self.ended.borrow() {
            return None;
        }
        if let Some(before) = self.before.take() {
            return Some(event("history", &before));
        }
        tokio::select! {
            _ = self.ended.changed() => return None,
            // The sender lives as long as the gateway; without it there is nothing more to tell.
            alive = self.changed.changed() => alive.ok()?,
            // The first tick is at once.
            _ = self.ticks.tick() => {}
        }
        let status = (self.status)();
        if status == self.last {
            return Some(PING);
        }
        self.last = status;
        Some(event("status", &self.last))
    }
}

/// A document as one event. JSON has no line break that would end it early.
fn event(name: &str, document: &[u8]) -> Bytes {
    Bytes::from([b"event: ", name.as_bytes(), b"\ndata: ", document, b"\n\n"].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use std::sync::atomic::{AtomicU64, Ordering};
    use tokio::time::Instant;

    struct Rig {
        streams: Streams,
        change: watch::Sender<u64>,
        end: watch::Sender<bool>,
        value: Arc<AtomicU64>,
    }

    fn rig() -> Rig {
        let (end, ended) = watch::channel(false);
        Rig { streams: Streams::new(2, ended), change: watch::channel(0).0, end, value: Arc::default() }
    }

    impl Rig {
        fn open(&self) -> Answer {
            let value = Arc::clone(&self.value);
            let status = move || Bytes::from(value.load(Ordering::Relaxed).to_string());
            self.streams.open(b"[]".to_vec(), status, self.change.subscribe())
        }
    }

    async fn frame(body: &mut Body) -> Option<String> {
        let frame = body.frame().await?.unwrap().into_data().unwrap();
        Some(String::from_utf8(frame.to_vec()).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_comes_first_then_the_status_at_once_on_change_and_each_second() {
        let rig = rig();
        let mut body = rig.open().unwrap().into_body();
        let start = Instant::now();
        assert_eq!(frame(&mut body).await.unwrap(), "event: history\ndata: []\n\n");
        assert_eq!(frame(&mut body).await.unwrap(), "event: status\ndata: 0\n\n");
        assert_eq!(start.elapsed(), Duration::ZERO);

        rig.value.store(1, Ordering::Relaxed);
        rig.change.send_modify(|version| *version += 1);
        assert_eq!(frame(&mut body).await.unwrap(), "event: status\ndata: 1\n\n");
        assert_eq!(start.elapsed(), Duration::ZERO);

        assert_eq!(frame(&mut body).await.unwrap(), ": ping\n\n");
        assert_eq!(start.elapsed(), EVERY);

        rig.value.store(2, Ordering::Relaxed);
        assert_eq!(frame(&mut body).await.unwrap(), "event: status\ndata: 2\n\n");
        assert_eq!(start.elapsed(), 2 * EVERY);
    }

    #[tokio::test]
    async fn there_is_a_bound_and_a_closed_stream_makes_room() {
        let rig = rig();
        let first = rig.open().unwrap();
        let _second = rig.open().unwrap();
        assert_eq!(rig.open().unwrap_err().status(), 503);
        drop(first);
        assert!(rig.open().is_ok());
    }

    #[tokio::test]
    async fn all_end_when_the_gateway_does() {
        let rig = rig();
        let mut body = rig.open().unwrap().into_body();
        frame(&mut body).await.unwrap();
        rig.end.send(true).unwrap();
        assert_eq!(frame(&mut body).await, None);
        let mut late = rig.open().unwrap().into_body();
        assert_eq!(frame(&mut late).await, None);
    }
}
