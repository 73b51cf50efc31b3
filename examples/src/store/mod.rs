//! Users and their events.
//!
//! [`Store`] is what the services know. One suite of tests holds its forms to the same behaviour:
//!
//! | form | where | for |
//! |---|---|---|
//! | [`Memory`] | in the process | tests, and trying things out |
//! | [`Durable`] | in a file, by one process | whoever has one machine; nothing has to be installed |
//! | `Postgres` (feature `postgres`) | in a PostgreSQL database, by any number of processes | whoever outgrows it |
//!
//! What every form promises:
//!
//! - **Ids** are made by the store, in the order in which changes become visible. So a walk through pages, each beginning
//!   after the last id of the one before, shows nothing twice and misses nothing that was there when it began, whatever is
//!   written meanwhile.
//! - **Unique**: a user's name (as typed) and email (whatever the case). A refused user reserves neither.
//! - **Together**: an event and its place in its user's list appear at the same moment or not at all.
//! - **Once**: changes that carry the same key make one event, also across a crash, for as long as keys are kept.
//! - **Kept** (not [`Memory`]): what was acknowledged is there after the process was killed.

mod durable;
mod error;
mod ids;
mod memory;
mod model;
mod page;
#[cfg(feature = "postgres")]
pub mod postgres;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::future::BoxFuture;
use uuid::Uuid;

pub use durable::Durable;
pub use error::{OpenError, StoreError};
pub use memory::Memory;
pub use model::{Added, Event, NewEvent, NewUser, Timestamp, User};
pub use page::{Cursor, CursorError, MOST_ITEMS, Page, PageRequest};
#[cfg(feature = "postgres")]
pub use postgres::Postgres;

/// The users and events of a service.
///
/// Object-safe, because which form is used is configuration: a service holds an `Arc<dyn Store>`.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Adds a user.
    ///
    /// # Errors
    ///
    /// [`StoreError::UserNameTaken`] and [`StoreError::EmailTaken`], in this order where both are.
    fn add_user(&self, user: NewUser) -> BoxFuture<'_, Result<User, StoreError>>;

    /// Adds an event to a user's list. A repetition with the same `key` gives the event that the first one made.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchUser`]; [`StoreError::KeyReused`] if the key belongs to an event with another content.
    fn add_event(&self, event: NewEvent, key: Option<String>) -> BoxFuture<'_, Result<Added, StoreError>>;

    /// The user with an id.
    fn user(&self, id: Uuid) -> BoxFuture<'_, Result<Option<User>, StoreError>>;

    /// The event with an id.
    fn event(&self, id: Uuid) -> BoxFuture<'_, Result<Option<Event>, StoreError>>;

    /// Users, oldest first.
    fn users(&self, page: PageRequest) -> BoxFuture<'_, Result<Page<User>, StoreError>>;

    /// Events, oldest first.
    fn events(&self, page: PageRequest) -> BoxFuture<'_, Result<Page<Event>, StoreError>>;

    /// The events of a user, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchUser`].
    fn events_of(&self, user: Uuid, page: PageRequest) -> BoxFuture<'_, Result<Page<Event>, StoreError>>;
}

/// What every form of the store can be told.
#[derive(Clone)]
pub struct StoreOptions {
    /// How long the key of an event is kept: a repetition within this time makes no second event. Default 24 h.
    pub retention: Duration,
    /// What time it is. Default: the system's clock. It may jump; ids keep their order all the same.
    pub clock: Arc<dyn Fn() -> SystemTime + Send + Sync>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { retention: Duration::from_secs(24 * 60 * 60), clock: Arc::new(SystemTime::now) }
    }
}

impl fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreOptions").field("retention", &self.retention).finish_non_exhaustive()
    }
}

/// The form in which emails are compared.
fn folded(email: &str) -> String {
    email.to_lowercase()
}

#[cfg(test)]
mod conformance;
