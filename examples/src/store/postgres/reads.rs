//! What only looks. Each is one statement, so each sees one moment.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use deadpool_postgres::GenericClient;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::error::failed;
use crate::store::{Event, Page, PageRequest, StoreError, Timestamp, User};

/// The columns of a user, with the list that is not kept anywhere: the events that name the user.
macro_rules! users {
    ($rest:literal) => {
        concat!(
            "SELECT id, user_name, email, ARRAY(SELECT e.id FROM events e WHERE e.user_id = u.id ORDER BY e.id) FROM users u ",
            $rest
        )
    };
}

/// The columns of an event.
macro_rules! events {
    ($rest:literal) => {
        concat!("SELECT e.id, e.name, e.user_id, e.details, e.created_at FROM events e ", $rest)
    };
}

pub(super) async fn user(client: &impl GenericClient, id: Uuid) -> Result<Option<User>, StoreError> {
    Ok(rows(client, users!("WHERE id = $1"), &[&id], user_of).await?.pop())
}

pub(super) async fn event(client: &impl GenericClient, id: Uuid) -> Result<Option<Event>, StoreError> {
    Ok(rows(client, events!("WHERE e.id = $1"), &[&id], event_of).await?.pop())
}

pub(super) async fn users(client: &impl GenericClient, page: PageRequest) -> Result<Page<User>, StoreError> {
    let users = match page.from() {
        Some(from) => {
            rows(client, users!("WHERE id >= $1 ORDER BY id LIMIT $2"), &[&from, &one_more(page)], user_of).await?
        }
        None => Vec::new(),
    };
    Ok(Page::of(users, page.limit(), |user| user.id))
}

pub(super) async fn events(client: &impl GenericClient, page: PageRequest) -> Result<Page<Event>, StoreError> {
    let events = match page.from() {
        Some(from) => {
            rows(client, events!("WHERE e.id >= $1 ORDER BY e.id LIMIT $2"), &[&from, &one_more(page)], event_of)
                .await?
        }
        None => Vec::new(),
    };
    Ok(Page::of(events, page.limit(), |event| event.id))
}

pub(super) async fn events_of(
    client: &impl GenericClient,
    user: Uuid,
    page: PageRequest,
) -> Result<Page<Event>, StoreError> {
    let events = match page.from() {
        Some(from) => {
            let statement = events!("WHERE e.user_id = $1 AND e.id >= $2 ORDER BY e.id LIMIT $3");
            rows(client, statement, &[&user, &from, &one_more(page)], event_of).await?
        }
        None => Vec::new(),
    };
    // Users stay for ever, so it makes no difference that this is another moment.
    if events.is_empty() && rows(client, "SELECT 1 FROM users WHERE id = $1", &[&user], |_| Ok(())).await?.is_empty() {
        return Err(StoreError::NoSuchUser);
    }
    Ok(Page::of(events, page.limit(), |event| event.id))
}

pub(super) async fn has_name(client: &impl GenericClient, name: &str) -> Result<bool, StoreError> {
    Ok(!rows(client, "SELECT 1 FROM users WHERE user_name = $1", &[&name], |_| Ok(())).await?.is_empty())
}

/// The event that a key has made, if the key is still kept.
pub(super) async fn made_by(
    client: &impl GenericClient,
    key: &str,
    now: Timestamp,
) -> Result<Option<Event>, StoreError> {
    let statement = events!("JOIN keys k ON k.event_id = e.id WHERE k.key = $1 AND k.kept_until > $2");
    Ok(rows(client, statement, &[&key, &moment(now)], event_of).await?.pop())
}

async fn rows<T>(
    client: &impl GenericClient,
    statement: &str,
    values: &[&(dyn ToSql + Sync)],
    item: impl Fn(&Row) -> Result<T, tokio_postgres::Error>,
) -> Result<Vec<T>, StoreError> {
    let read = async {
        let statement = client.prepare_cached(statement).await?;
        client.query(&statement, values).await
    };
    let items = read.await.and_then(|rows| rows.iter().map(item).collect());
    items.map_err(|error| failed(&error))
}

fn one_more(page: PageRequest) -> i64 {
    // It is at most one more than the longest page.
    i64::try_from(page.limit() + 1).unwrap_or(i64::MAX)
}

fn user_of(row: &Row) -> Result<User, tokio_postgres::Error> {
    Ok(User { id: row.try_get(0)?, user_name: row.try_get(1)?, email: row.try_get(2)?, events: row.try_get(3)? })
}

fn event_of(row: &Row) -> Result<Event, tokio_postgres::Error> {
    Ok(Event {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        user_id: row.try_get(2)?,
        details: row.try_get(3)?,
        created_at: row.try_get::<_, SystemTime>(4)?.into(),
    })
}

/// A moment as the database takes it, which does not know years of any length.
pub(super) fn moment(timestamp: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(timestamp.millis().min(Timestamp::LAST))
}
