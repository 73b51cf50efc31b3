//! The tables, and how they came to be what they are.

use deadpool_postgres::Client;
use tokio_postgres::Transaction;

use super::error::ConnectError;

/// Each step from an empty database on; the number of steps taken is the version of a database. A step that was released
/// is never changed: a change is one more step.
const STEPS: [&str; 1] = [include_str!("1_tables.sql")];

/// Whoever starts at the same time waits here. Any number does, as long as nobody else uses it.
const LOCK: i64 = 0x6576_656e_7473;

/// Brings the tables up to date, all of it or nothing.
pub(super) async fn prepare(client: &mut Client) -> Result<(), ConnectError> {
    let transaction = client.transaction().await.map_err(|error| ConnectError::setup(&error))?;
    let version = lock_and_look(&transaction).await.map_err(|error| ConnectError::setup(&error))?;
    let Some(steps) = usize::try_from(version).ok().and_then(|version| STEPS.get(version..)) else {
        return Err(ConnectError::newer(version));
    };
    let encoding =
        transaction.query_one("SHOW server_encoding", &[]).await.map_err(|error| ConnectError::setup(&error))?;
    if encoding.get::<_, &str>(0) != "UTF8" {
        return Err(ConnectError::encoding());
    }
    for step in steps {
        transaction.batch_execute(step).await.map_err(|error| ConnectError::setup(&error))?;
        transaction
            .execute("UPDATE schema_version SET version = version + 1", &[])
            .await
            .map_err(|error| ConnectError::setup(&error))?;
    }
    transaction.commit().await.map_err(|error| ConnectError::setup(&error))
}

async fn lock_and_look(transaction: &Transaction<'_>) -> Result<i32, tokio_postgres::Error> {
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    let table = "CREATE TABLE IF NOT EXISTS schema_version (version integer NOT NULL)";
    transaction.batch_execute(&format!("SET LOCAL client_min_messages = warning; {table}")).await?;
    if let Some(row) = transaction.query_opt("SELECT version FROM schema_version", &[]).await? {
        return Ok(row.get(0));
    }
    transaction.execute("INSERT INTO schema_version VALUES (0)", &[]).await?;
    Ok(0)
}
