use super::Key;
use crate::breaker::foreign::contained;
use crate::breaker::sync::{Mutex, lock};
use crate::machine::Event;
use crate::observe::Observer;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// Events that wait while an observer is stuck; further ones are dropped.
const MOST_WAITING: usize = 4096;

/// Told of every event of every key, for each key in order and once.
///
/// Called after all locks are released, as an [`Observer`] is, and under the same terms: it should be quick, and one that
/// panics is caught. A closure `|name: &str, key: Option<&K>, event: &Event|` is one, too.
///
/// Do not make a metric's label of the key: keys can be many, and chosen by whoever calls. [`WithoutKeys`] makes an
/// observer of single breakers into one that is told no keys.
pub trait KeyedObserver<K>: Send + Sync {
    /// Something happened to this key of the registry of this name; without a key: to all of them (an operator's doing).
    fn on_event(&self, name: &str, key: Option<&K>, event: &Event);

    /// Whether to be told of refusals, too. They can be many.
    fn wants_refusals(&self) -> bool {
        false
    }
}

impl<K, F: Fn(&str, Option<&K>, &Event) + Send + Sync> KeyedObserver<K> for F {
    fn on_event(&self, name: &str, key: Option<&K>, event: &Event) {
        self(name, key, event);
    }
}

/// Tells an [`Observer`] of the events of all keys, under the name of the registry and without the keys: what metrics
/// want, whose labels must not grow with the traffic.
///
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use std::sync::Arc;
/// use resilience::keyed::{Keyed, WithoutKeys};
/// use resilience::machine::Event;
///
/// let trips = Arc::new(AtomicUsize::new(0));
/// let counter = Arc::clone(&trips);
/// let keyed: Keyed<u64> = Keyed::builder()
///     .name("tenants")
///     .observer(WithoutKeys(move |name: &str, event: &Event| {
///         assert_eq!((name, event.kind.name()), ("tenants", "tripped"));
///         counter.fetch_add(1, Ordering::Relaxed);
///     }))
///     .build()?;
/// for tenant in [1, 2].repeat(3) {
///     keyed.try_acquire(&tenant)?.failure();
/// }
/// assert_eq!(trips.load(Ordering::Relaxed), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct WithoutKeys<O>(pub O);

impl<K, O: Observer> KeyedObserver<K> for WithoutKeys<O> {
    fn on_event(&self, name: &str, _: Option<&K>, event: &Event) {
        self.0.on_event(name, event);
    }

    fn wants_refusals(&self) -> bool {
        self.0.wants_refusals()
    }
}

/// The observers of one registry, and the events that wait for them: queued under the lock of the key's shard, so for
/// each key in order; delivered after it, by one thread at a time.
pub(super) struct Observers<K> {
    name: Arc<str>,
    observers: Vec<Arc<dyn KeyedObserver<K>>>,
    wants_refusals: bool,
    waiting: Mutex<Waiting<K>>,
}

struct Waiting<K> {
    events: VecDeque<(Option<K>, Event)>,
    /// Somebody is delivering.
    busy: bool,
}

impl<K> Observers<K> {
    pub(super) fn new(name: Arc<str>, observers: Vec<Arc<dyn KeyedObserver<K>>>) -> Self {
        let wants_refusals = observers.iter().any(|observer| observer.wants_refusals());
        Self { name, observers, wants_refusals, waiting: Mutex::new(Waiting { events: VecDeque::new(), busy: false }) }
    }

    pub(super) fn wants_refusals(&self) -> bool {
        self.wants_refusals
    }

    pub(super) fn queue(&self, key: impl Fn() -> Option<K>, events: Vec<Event>) {
        // Keys are the user's code: they are cloned before the lock is held, and none is dropped under it.
        let events: Vec<_> = events.into_iter().map(|event| (key(), event)).collect();
        let mut waiting = lock(&self.waiting);
        if waiting.events.len() < MOST_WAITING {
            waiting.events.extend(events);
        }
    }

    /// Delivers what waits, unless another thread (or a caller of ours, if an observer uses the registry) is at it.
    pub(super) fn deliver(&self) {
        let mut waiting = lock(&self.waiting);
        if std::mem::replace(&mut waiting.busy, true) {
            return;
        }
        while let Some((key, event)) = waiting.events.pop_front() {
            drop(waiting);
            for observer in &self.observers {
                // An observer that panics must not take the call down that happened to bring the event about.
                contained(|| observer.on_event(&self.name, key.as_ref(), &event));
            }
            contained(|| drop(key));
            waiting = lock(&self.waiting);
        }
        waiting.busy = false;
    }
}

impl<K> fmt::Debug for Observers<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, observers, wants_refusals, waiting: _ } = self;
        f.debug_struct("Observers")
            .field("name", name)
            .field("observers", &observers.len())
            .field("wants_refusals", wants_refusals)
            .finish_non_exhaustive()
    }
}

/// Hears what happens to all keys at once.
pub(super) struct ForAll<K>(pub(super) Arc<Observers<K>>);

impl<K: Key> Observer for ForAll<K> {
    fn on_event(&self, _: &str, event: &Event) {
        self.0.queue(|| None, vec![*event]);
        self.0.deliver();
    }

    fn wants_refusals(&self) -> bool {
        self.0.wants_refusals()
    }
}
