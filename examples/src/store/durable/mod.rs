//! The store on disk: one embedded database file in a data directory.
//!
//! All changes go through one thread. It takes whatever is waiting, up to a bound, makes all of it in one transaction,
//! waits for the disk once, and then answers everybody. So the disk is waited for once for many changes when there are
//! many, and at once when there is one; and ids, made by that thread, are in the order of the commits.
//!
//! Reads see the last commit. They never wait for the writer, nor it for them.

mod tables;
mod writer;

use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use futures::FutureExt;
use futures::future::BoxFuture;
use redb::{Database, ReadableDatabase};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use self::tables::Reader;
use self::writer::Change;
use super::{Added, Event, NewEvent, NewUser, OpenError, Page, PageRequest, Store, StoreError, StoreOptions, User};

/// The name of the database within the data directory.
const FILE: &str = "events.redb";

/// Changes that wait for the writer. Whoever comes when it is full waits as well: that is the store's back-pressure.
const QUEUE: usize = 1024;

/// Users and events in a file. What was acknowledged survives the process being killed.
///
/// Dropping it lets the writer finish what is queued and blocks until it has: the file can be opened again afterwards.
pub struct Durable {
    db: Arc<Database>,
    /// Taken when the store is dropped.
    queue: Option<mpsc::Sender<Change>>,
    writer: Option<JoinHandle<()>>,
}

impl Durable {
    /// Opens the database in a directory; makes both if there are none. Blocks; a database that was not closed properly
    /// is repaired first, which reads all of it.
    ///
    /// # Errors
    ///
    /// [`OpenError`]: the directory cannot be used, another process has the database open, or it is damaged.
    pub fn open(directory: impl Into<PathBuf>, options: StoreOptions) -> Result<Self, OpenError> {
        let directory = directory.into();
        let path = directory.join(FILE);
        fs::create_dir_all(&directory).map_err(|cause| OpenError::Directory { path: directory.clone(), cause })?;
        let open = || -> Result<_, redb::Error> {
            let db = Database::create(&path)?;
            let last = tables::prepare(&db)?;
            Ok((db, last))
        };
        let (db, last) = open().map_err(|cause| OpenError::Database { path: path.clone(), cause: Box::new(cause) })?;
        // The file's own contents are synchronised by every commit; that the file exists is written in the directory.
        synchronise(&directory).map_err(|cause| OpenError::Directory { path: directory.clone(), cause })?;
        let db = Arc::new(db);
        let (queue, changes) = mpsc::channel(QUEUE);
        let writer = writer::spawn(Arc::clone(&db), changes, last, options)
            .map_err(|cause| OpenError::Directory { path: directory, cause })?;
        Ok(Self { db, queue: Some(queue), writer: Some(writer) })
    }

    async fn change<T>(
        &self,
        change: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Change,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or(StoreError::Closed)?;
        queue.send(change(answer)).await.map_err(|_| StoreError::Closed)?;
        // The writer answers everything it has taken; if it is gone, nobody knows what became of the change.
        answered.await.map_err(|_| StoreError::Failed("the writer is gone".to_owned()))?
    }

    fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, StoreError>> {
        let db = Arc::clone(&self.db);
        // A page that is not in memory is read from the disk, and that is no work for the runtime's own threads.
        let task = tokio::task::spawn_blocking(move || read(&Reader::new(&db.begin_read().map_err(failed)?)?));
        async move { task.await.map_err(|_| StoreError::Failed("a read was given up".to_owned()))? }.boxed()
    }
}

/// What the database says, as an error of the store.
fn failed(cause: impl Into<redb::Error>) -> StoreError {
    StoreError::Failed(cause.into().to_string())
}

#[cfg(unix)]
fn synchronise(directory: &Path) -> std::io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Elsewhere a directory is not a file that could be synchronised.
#[cfg(not(unix))]
fn synchronise(_: &Path) -> std::io::Result<()> {
    Ok(())
}

impl Store for Durable {
    fn add_user(&self, user: NewUser) -> BoxFuture<'_, Result<User, StoreError>> {
        self.change(|answer| Change::User(user, answer)).boxed()
    }

    fn add_event(&self, event: NewEvent, key: Option<String>) -> BoxFuture<'_, Result<Added, StoreError>> {
        self.change(|answer| Change::Event(event, key, answer)).boxed()
    }

    fn user(&self, id: Uuid) -> BoxFuture<'_, Result<Option<User>, StoreError>> {
        self.read(move |reader| reader.user(id))
    }

    fn event(&self, id: Uuid) -> BoxFuture<'_, Result<Option<Event>, StoreError>> {
        self.read(move |reader| reader.event(id))
    }

    fn users(&self, page: PageRequest) -> BoxFuture<'_, Result<Page<User>, StoreError>> {
        self.read(move |reader| reader.users(page))
    }

    fn events(&self, page: PageRequest) -> BoxFuture<'_, Result<Page<Event>, StoreError>> {
        self.read(move |reader| reader.events(page))
    }

    fn events_of(&self, user: Uuid, page: PageRequest) -> BoxFuture<'_, Result<Page<Event>, StoreError>> {
        self.read(move |reader| reader.events_of(user, page))
    }
}

impl Drop for Durable {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has said so already.
            writer.join().ok();
        }
    }
}

impl fmt::Debug for Durable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Durable").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod tests;
