//! One batch of a shard as one transaction, fenced.

use deadpool_postgres::Transaction;
use tidegate_domain::id::Position;
use tidegate_domain::ports::ViewsBatch;
use tidegate_domain::risk::HalfLife;

use super::leases::Lease;
use super::{analyses, assessments, authors, number, parked, session_rows};
use crate::database::{Database, DatabaseError};
use crate::value::bound;

/// Takes the shard's row: from here on nobody else commits to the shard, or leases it.
const FENCE: &str = "UPDATE shards SET checkpoint = $4 WHERE shard = $1 AND epoch = $2 AND checkpoint = $3";

/// Writes all of `batch` or nothing (V1). Errors: [`DatabaseError::Fenced`] if the shard is no longer the lease's.
pub(super) async fn commit(
    database: &Database,
    lease: Lease,
    from: Position,
    batch: &ViewsBatch,
    half_life: HalfLife,
) -> Result<(), DatabaseError> {
    let mut client = database.connection().await?;
    let tx = client.transaction().await?;
    fence(&tx, lease, from, batch.checkpoint).await?;
    session_rows::write(&tx, &batch.sessions, half_life).await?;
    authors::write(&tx, lease.shard, &batch.authors).await?;
    assessments::write(&tx, &batch.assessed).await?;
    analyses::write_snapshots(&tx, &batch.snapshots).await?;
    analyses::write_cots(&tx, &batch.cot_analyses).await?;
    parked::write(&tx, &batch.parked).await?;
    tx.commit().await?;
    Ok(())
}

async fn fence(
    tx: &Transaction<'_>,
    lease: Lease,
    from: Position,
    to: Position,
) -> Result<(), DatabaseError> {
    let fence = tx.prepare_cached(FENCE).await?;
    let (shard, from, to) = (number(lease.shard), bound(from), bound(to));
    tx.batch_execute("SET LOCAL synchronous_commit = off").await?;
    match tx.execute(&fence, &[&shard, &lease.epoch, &from, &to]).await? {
        1 => Ok(()),
        _ => Err(DatabaseError::Fenced { shard: lease.shard.0 }),
    }
}
