use super::Observer;
use super::transitions::Mailbox;
use crate::breaker::foreign::contained;
use crate::breaker::sync::{Mutex, MutexGuard, lock};
use crate::machine::Event;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Weak};

/// Events that wait while an observer is stuck; older ones make room.
const MOST_WAITING: usize = 4096;

/// Where events wait for delivery: filled under the breaker's lock, so in order; emptied after it, by one thread at a
/// time, so once and in order.
pub(crate) struct Outbox {
    name: Arc<str>,
    observers: Vec<Arc<dyn Observer>>,
    wants_refusals: bool,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<Event>,
    /// Somebody is delivering.
    busy: bool,
    subscribers: Vec<Weak<Mailbox>>,
}

impl Outbox {
    pub(crate) fn new(name: Arc<str>, observers: Vec<Arc<dyn Observer>>) -> Self {
        let wants_refusals = observers.iter().any(|observer| observer.wants_refusals());
        Self { name, observers, wants_refusals, waiting: Mutex::default() }
    }

    pub(crate) fn wants_refusals(&self) -> bool {
        self.wants_refusals
    }

    pub(crate) fn subscribe(&self, mailbox: &Arc<Mailbox>) {
        let mut waiting = self.lock();
        waiting.subscribers.retain(|subscriber| subscriber.strong_count() > 0);
        waiting.subscribers.push(Arc::downgrade(mailbox));
    }

    pub(crate) fn queue(&self, events: Vec<Event>) {
        let mut waiting = self.lock();
        waiting.events.extend(events);
        let over = waiting.events.len().saturating_sub(MOST_WAITING);
        waiting.events.drain(..over);
    }

    /// Delivers what waits, unless another thread (or a caller of ours, if an observer uses the breaker) is at it.
    pub(crate) fn deliver(&self) {
        let mut waiting = self.lock();
        if std::mem::replace(&mut waiting.busy, true) {
            return;
        }
        while let Some(event) = waiting.events.pop_front() {
            let subscribers: Vec<Arc<Mailbox>> = waiting.subscribers.iter().filter_map(Weak::upgrade).collect();
            drop(waiting);
            for mailbox in subscribers {
                // It wakes the reader, and a waker is somebody else's code, too.
                contained(|| mailbox.put(event));
            }
            for observer in &self.observers {
                // An observer that panics must not take the call down that happened to bring the event about.
                contained(|| observer.on_event(&self.name, &event));
            }
            waiting = self.lock();
        }
        waiting.busy = false;
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        lock(&self.waiting)
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        for mailbox in self.lock().subscribers.iter().filter_map(Weak::upgrade) {
            contained(|| mailbox.close());
        }
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, observers, wants_refusals, waiting: _ } = self;
        f.debug_struct("Outbox")
            .field("name", name)
            .field("observers", &observers.len())
            .field("wants_refusals", wants_refusals)
            .finish_non_exhaustive()
    }
}
