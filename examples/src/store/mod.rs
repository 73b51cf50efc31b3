//! Users and their events.
//!
//! [`Store`] is what the services know; [`Memory`] and [`Durable`] are two forms of it, and one suite of tests holds both to
//! the same behaviour. Whoever outgrows one machine writes a third: the trait asks for nothing that a database server with
//! transactions and unique indexes cannot do.
//!
//! What every form promises:
//!
//! - **Ids** are made by the store, in the order in which changes become visible. So a walk through pages, each beginning
//!   after the last id of the one before, shows nothing twice and misses nothing that was there when it began, whatever is
//!   written meanwhile.
//! - **Unique**: a user's name (as typed) and email (whatever the case). A refused user reserves neither.
//! - **Together**: an event and its place in its user's list appear at the same moment or not at all.
//! - **Once**: changes that carry the same key make one event, also across a crash, for as long as keys are kept.
//! - **Kept** ([`Durable`]): what was acknowledged is there after the process was killed.

mod durable;
mod error;
mod ids;
mod memory;
mod model;
mod page;

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

/// What both forms of the store can be told.
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
