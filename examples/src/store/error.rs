//! What can go wrong in a store.

use std::path::PathBuf;

/// Why an operation failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another user has this name.
    #[error("the user name is taken")]
    UserNameTaken,
    /// Another user has this email, if perhaps in another case.
    #[error("the email is taken")]
    EmailTaken,
    /// There is no user with this id.
    #[error("there is no such user")]
    NoSuchUser,
    /// The key was used for an event with another content.
    #[error("the idempotency key was used for another event")]
    KeyReused,
    /// The store did not do its work. Whether the change was made is unknown; the text is for the log.
    #[error("the store failed: {0}")]
    Failed(String),
    /// What the store stands on is not there, or went away meanwhile; later it may work. Whether a change was made is
    /// unknown, as above, and the text is for the log, too.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
}

/// Why a durable store cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The directory cannot be made or synchronised.
    #[error("the data directory {} cannot be used: {cause}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The database cannot be opened: another process has it open, or it is damaged.
    #[error("the database {} cannot be opened: {cause}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What the database said.
        cause: Box<redb::Error>,
    },
}
