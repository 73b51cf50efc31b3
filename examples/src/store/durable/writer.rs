//! The one thread that changes the database.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use redb::{Database, ReadableTable, Table, WriteTransaction};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::failed;
use super::tables::{
    EMAILS, EVENTS, EVENTS_OF_USERS, EXPIRING, Id, KEYS, NAMES, USERS, UserRecord, from_bytes, to_bytes,
};
use crate::store::ids::Ids;
use crate::store::{Added, Event, NewEvent, NewUser, StoreError, StoreOptions, Timestamp, User, folded};

/// How many changes share a commit at most: it bounds the memory and the time that one commit takes.
const MOST_PER_COMMIT: usize = 256;

/// How many keys are forgotten with one commit at most; more than one change can add, so the table does not grow for ever.
const MOST_FORGOTTEN: usize = 2 * MOST_PER_COMMIT;

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// A change that somebody waits for.
pub(super) enum Change {
    User(NewUser, Answer<User>),
    Event(NewEvent, Option<String>, Answer<Added>),
}

/// What became of a change, to be told once it is on disk.
enum Outcome {
    User(Answer<User>, Result<User, StoreError>),
    Event(Answer<Added>, Result<Added, StoreError>),
}

impl Outcome {
    fn tell(self, commit: &Result<(), StoreError>) {
        // A receiver that is gone belongs to a request that was given up; the change stands all the same.
        match self {
            Self::User(answer, result) => drop(answer.send(commit.clone().and(result))),
            Self::Event(answer, result) => drop(answer.send(commit.clone().and(result))),
        }
    }
}

/// Starts the thread. It ends when the queue is closed and empty.
pub(super) fn spawn(
    db: Arc<Database>,
    mut changes: mpsc::Receiver<Change>,
    last: Uuid,
    options: StoreOptions,
) -> io::Result<JoinHandle<()>> {
    let mut ids = Ids::after(last);
    thread::Builder::new().name("store-writer".to_owned()).spawn(move || {
        while let Some(first) = changes.blocking_recv() {
            let mut group = vec![first];
            while group.len() < MOST_PER_COMMIT {
                match changes.try_recv() {
                    Ok(change) => group.push(change),
                    Err(_) => break,
                }
            }
            let size = group.len();
            let mut outcomes = Vec::with_capacity(size);
            let commit = commit(&db, &mut group, &mut outcomes, &mut ids, &options);
            if let Err(error) = &commit {
                tracing::error!(%error, changes = size, "a commit failed");
            }
            for outcome in outcomes {
                outcome.tell(&commit);
            }
            // What an error left untouched has not been made either.
            for change in group {
                match change {
                    Change::User(_, answer) => drop(answer.send(not_made(&commit))),
                    Change::Event(_, _, answer) => drop(answer.send(not_made(&commit))),
                }
            }
        }
    })
}

fn not_made<T>(commit: &Result<(), StoreError>) -> Result<T, StoreError> {
    Err(commit.clone().err().unwrap_or(StoreError::Closed))
}

/// Makes the changes of a group, all of them or none, and waits until they are on disk.
///
/// A change that is refused makes no difference to the others; what it was refused because of may be in the same group,
/// so its outcome, too, holds only if the commit does.
fn commit(
    db: &Database,
    group: &mut Vec<Change>,
    outcomes: &mut Vec<Outcome>,
    ids: &mut Ids,
    options: &StoreOptions,
) -> Result<(), StoreError> {
    let transaction = db.begin_write().map_err(failed)?;
    let mut changed = false;
    {
        let mut tables = Tables::open(&transaction)?;
        for change in group.drain(..) {
            let outcome = match change {
                Change::User(user, answer) => Outcome::User(answer, tables.add_user(user, ids, options)),
                Change::Event(event, key, answer) => Outcome::Event(answer, tables.add_event(event, key, ids, options)),
            };
            let broken = match &outcome {
                Outcome::User(_, Err(error)) | Outcome::Event(_, Err(error)) => Some(error.clone()),
                Outcome::User(_, Ok(_)) => None,
                Outcome::Event(_, Ok(added)) => {
                    changed |= !added.replayed;
                    None
                }
            };
            changed |= matches!(outcome, Outcome::User(_, Ok(_)));
            outcomes.push(outcome);
            if let Some(error @ StoreError::Failed(_)) = broken {
                return Err(error);
            }
        }
        if changed {
            tables.forget_keys(Timestamp::from((options.clock)()))?;
        }
    }
    // Where everything was refused or a repetition there is nothing to wait for the disk for.
    if changed { transaction.commit().map_err(failed) } else { transaction.abort().map_err(failed) }
}

struct Tables<'t> {
    users: Table<'t, Id, &'static [u8]>,
    events: Table<'t, Id, &'static [u8]>,
    events_of_users: Table<'t, (Id, Id), ()>,
    names: Table<'t, &'static str, Id>,
    emails: Table<'t, &'static str, Id>,
    keys: Table<'t, &'static str, (Id, u64)>,
    expiring: Table<'t, (u64, &'static str), ()>,
}

impl<'t> Tables<'t> {
    fn open(transaction: &'t WriteTransaction) -> Result<Self, StoreError> {
        Ok(Self {
            users: transaction.open_table(USERS).map_err(failed)?,
            events: transaction.open_table(EVENTS).map_err(failed)?,
            events_of_users: transaction.open_table(EVENTS_OF_USERS).map_err(failed)?,
            names: transaction.open_table(NAMES).map_err(failed)?,
            emails: transaction.open_table(EMAILS).map_err(failed)?,
            keys: transaction.open_table(KEYS).map_err(failed)?,
            expiring: transaction.open_table(EXPIRING).map_err(failed)?,
        })
    }

    fn add_user(&mut self, user: NewUser, ids: &mut Ids, options: &StoreOptions) -> Result<User, StoreError> {
        let email = folded(&user.email);
        if self.names.get(user.user_name.as_str()).map_err(failed)?.is_some() {
            return Err(StoreError::UserNameTaken);
        }
        if self.emails.get(email.as_str()).map_err(failed)?.is_some() {
            return Err(StoreError::EmailTaken);
        }
        let id = ids.next((options.clock)());
        let key = id.as_u128();
        let record = UserRecord { user_name: user.user_name, email: user.email };
        self.names.insert(record.user_name.as_str(), key).map_err(failed)?;
        self.emails.insert(email.as_str(), key).map_err(failed)?;
        self.users.insert(key, to_bytes(&record)?.as_slice()).map_err(failed)?;
        Ok(User { id, user_name: record.user_name, email: record.email, events: Vec::new() })
    }

    fn add_event(
        &mut self,
        event: NewEvent,
        key: Option<String>,
        ids: &mut Ids,
        options: &StoreOptions,
    ) -> Result<Added, StoreError> {
        let now = (options.clock)();
        if let Some(key) = &key
            && let Some(made) = self.made_by(key, now.into())?
        {
            return if event.made(&made) {
                Ok(Added { event: made, replayed: true })
            } else {
                Err(StoreError::KeyReused)
            };
        }
        let user = event.user_id.as_u128();
        if self.users.get(user).map_err(failed)?.is_none() {
            return Err(StoreError::NoSuchUser);
        }
        let id = ids.next(now);
        let event = event.into_event(id, now.into());
        self.events.insert(id.as_u128(), to_bytes(&event)?.as_slice()).map_err(failed)?;
        self.events_of_users.insert((user, id.as_u128()), ()).map_err(failed)?;
        if let Some(key) = key {
            let until = Timestamp::from(now).saturating_add(options.retention).millis();
            if let Some(old) = self.keys.insert(key.as_str(), (id.as_u128(), until)).map_err(failed)? {
                // The key had run out but was not yet swept away; its old date must not sweep away the new one.
                self.expiring.remove((old.value().1, key.as_str())).map_err(failed)?;
            }
            self.expiring.insert((until, key.as_str()), ()).map_err(failed)?;
        }
        Ok(Added { event, replayed: false })
    }

    /// The event that a key has made, if the key is still kept.
    fn made_by(&self, key: &str, now: Timestamp) -> Result<Option<Event>, StoreError> {
        let Some(entry) = self.keys.get(key).map_err(failed)? else { return Ok(None) };
        let (id, until) = entry.value();
        if until <= now.millis() {
            return Ok(None);
        }
        let record = self.events.get(id).map_err(failed)?;
        record.map(|record| from_bytes(record.value())).transpose()
    }

    /// Sweeps away keys that have run out.
    fn forget_keys(&mut self, now: Timestamp) -> Result<(), StoreError> {
        for _ in 0..MOST_FORGOTTEN {
            let Some(key) = self.next_expired(now)? else { break };
            self.expiring.remove((key.0, key.1.as_str())).map_err(failed)?;
            self.keys.remove(key.1.as_str()).map_err(failed)?;
        }
        Ok(())
    }

    fn next_expired(&self, now: Timestamp) -> Result<Option<(u64, String)>, StoreError> {
        let first = self.expiring.first().map_err(failed)?;
        Ok(first.and_then(|(entry, _)| {
            let (until, key) = entry.value();
            (until <= now.millis()).then(|| (until, key.to_owned()))
        }))
    }
}
