//! Who is told what happens to a breaker.
//!
//! An [`Observer`] is called after the breaker's lock is released, once for each [`Event`], in order. It runs on the
//! thread of the call that brought the event about (or, if another thread is just delivering, on that one), so it should
//! be quick; whatever it does, no lock is held and no other call waits for it. One that panics is caught. To do
//! something slow, put it into a `Background`, which has a thread of its own, or take a [`Transitions`] with
//! [`Breaker::subscribe`](crate::Breaker::subscribe) to a task of yours.
//!
//! ```
//! use std::sync::{Arc, Mutex};
//! use resilience::Breaker;
//! use resilience::machine::Event;
//!
//! let seen = Arc::new(Mutex::new(Vec::new()));
//! let log = Arc::clone(&seen);
//! let breaker = Breaker::builder()
//!     .name("orders")
//!     .observer(move |name: &str, event: &Event| log.lock().unwrap().push(format!("{name}: {}", event.kind.name())))
//!     .build()?;
//! for _ in 0..3 {
//!     breaker.try_acquire()?.failure();
//! }
//! breaker.reset();
//! assert_eq!(*seen.lock().unwrap(), ["orders: tripped", "orders: reset"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(not(target_family = "wasm"))]
mod background;
mod history;
#[cfg(feature = "metrics")]
#[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
pub mod metrics;
#[cfg(feature = "opentelemetry")]
#[cfg_attr(docsrs, doc(cfg(feature = "opentelemetry")))]
pub mod opentelemetry;
mod outbox;
#[cfg(feature = "prometheus")]
mod prometheus;
mod sample;
#[cfg(feature = "tracing")]
mod tracing;
mod transitions;
mod watched;

#[cfg(feature = "tracing")]
#[cfg_attr(docsrs, doc(cfg(feature = "tracing")))]
pub use self::tracing::Tracing;
#[cfg(not(target_family = "wasm"))]
pub use background::Background;
pub(crate) use history::{History, Ledger};
pub use history::{TransitionCount, TransitionReason, UnknownReason};
pub(crate) use outbox::Outbox;
pub use sample::{METRICS, Metric, MetricKind, Sample, Value};
pub use transitions::Transitions;
pub use watched::{NameTaken, Watched};

use crate::machine::Event;

/// Told of every event of a breaker, in order and once.
pub trait Observer: Send + Sync {
    /// Something happened to the breaker of this name.
    fn on_event(&self, name: &str, event: &Event);

    /// Whether to be told of refusals, too. They can be many, and each then takes the breaker's lock.
    fn wants_refusals(&self) -> bool {
        false
    }
}

impl<F: Fn(&str, &Event) + Send + Sync> Observer for F {
    fn on_event(&self, name: &str, event: &Event) {
        self(name, event);
    }
}
