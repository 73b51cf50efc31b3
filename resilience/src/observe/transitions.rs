use crate::breaker::sync::{Mutex, MutexGuard, lock};
use crate::machine::Event;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Events that a subscriber has not read yet; older ones make room, and are counted.
const MOST_UNREAD: usize = 1024;

/// The events of a breaker from the moment of subscribing on, to be read at one's own pace.
///
/// Needs no particular runtime. Ends when the last handle of the breaker is gone.
///
/// ```
/// use resilience::Breaker;
/// use resilience::machine::EventKind;
///
/// let breaker = Breaker::new();
/// let mut transitions = breaker.subscribe();
/// breaker.force_open();
/// assert!(matches!(transitions.try_next().unwrap().kind, EventKind::OverlayChanged { .. }));
/// assert!(transitions.try_next().is_none());
/// ```
#[derive(Debug)]
pub struct Transitions {
    mailbox: Arc<Mailbox>,
}

impl Transitions {
    pub(crate) fn new() -> (Self, Arc<Mailbox>) {
        let mailbox = Arc::new(Mailbox::default());
        (Self { mailbox: Arc::clone(&mailbox) }, mailbox)
    }

    /// The next event, if one is there already.
    pub fn try_next(&mut self) -> Option<Event> {
        self.mailbox.lock().unread.pop_front()
    }

    /// The next event, once there is one; `None` when the breaker is gone.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// As [`next`](Self::next), for those who poll.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        // A waker is the user's code: it is cloned before, and the one that it replaces dropped after the lock is held.
        let waker = cx.waker().clone();
        let mut letters = self.mailbox.lock();
        match letters.unread.pop_front() {
            Some(event) => Poll::Ready(Some(event)),
            None if letters.closed => Poll::Ready(None),
            None => {
                let replaced = letters.reader.replace(waker);
                drop(letters);
                drop(replaced);
                Poll::Pending
            }
        }
    }

    /// How many events were dropped unread because too many waited.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.mailbox.lock().lost
    }
}

/// With `futures::StreamExt`, say.
///
/// ```
/// use futures::{StreamExt, executor::block_on};
/// use resilience::Breaker;
///
/// let breaker = Breaker::new();
/// let transitions = breaker.subscribe();
/// breaker.force_open();
/// breaker.auto();
/// drop(breaker);
/// assert_eq!(block_on(transitions.count()), 2);
/// ```
#[cfg(feature = "stream")]
#[cfg_attr(docsrs, doc(cfg(feature = "stream")))]
impl futures_core::Stream for Transitions {
    type Item = Event;

    fn poll_next(self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        Self::poll_next(self.get_mut(), cx)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Mailbox(Mutex<Letters>);

#[derive(Debug, Default)]
struct Letters {
    unread: VecDeque<Event>,
    lost: u64,
    closed: bool,
    reader: Option<Waker>,
}

impl Mailbox {
    pub(super) fn put(&self, event: Event) {
        let mut letters = self.lock();
        if letters.unread.len() == MOST_UNREAD {
            letters.unread.pop_front();
            letters.lost += 1;
        }
        letters.unread.push_back(event);
        Self::wake(letters);
    }

    pub(super) fn close(&self) {
        let mut letters = self.lock();
        letters.closed = true;
        Self::wake(letters);
    }

    fn wake(mut letters: MutexGuard<'_, Letters>) {
        let reader = letters.reader.take();
        // A waker is the user's code.
        drop(letters);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Letters> {
        lock(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use crate::Breaker;
    use std::sync::{Arc, mpsc::sync_channel};
    use std::task::{Context, Wake, Waker};
    use std::time::Duration;

    #[cfg(feature = "stream")]
    #[test]
    fn as_a_stream_it_ends_with_the_last_handle() {
        use futures::{StreamExt, executor::block_on};
        let breaker = Breaker::new();
        let transitions = breaker.subscribe();
        breaker.force_open();
        breaker.reset();
        drop(breaker);
        let names: Vec<_> = block_on(transitions.map(|event| event.kind.name()).collect());
        assert_eq!(names, ["overlay_changed", "reset"]);
    }

    #[test]
    fn a_reader_whose_waker_panics_hides_the_end_from_nobody() {
        struct Panics;
        impl Wake for Panics {
            fn wake(self: Arc<Self>) {
                panic!("a waker that panics");
            }
        }
        let breaker = Breaker::new();
        let (mut first, mut second) = (breaker.subscribe(), breaker.subscribe());
        let panics = Waker::from(Arc::new(Panics));
        assert!(first.poll_next(&mut Context::from_waker(&panics)).is_pending());
        drop(breaker);
        assert!(second.poll_next(&mut Context::from_waker(Waker::noop())).is_ready());
    }

    #[test]
    fn a_waker_that_is_replaced_may_use_the_breaker_as_it_goes() {
        struct Operator(Breaker);
        impl Wake for Operator {
            fn wake(self: Arc<Self>) {}
        }
        impl Drop for Operator {
            fn drop(&mut self) {
                self.0.force_open();
            }
        }
        let (done, waited) = sync_channel(1);
        std::thread::spawn(move || {
            let breaker = Breaker::new();
            let mut transitions = breaker.subscribe();
            let operator = Waker::from(Arc::new(Operator(breaker)));
            assert!(transitions.poll_next(&mut Context::from_waker(&operator)).is_pending());
            drop(operator);
            assert!(transitions.poll_next(&mut Context::from_waker(Waker::noop())).is_pending());
            done.send(transitions.try_next().is_some())
        });
        assert_eq!(waited.recv_timeout(Duration::from_secs(5)), Ok(true));
    }
}
