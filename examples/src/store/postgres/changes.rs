//! What changes the database: one transaction each.

use deadpool_postgres::{Client, Transaction};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::error::{broken_constraint, failed};
use super::reads;
use crate::store::ids::Ids;
use crate::store::{Added, NewEvent, NewUser, StoreError, StoreOptions, Timestamp, User, folded};

/// How many keys are forgotten with one change at most; more than one can add, so the table does not grow for ever.
const MOST_FORGOTTEN: i64 = 2;

pub(super) async fn add_user(client: &mut Client, user: NewUser, options: &StoreOptions) -> Result<User, StoreError> {
    let (transaction, mut ids) = begin(client).await?;
    let NewUser { user_name, email } = user;
    let id = ids.next((options.clock)());
    let statement = "WITH moved AS (UPDATE last_id SET id = $1)
        INSERT INTO users (id, user_name, email, email_folded) VALUES ($1, $2, $3, $4)";
    match change(&transaction, statement, &[&id, &user_name, &email, &folded(&email)]).await? {
        Ok(()) => commit(transaction).await?,
        Err(StoreError::EmailTaken) => {
            // Which of two constraints is looked at first is the server's business, and which is named is not.
            transaction.rollback().await.map_err(|error| failed(&error))?;
            let taken = reads::has_name(client, &user_name).await?;
            return Err(if taken { StoreError::UserNameTaken } else { StoreError::EmailTaken });
        }
        Err(refused) => return Err(refused),
    }
    Ok(User { id, user_name, email, events: Vec::new() })
}

pub(super) async fn add_event(
    client: &mut Client,
    event: NewEvent,
    key: Option<String>,
    options: &StoreOptions,
) -> Result<Added, StoreError> {
    let (transaction, mut ids) = begin(client).await?;
    let now = (options.clock)();
    let at = Timestamp::from(now);
    if let Some(key) = &key
        && let Some(made) = reads::made_by(&transaction, key, at).await?
    {
        return if event.made(&made) { Ok(Added { event: made, replayed: true }) } else { Err(StoreError::KeyReused) };
    }
    let id = ids.next(now);
    let event = event.into_event(id, at);
    let statement = "WITH moved AS (UPDATE last_id SET id = $1)
        INSERT INTO events (id, name, user_id, details, created_at) VALUES ($1, $2, $3, $4, $5)";
    let values: [&(dyn ToSql + Sync); 5] = [&id, &event.name, &event.user_id, &event.details, &reads::moment(at)];
    change(&transaction, statement, &values).await??;
    if let Some(key) = key {
        keep(&transaction, &key, id, at, at.saturating_add(options.retention)).await?;
    }
    commit(transaction).await?;
    Ok(Added { event, replayed: false })
}

/// Begins a change: from here to the commit nobody else changes anything.
async fn begin(client: &mut Client) -> Result<(Transaction<'_>, Ids), StoreError> {
    let lock = async {
        let transaction = client.transaction().await?;
        let statement = transaction.prepare_cached("SELECT id FROM last_id FOR UPDATE").await?;
        let last: Uuid = transaction.query_one(&statement, &[]).await?.try_get(0)?;
        Ok((transaction, Ids::after(last)))
    };
    lock.await.map_err(|error| failed(&error))
}

async fn commit(transaction: Transaction<'_>) -> Result<(), StoreError> {
    transaction.commit().await.map_err(|error| failed(&error))
}

/// Carries out a statement that a constraint may refuse: the outer error is a failure, the inner one that refusal.
async fn change(
    transaction: &Transaction<'_>,
    statement: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Result<(), StoreError>, StoreError> {
    let statement = transaction.prepare_cached(statement).await.map_err(|error| failed(&error))?;
    let Err(error) = transaction.execute(&statement, values).await else { return Ok(Ok(())) };
    match broken_constraint(&error) {
        Some("user_name_taken") => Ok(Err(StoreError::UserNameTaken)),
        Some("email_taken") => Ok(Err(StoreError::EmailTaken)),
        Some("no_such_user") => Ok(Err(StoreError::NoSuchUser)),
        _ => Err(failed(&error)),
    }
}

/// Keeps a key, and sweeps away some that have run out.
async fn keep(
    transaction: &Transaction<'_>,
    key: &str,
    event: Uuid,
    now: Timestamp,
    until: Timestamp,
) -> Result<(), StoreError> {
    let work = async {
        // The key itself may be one of them, so it is swept away before it is kept anew.
        let sweep = transaction.prepare_cached(
            "DELETE FROM keys WHERE key = $1 OR key IN
                 (SELECT key FROM keys WHERE kept_until <= $2 ORDER BY kept_until LIMIT $3)",
        );
        transaction.execute(&sweep.await?, &[&key, &reads::moment(now), &MOST_FORGOTTEN]).await?;
        let keep = transaction.prepare_cached("INSERT INTO keys (key, event_id, kept_until) VALUES ($1, $2, $3)");
        transaction.execute(&keep.await?, &[&key, &event, &reads::moment(until)]).await
    };
    work.await.map(drop).map_err(|error| failed(&error))
}
