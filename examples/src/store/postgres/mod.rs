//! The store in a PostgreSQL database, for whoever outgrows one machine: any number of event APIs may share it.
//!
//! What the trait promises is the database's own doing where it can be: names, emails and keys are unique by constraints, an
//! event has a user by a foreign key, and a user's list is not kept at all: it is the events that name the user.
//!
//! **The order of ids** is the one thing that a database does not give by itself: of two transactions the one with the
//! smaller id may commit later, and a walk that is between the two would never show it. So every change begins by locking
//! the one row of `last_id`, which also says which id has to be exceeded, and gives it back with its commit. Changes take
//! turns, then, whichever process they come from, and each waits for the disk by itself; reads wait for nobody.
//!
//! **What is not there** is [`StoreError::Unavailable`]: a server that cannot be reached, shuts down, has no connection
//! left, or says nothing for five seconds. Connections that broke are replaced as they are needed, so that the store works
//! again as soon as the server does.
//!
//! **TLS** is what the address asks for: with `sslmode=require`, always; with `sslmode=disable`, never; else where the server
//! offers it. The certificate must be signed by an authority that this system trusts, and name the host.

mod changes;
mod error;
mod reads;
mod schema;
#[cfg(test)]
pub(crate) mod server;

use std::fmt;
use std::time::Duration;

use deadpool_postgres::{Client, Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;
use uuid::Uuid;

pub use error::ConnectError;

use self::error::{unavailable, unreachable};
use super::{Added, Event, NewEvent, NewUser, Page, PageRequest, Store, StoreError, StoreOptions, User};

/// How long an operation may take, from waiting for a connection to the last row. Longer than any of them does on a healthy
/// server, and short enough for a client to still be there.
const DEADLINE: Duration = Duration::from_secs(5);

/// How long a connection that was idle has to prove that it still is one.
const PROOF: Duration = Duration::from_secs(1);

/// Connections at a time. One changes something, the others read.
const CONNECTIONS: usize = 16;

/// Ends on the server what nobody waits for here any more: a process that vanished while it held `last_id` would hold up
/// everybody else. In a statement of its own, because not every proxy takes such settings with the connection.
const SETTINGS: &str = "SET statement_timeout = '5s'; SET idle_in_transaction_session_timeout = '5s'";

/// Users and events in a PostgreSQL database. What was acknowledged is as safe there as the server keeps it.
pub struct Postgres {
    pool: Pool,
    options: StoreOptions,
    /// One change at a time leaves this process: the others would only wait for `last_id`, each with a connection in its hand.
    turn: Mutex<()>,
}

impl Postgres {
    /// Connects to a database by its address, like `postgres://user:password@host/database` or `host=/run/postgresql`, and
    /// brings its tables up to date.
    ///
    /// # Errors
    ///
    /// [`ConnectError`], which does not repeat the address: it may hold a password.
    pub async fn connect(address: &str, options: StoreOptions) -> Result<Self, ConnectError> {
        let pool = pool(address)?;
        let setup = async {
            let mut client = pool.get().await.map_err(|error| ConnectError::unreachable(&error))?;
            schema::prepare(&mut client).await
        };
        timeout(DEADLINE, setup).await.map_err(|_| ConnectError::silent())??;
        Ok(Self { pool, options, turn: Mutex::new(()) })
    }

    async fn client(&self) -> Result<Client, StoreError> {
        self.pool.get().await.map_err(|error| unreachable(&error))
    }

    /// An operation within its deadline. What one that is given up has left on its connection, the proof of life at the
    /// connection's next use waits for, or ends it.
    fn within_deadline<'s, T: 's>(
        &'s self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 's,
    ) -> BoxFuture<'s, Result<T, StoreError>> {
        let work = timeout(DEADLINE, work);
        async move { work.await.unwrap_or_else(|_| Err(unavailable("the database did not answer in time"))) }.boxed()
    }
}

fn pool(address: &str) -> Result<Pool, ConnectError> {
    let mut config: Config = address.parse().map_err(|error| ConnectError::address(&error))?;
    if config.get_application_name().is_none() {
        config.application_name(env!("CARGO_PKG_NAME"));
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(DEADLINE);
    }
    let settings = ManagerConfig { recycling_method: RecyclingMethod::Verified };
    let manager = if config.get_ssl_mode() == SslMode::Disable {
        Manager::from_config(config, NoTls, settings)
    } else {
        // Where single certificates cannot be read the others do; an authority that is missing is said by the handshake.
        let (tls, _) = MakeRustlsConnect::with_native_certs().map_err(|_| ConnectError::no_authorities())?;
        Manager::from_config(config, tls, settings)
    };
    let prepare = Hook::async_fn(|client: &mut deadpool_postgres::ClientWrapper, _| {
        async move { client.batch_execute(SETTINGS).await.map_err(HookError::Backend) }.boxed()
    });
    let builder = Pool::builder(manager)
        .max_size(CONNECTIONS)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(DEADLINE))
        .create_timeout(Some(DEADLINE))
        .recycle_timeout(Some(PROOF))
        .post_create(prepare);
    builder.build().map_err(ConnectError::pool)
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The pool would show the address, and with it the password.
        let status = self.pool.status();
        f.debug_struct("Postgres")
            .field("connections", &status.size)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Store for Postgres {
    fn add_user(&self, user: NewUser) -> BoxFuture<'_, Result<User, StoreError>> {
        self.within_deadline(async move {
            let _turn = self.turn.lock().await;
            changes::add_user(&mut self.client().await?, user, &self.options).await
        })
    }

    fn add_event(&self, event: NewEvent, key: Option<String>) -> BoxFuture<'_, Result<Added, StoreError>> {
        self.within_deadline(async move {
            let _turn = self.turn.lock().await;
            changes::add_event(&mut self.client().await?, event, key, &self.options).await
        })
    }

    fn user(&self, id: Uuid) -> BoxFuture<'_, Result<Option<User>, StoreError>> {
        self.within_deadline(async move { reads::user(&self.client().await?, id).await })
    }

    fn event(&self, id: Uuid) -> BoxFuture<'_, Result<Option<Event>, StoreError>> {
        self.within_deadline(async move { reads::event(&self.client().await?, id).await })
    }

    fn users(&self, page: PageRequest) -> BoxFuture<'_, Result<Page<User>, StoreError>> {
        self.within_deadline(async move { reads::users(&self.client().await?, page).await })
    }

    fn events(&self, page: PageRequest) -> BoxFuture<'_, Result<Page<Event>, StoreError>> {
        self.within_deadline(async move { reads::events(&self.client().await?, page).await })
    }

    fn events_of(&self, user: Uuid, page: PageRequest) -> BoxFuture<'_, Result<Page<Event>, StoreError>> {
        self.within_deadline(async move { reads::events_of(&self.client().await?, user, page).await })
    }
}

#[cfg(test)]
mod tests;
