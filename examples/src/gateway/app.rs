//! What the handlers share.

use super::add_event::Guarded;
use super::auth::Authenticator;
use super::lookups::Lookups;
use super::metrics::Metrics;
use super::status::Status;
use super::upstream::Upstream;
use std::ops::Deref;
use std::sync::Arc;
use tokio::sync::watch;

/// The state of one gateway; clones share it.
#[derive(Clone)]
pub(crate) struct App(Arc<Parts>);

/// The parts of it.
pub(crate) struct Parts {
    /// Who may do what.
    pub(crate) auth: Authenticator,
    /// The event API.
    pub(crate) upstream: Upstream,
    /// The event API's single items, remembered.
    pub(crate) lookups: Lookups,
    /// `POST /addEvent`.
    pub(crate) guarded: Guarded,
    /// What the status page shows, and how an operator changes it.
    pub(crate) status: Status,
    /// Numbers.
    pub(crate) metrics: Arc<Metrics>,
    /// Look-ups at a time for one listing.
    pub(crate) fan_out: usize,
    /// Becomes true when the gateway begins to shut down.
    pub(crate) ending: watch::Receiver<bool>,
}

impl App {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    pub(crate) fn is_ending(&self) -> bool {
        *self.ending.borrow()
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
