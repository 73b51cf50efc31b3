//! The event API: users and events behind HTTP, and a [fault plan](faults) that makes it misbehave on purpose.
//!
//! | route | answers |
//! |---|---|
//! | `GET /getUsers`, `GET /getEvents` | 200: a page |
//! | `GET /getUserById/{id}`, `GET /getEventById/{id}` | 200, or 404 |
//! | `GET /getEventsByUserId/{id}` | 200: a page of the user's events, or 404 |
//! | `POST /addUser` | 201 with `Location`, or 409 with the field that is taken |
//! | `POST /addEvent` | 201 with `Location`, or 404 if there is no such user; with an `Idempotency-Key`, a repetition is answered with the same event and `Idempotent-Replayed: true`, and a key that was used for another event with 422 |
//! | `GET /faults`, `PUT /faults` | 200: the fault plan and the requests that each route has received; to callers on this machine only |
//!
//! [`start`] runs it within another program, [`run`] as a program of its own:
//!
//! ```no_run
//! # async fn example() -> Result<(), examples::event_api::StartError> {
//! use examples::event_api::{self, Config};
//!
//! let api = event_api::start(Config::in_memory()).await?;
//! println!("listening on {}", api.addr());
//! api.faults().set("addEvent=outage(10s)".parse().unwrap_or_default());
//! api.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod config;
pub mod faults;
mod routes;

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

pub use config::{Config, StoreKind};

use self::faults::{FaultPlan, Faults};
use crate::config::DatabaseUrl;
use crate::http::Server;
use crate::http::router::RouterError;
use crate::http::serve::{self, Drained, Listen};
use crate::process;
use crate::store::{Durable, Memory, OpenError, Store, StoreOptions};

/// Why the event API cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address cannot be bound.
    #[error("EVENT_API_ADDR: {addr} cannot be bound: {cause}")]
    Bind {
        /// The address.
        addr: SocketAddr,
        /// What the system said.
        cause: io::Error,
    },
    /// The store cannot be opened.
    #[error("DATA_DIR: {0}")]
    Store(#[from] OpenError),
    /// The database cannot be used, or this program cannot use any.
    #[error("DATABASE_URL: {0}")]
    Database(String),
    /// The table of routes contradicts itself.
    #[error(transparent)]
    Routes(#[from] RouterError),
}

/// An event API at work. Dropping it shuts it down, without waiting for the end.
#[derive(Debug)]
pub struct Running {
    server: serve::Running,
    store: Arc<dyn Store>,
    faults: Arc<FaultPlan>,
}

impl Running {
    /// The address that was bound.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// The fault plan, to be looked at and changed.
    #[must_use]
    pub fn faults(&self) -> &Arc<FaultPlan> {
        &self.faults
    }

    /// The store behind the routes.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Stops accepting, finishes what is in flight within the grace period, and closes the store. Requests that hang
    /// because the fault plan says so are not waited for.
    pub async fn shutdown(self) -> Drained {
        let Self { server, store, faults } = self;
        faults.release();
        let drained = server.shutdown().await;
        // Closing the store waits for its last commit. A task that is lost at the end of the runtime has done it as well.
        tokio::task::spawn_blocking(move || drop(store)).await.ok();
        drained
    }
}

/// Starts an event API in the background.
///
/// # Errors
///
/// [`StartError`]: the address cannot be bound or the store not be opened.
pub async fn start(config: Config) -> Result<Running, StartError> {
    let addr = config.addr;
    // Bound first: a second instance on the same address should not touch the store.
    let bind = Server::bind(addr, config.limits.into()).await;
    let server = bind.map_err(|cause| StartError::Bind { addr, cause })?;
    let store = open(&config).await?;
    assemble(config.faults, server, store)
}

/// Starts an event API on a network that is brought along, such as a simulated one, with a store that is open already and
/// may outlive it.
///
/// # Errors
///
/// [`StartError`].
pub fn start_on<L: Listen>(config: Config, listener: L, store: Arc<dyn Store>) -> Result<Running, StartError> {
    let addr = config.addr;
    let server = Server::on(listener, config.limits.into()).map_err(|cause| StartError::Bind { addr, cause })?;
    assemble(config.faults, server, store)
}

fn assemble<L: Listen>(faults: Faults, server: Server<L>, store: Arc<dyn Store>) -> Result<Running, StartError> {
    let faults = Arc::new(FaultPlan::new(faults));
    let router = routes::router(Arc::clone(&store), Arc::clone(&faults))?;
    Ok(Running { server: server.start(router), store, faults })
}

async fn open(config: &Config) -> Result<Arc<dyn Store>, StartError> {
    let options = StoreOptions { retention: config.idempotency_retention, ..StoreOptions::default() };
    if let Some(database) = &config.database_url {
        return connect(database, options).await;
    }
    match config.store {
        StoreKind::Memory => Ok(Arc::new(Memory::new(options))),
        StoreKind::Durable => {
            let directory = config.data_dir.clone();
            let cannot_run = OpenError::Directory {
                path: directory.clone(),
                cause: io::Error::other("the runtime is shutting down"),
            };
            // Opening reads the disk, and all of the file if it has to be repaired.
            let opened = tokio::task::spawn_blocking(move || Durable::open(directory, options)).await;
            Ok(Arc::new(opened.map_err(|_| cannot_run)??))
        }
    }
}

#[cfg(feature = "postgres")]
async fn connect(database: &DatabaseUrl, options: StoreOptions) -> Result<Arc<dyn Store>, StartError> {
    let store = crate::store::Postgres::connect(database.as_str(), options).await;
    Ok(Arc::new(store.map_err(|error| StartError::Database(error.to_string()))?))
}

/// A variable that is set is not passed over in silence.
#[cfg(not(feature = "postgres"))]
async fn connect(_: &DatabaseUrl, _: StoreOptions) -> Result<Arc<dyn Store>, StartError> {
    Err(StartError::Database("this program was built without PostgreSQL; it takes --features postgres".to_owned()))
}

/// Runs an event API until the process is told to end. Says on standard output where it listens.
pub async fn run(config: Config) -> ExitCode {
    let api = match start(config).await {
        Ok(api) => api,
        Err(error) => return process::failed(&error),
    };
    println!("event API listening on http://{}", api.addr());
    process::until_stopped(|| api.shutdown()).await.unwrap_or_else(|error| process::failed(&error))
}

#[cfg(test)]
mod tests;
