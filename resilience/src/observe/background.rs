use super::Observer;
use crate::breaker::foreign::contained;
use crate::machine::Event;
use std::io;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

/// Events that wait for an observer that is busy; further ones are dropped.
const MOST_WAITING: usize = 1024;

/// Runs an observer on a thread of its own: it may block for as long as it likes, and no call waits for it.
///
/// Events still come once and in order. While 1024 of them wait, further ones are dropped. The thread ends when the
/// breakers that tell it are gone.
///
/// ```
/// use std::sync::mpsc::channel;
/// use resilience::{Breaker, machine::Event, observe::Background};
///
/// let (told, heard) = channel();
/// let slow = move |_: &str, event: &Event| {
///     // … something that takes its time, and then:
///     let _ = told.send(event.kind.name());
/// };
/// let breaker = Breaker::builder().observer(Background::new(slow)?).build()?;
/// breaker.force_open();
/// breaker.reset();
/// drop(breaker);
/// assert_eq!(heard.iter().collect::<Vec<_>>(), ["overlay_changed", "reset"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Background {
    sender: SyncSender<(String, Event)>,
    wants_refusals: bool,
}

impl Background {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// The system's, if it has no thread to give.
    pub fn new(observer: impl Observer + 'static) -> io::Result<Self> {
        let wants_refusals = observer.wants_refusals();
        let (sender, events) = sync_channel::<(String, Event)>(MOST_WAITING);
        thread::Builder::new().name(String::from("resilience-observer")).spawn(move || {
            for (name, event) in events {
                // One that panics is told of the next event all the same.
                contained(|| observer.on_event(&name, &event));
            }
        })?;
        Ok(Self { sender, wants_refusals })
    }
}

impl Observer for Background {
    fn on_event(&self, name: &str, event: &Event) {
        // Full, or the thread is gone: the call that brings the event about must not wait for either.
        let _ = self.sender.try_send((name.to_owned(), *event));
    }

    fn wants_refusals(&self) -> bool {
        self.wants_refusals
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::{Breaker, State};
    use std::sync::mpsc::channel;

    #[test]
    fn an_observer_that_blocks_hurts_no_call_and_misses_nothing() {
        let (release, blocked) = channel::<()>();
        let (told, heard) = channel();
        let blocked = crate::breaker::sync::Mutex::new(blocked);
        let stuck = move |_: &str, event: &Event| {
            let _ = crate::breaker::sync::lock(&blocked).recv();
            let _ = told.send(event.epoch);
        };
        let breaker = Breaker::builder().observer(Background::new(stuck).unwrap()).build().unwrap();
        for _ in 0..10 {
            (0..3).for_each(|_| breaker.try_acquire().unwrap().failure());
            assert_eq!(breaker.state(), State::Open);
            breaker.reset();
        }
        (0..20).for_each(|_| release.send(()).unwrap());
        drop(breaker);
        let epochs: Vec<u64> = heard.iter().collect();
        assert_eq!(epochs.len(), 20);
        assert!(epochs.is_sorted());
    }
}
