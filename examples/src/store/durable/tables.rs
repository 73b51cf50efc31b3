//! What lies where in the database, and how it is read.

use redb::{Database, ReadOnlyTable, ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::failed;
use crate::store::{Event, Page, PageRequest, StoreError, User};

/// Ids are numbers here: their order is the order of the UUIDs.
pub(super) type Id = u128;

/// A user without the events, which lie in a table of their own: a long list would be rewritten with every event.
pub(super) const USERS: TableDefinition<'_, Id, &[u8]> = TableDefinition::new("users");
/// Whole events.
pub(super) const EVENTS: TableDefinition<'_, Id, &[u8]> = TableDefinition::new("events");
/// Which events are whose: (user, event).
pub(super) const EVENTS_OF_USERS: TableDefinition<'_, (Id, Id), ()> = TableDefinition::new("events_of_users");
/// Users by name.
pub(super) const NAMES: TableDefinition<'_, &str, Id> = TableDefinition::new("names");
/// Users by folded email.
pub(super) const EMAILS: TableDefinition<'_, &str, Id> = TableDefinition::new("emails");
/// Idempotency keys: the event that was made, and until when (in milliseconds) the key is kept.
pub(super) const KEYS: TableDefinition<'_, &str, (Id, u64)> = TableDefinition::new("keys");
/// The keys by the time at which they are forgotten.
pub(super) const EXPIRING: TableDefinition<'_, (u64, &str), ()> = TableDefinition::new("expiring_keys");

/// What is stored of a user.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct UserRecord {
    pub(super) user_name: String,
    pub(super) email: String,
}

/// Makes the tables that are missing, and finds the greatest id.
pub(super) fn prepare(db: &Database) -> Result<Uuid, redb::Error> {
    let change = db.begin_write()?;
    let last = {
        let users = change.open_table(USERS)?;
        let events = change.open_table(EVENTS)?;
        let last_user = users.last()?.map_or(0, |(id, _)| id.value());
        let last_event = events.last()?.map_or(0, |(id, _)| id.value());
        open_rest(&change)?;
        last_user.max(last_event)
    };
    change.commit()?;
    Ok(Uuid::from_u128(last))
}

fn open_rest(change: &WriteTransaction) -> Result<(), redb::Error> {
    change.open_table(EVENTS_OF_USERS)?;
    change.open_table(NAMES)?;
    change.open_table(EMAILS)?;
    change.open_table(KEYS)?;
    change.open_table(EXPIRING)?;
    Ok(())
}

/// Writes a record as bytes. JSON: fields can be added later, and a dump can be read.
pub(super) fn to_bytes(record: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(record).map_err(|error| StoreError::Failed(format!("a record cannot be written: {error}")))
}

pub(super) fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(|error| StoreError::Failed(format!("a record cannot be read: {error}")))
}

/// One commit, as it was.
pub(super) struct Reader {
    users: ReadOnlyTable<Id, &'static [u8]>,
    events: ReadOnlyTable<Id, &'static [u8]>,
    events_of_users: ReadOnlyTable<(Id, Id), ()>,
}

impl Reader {
    pub(super) fn new(commit: &ReadTransaction) -> Result<Self, StoreError> {
        Ok(Self {
            users: commit.open_table(USERS).map_err(failed)?,
            events: commit.open_table(EVENTS).map_err(failed)?,
            events_of_users: commit.open_table(EVENTS_OF_USERS).map_err(failed)?,
        })
    }

    pub(super) fn user(&self, id: Uuid) -> Result<Option<User>, StoreError> {
        let Some(record) = self.users.get(id.as_u128()).map_err(failed)? else { return Ok(None) };
        self.complete(id.as_u128(), record.value()).map(Some)
    }

    pub(super) fn event(&self, id: Uuid) -> Result<Option<Event>, StoreError> {
        let record = self.events.get(id.as_u128()).map_err(failed)?;
        record.map(|record| from_bytes(record.value())).transpose()
    }

    pub(super) fn users(&self, page: PageRequest) -> Result<Page<User>, StoreError> {
        let mut items = Vec::new();
        if let Some(from) = page.from() {
            for entry in self.users.range(from.as_u128()..).map_err(failed)?.take(page.limit() + 1) {
                let (id, record) = entry.map_err(failed)?;
                items.push(self.complete(id.value(), record.value())?);
            }
        }
        Ok(Page::of(items, page.limit(), |user| user.id))
    }

    pub(super) fn events(&self, page: PageRequest) -> Result<Page<Event>, StoreError> {
        let mut items = Vec::new();
        if let Some(from) = page.from() {
            for entry in self.events.range(from.as_u128()..).map_err(failed)?.take(page.limit() + 1) {
                items.push(from_bytes(entry.map_err(failed)?.1.value())?);
            }
        }
        Ok(Page::of(items, page.limit(), |event: &Event| event.id))
    }

    pub(super) fn events_of(&self, user: Uuid, page: PageRequest) -> Result<Page<Event>, StoreError> {
        if self.users.get(user.as_u128()).map_err(failed)?.is_none() {
            return Err(StoreError::NoSuchUser);
        }
        let mut items = Vec::new();
        for id in self.ids_of(user.as_u128(), page.from(), page.limit() + 1)? {
            let event = self.event(id)?;
            items.push(event.ok_or_else(|| StoreError::Failed("a listed event is missing".to_owned()))?);
        }
        Ok(Page::of(items, page.limit(), |event: &Event| event.id))
    }

    fn complete(&self, id: Id, record: &[u8]) -> Result<User, StoreError> {
        let UserRecord { user_name, email } = from_bytes(record)?;
        let events = self.ids_of(id, Some(Uuid::nil()), usize::MAX)?;
        Ok(User { id: Uuid::from_u128(id), user_name, email, events })
    }

    fn ids_of(&self, user: Id, from: Option<Uuid>, most: usize) -> Result<Vec<Uuid>, StoreError> {
        let Some(from) = from else { return Ok(Vec::new()) };
        let range = self.events_of_users.range((user, from.as_u128())..=(user, Id::MAX)).map_err(failed)?;
        range.take(most).map(|entry| Ok(Uuid::from_u128(entry.map_err(failed)?.0.value().1))).collect()
    }
}
