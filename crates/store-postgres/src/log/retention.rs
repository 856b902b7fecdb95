//! Deleting the oldest events, a whole partition at a time.

use tidegate_domain::ports::{Deleted, Retention};

use super::partitions::Partition;
use super::shared::Shared;
use crate::database::DatabaseError;
use crate::value::Moment;

/// Deletes what `retention` admits. Each partition goes in a transaction of its own, with its keys.
pub(super) async fn retain(shared: &Shared, retention: &Retention) -> Result<Deleted, DatabaseError> {
    shared.look().await?;
    let partitions = shared.weigh().await?;
    let mut total: u64 = partitions.iter().map(|partition| partition.bytes).sum();
    let (tail, mut deleted) = (shared.tail().0, Deleted::default());
    for pair in partitions.windows(2) {
        let (partition, end) = (&pair[0], pair[1].from);
        // The newest record is kept.
        let may_go = end <= retention.until.0 && end < tail;
        let is_too_much = retention.disk_max_bytes.is_some_and(|max| total > max);
        if !may_go || !(is_too_much || is_old(shared, end, retention).await?) {
            break;
        }
        total -= partition.bytes;
        if drop_partition(shared, partition, end).await? {
            deleted.segments += 1;
            deleted.bytes += partition.bytes;
        }
    }
    shared.weigh().await?;
    Ok(deleted)
}

/// True if all records before `end` were recorded before the time that `retention` names.
async fn is_old(shared: &Shared, end: u64, retention: &Retention) -> Result<bool, DatabaseError> {
    let Some(before) = retention.recorded_before else { return Ok(false) };
    let client = shared.database.connection().await?;
    let newest = "SELECT recorded_at < $2 FROM log.events WHERE position = $1";
    let last = end as i64 - 1;
    Ok(client.query_opt(newest, &[&last, &Moment(before)]).await?.is_some_and(|row| row.get(0)))
}

/// False if another process has done it.
async fn drop_partition(shared: &Shared, partition: &Partition, end: u64) -> Result<bool, DatabaseError> {
    let mut client = shared.database.connection().await?;
    let tx = client.transaction().await?;
    let first = end as i64;
    if tx.execute("UPDATE log.head SET first = $1 WHERE first < $1", &[&first]).await? == 0 {
        return Ok(false);
    }
    tx.execute("DELETE FROM log.keys WHERE position < $1", &[&first]).await?;
    tx.batch_execute(&format!("DROP TABLE log.{}", partition.name)).await?;
    tx.commit().await?;
    shared.forget_before(end);
    Ok(true)
}
