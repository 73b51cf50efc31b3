//! What the database and the way to it say, as errors of the store.

use std::error::Error;

use deadpool_postgres::{BuildError, PoolError};
use tokio_postgres::error::SqlState;

use crate::store::StoreError;

/// Why a database cannot be used. The text does not hold its address.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConnectError(String);

impl ConnectError {
    pub(super) fn address(error: &tokio_postgres::Error) -> Self {
        Self(format!("is no address of a PostgreSQL database: {}", chain(error)))
    }

    pub(super) fn no_authorities() -> Self {
        Self("this system trusts no certificate authority; without TLS it takes sslmode=disable".to_owned())
    }

    pub(super) fn pool(error: BuildError) -> Self {
        Self(format!("no pool of connections can be made: {error}"))
    }

    pub(super) fn unreachable(error: &PoolError) -> Self {
        Self(format!("the database cannot be reached: {}", chain(error)))
    }

    pub(super) fn silent() -> Self {
        Self("the database does not answer".to_owned())
    }

    pub(super) fn setup(error: &tokio_postgres::Error) -> Self {
        Self(format!("the tables cannot be made: {}", chain(error)))
    }

    pub(super) fn newer(version: i32) -> Self {
        Self(format!("the tables are of version {version}, which a later program than this one has made"))
    }

    pub(super) fn encoding() -> Self {
        Self("the encoding of the database is not UTF8".to_owned())
    }
}

pub(super) fn unavailable(said: impl Into<String>) -> StoreError {
    StoreError::Unavailable(said.into())
}

/// No connection was to be had.
pub(super) fn unreachable(error: &PoolError) -> StoreError {
    match error {
        PoolError::Backend(error) => failed(error),
        _ => unavailable(chain(error)),
    }
}

/// What went wrong with a statement that should have worked.
pub(super) fn failed(error: &tokio_postgres::Error) -> StoreError {
    match error.code() {
        Some(code) if !passes(code) => StoreError::Failed(chain(error)),
        // Without a code nothing has come from the database: the connection is at fault.
        _ => unavailable(chain(error)),
    }
}

/// Whether the server says that it is the moment which is wrong, and not the statement.
fn passes(code: &SqlState) -> bool {
    // A connection's exceptions, conflicts of transactions, resources that are exhausted, interventions of the operator.
    let class = code.code().get(..2);
    class.is_some_and(|class| ["08", "40", "53", "57"].contains(&class))
        // What has become a replica, and a lock that was not to be had.
        || [SqlState::READ_ONLY_SQL_TRANSACTION, SqlState::LOCK_NOT_AVAILABLE].contains(code)
        || *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
}

/// The constraint that a statement would have broken.
pub(super) fn broken_constraint(error: &tokio_postgres::Error) -> Option<&str> {
    let violation = [SqlState::UNIQUE_VIOLATION, SqlState::FOREIGN_KEY_VIOLATION];
    error.as_db_error().filter(|error| violation.contains(error.code()))?.constraint()
}

/// An error with its causes, as one line: by itself it says little more than that there is one.
fn chain(error: &dyn Error) -> String {
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        // Some repeat their cause in their own text.
        if !said.ends_with(&more) {
            said = format!("{said}: {more}");
        }
        source = cause.source();
    }
    said.replace(char::is_control, " ")
}
