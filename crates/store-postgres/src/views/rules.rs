//! The rules that Views were folded by, and how far each shard is.

use tidegate_domain::id::{Position, Shard};
use tidegate_domain::risk::HalfLife;

use super::number;
use crate::database::{Database, DatabaseError};

/// Ends all leases and empties everything. Shards first: whoever commits holds its shard's row.
const EMPTY: &str =
    "UPDATE shards SET checkpoint = 0, epoch = epoch + 1, worker = NULL, leased_until = '-infinity';
     TRUNCATE sessions, authors, assessments, exemplar_hits, snapshots, cot_analyses, parked RESTART IDENTITY";

/// A row for each shard.
pub(super) async fn make_shards(database: &Database, shards: u16) -> Result<(), DatabaseError> {
    let insert = "INSERT INTO shards (shard) SELECT generate_series(0, $1 - 1) ON CONFLICT DO NOTHING";
    database.connection().await?.execute(insert, &[&i32::from(shards)]).await?;
    Ok(())
}

/// Empties what was folded by other rules; true if it did.
pub(super) async fn require(
    database: &Database,
    half_life: HalfLife,
    fold_version: &str,
) -> Result<bool, DatabaseError> {
    let mut client = database.connection().await?;
    let tx = client.transaction().await?;
    tx.batch_execute("LOCK TABLE rules IN EXCLUSIVE MODE").await?;
    let known = tx.query_opt("SELECT fold_version, half_life_ms FROM rules", &[]).await?;
    let is_other = known
        .as_ref()
        .map(|row| row.get::<_, &str>(0) != fold_version || row.get::<_, i64>(1) != half_life.ms);
    if is_other == Some(false) {
        return Ok(false);
    }
    if is_other == Some(true) {
        tx.batch_execute(EMPTY).await?;
        tx.batch_execute("DELETE FROM rules").await?;
        tracing::warn!(fold_version, "views are folded again from the start of the log, by other rules");
    }
    let insert = "INSERT INTO rules (fold_version, half_life_ms) VALUES ($1, $2)";
    tx.execute(insert, &[&fold_version, &half_life.ms]).await?;
    tx.commit().await?;
    Ok(is_other == Some(true))
}

/// Empties everything, to be folded again.
pub(super) async fn empty(database: &Database) -> Result<(), DatabaseError> {
    let mut client = database.connection().await?;
    let tx = client.transaction().await?;
    tx.batch_execute(EMPTY).await?;
    Ok(tx.commit().await?)
}

/// The checkpoint of `shard`; the least one without.
pub(super) async fn checkpoint(database: &Database, shard: Option<Shard>) -> Result<Position, DatabaseError> {
    let client = database.connection().await?;
    let select = "SELECT coalesce(min(checkpoint), 0) FROM shards WHERE shard = coalesce($1, shard)";
    let select = client.prepare_cached(select).await?;
    let row = client.query_one(&select, &[&shard.map(number)]).await?;
    Ok(Position(row.get::<_, i64>(0) as u64))
}

/// Makes every commit so far durable: a commit that waits for the disk takes all before it with it.
pub(super) async fn sync(database: &Database) -> Result<(), DatabaseError> {
    let client = database.connection().await?;
    client.execute("UPDATE rules SET fold_version = fold_version", &[]).await?;
    Ok(())
}
