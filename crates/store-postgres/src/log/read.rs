//! What readers ask for: records from a position on, at some positions, or of a stream.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tidegate_domain::filter::Order;
use tidegate_domain::id::{Position, Shard};
use tidegate_domain::ports::{Page, Stored};
use tokio_postgres::Row;

use super::shared::Shared;
use crate::database::DatabaseError;
use crate::value::{Moment, bound, receipt};

/// Most records of a read.
const RECORDS_MAX: u64 = 5000;

const READ: &str = "SELECT position, shard, recorded_at, checksum, record FROM log.events
    WHERE position >= $1 AND position < $2 ORDER BY position LIMIT $3";
const READ_SHARD: &str = "SELECT position, shard, recorded_at, checksum, record FROM log.events
    WHERE position >= $1 AND position < $2 AND shard = $4 ORDER BY position LIMIT $3";
const GET: &str = "SELECT position, shard, recorded_at, checksum, record FROM log.events
    WHERE position = ANY($1) AND position >= $2 AND position < $3";
const FIND_ASC: &str = "(SELECT position, shard, recorded_at, checksum, record FROM log.events
        WHERE project = $1 AND position >= $2 AND position < $3 ORDER BY position LIMIT $4)
    UNION ALL (SELECT position, shard, recorded_at, checksum, record FROM log.events
        WHERE session = $1 AND project <> $1 AND position >= $2 AND position < $3 ORDER BY position LIMIT $4)
    ORDER BY position LIMIT $4";
const FIND_DESC: &str = "(SELECT position, shard, recorded_at, checksum, record FROM log.events
        WHERE project = $1 AND position >= $2 AND position < $3 ORDER BY position DESC LIMIT $4)
    UNION ALL (SELECT position, shard, recorded_at, checksum, record FROM log.events
        WHERE session = $1 AND project <> $1 AND position >= $2 AND position < $3 ORDER BY position DESC LIMIT $4)
    ORDER BY position DESC LIMIT $4";

/// Records from position `from` on, of one shard or of all, about `max_bytes` of them as far as the last ones read tell.
pub(super) async fn read(
    shared: &Shared,
    shard: Option<Shard>,
    from: Position,
    max_bytes: usize,
) -> Result<Page, DatabaseError> {
    let (from, tail) = (from.max(shared.first()), shared.tail());
    if from >= tail {
        return Ok(Page { records: Vec::new(), next: Some(from) });
    }
    let record_bytes = shared.record_bytes.load(Ordering::Relaxed).max(1);
    let count = (max_bytes as u64 / record_bytes).clamp(1, RECORDS_MAX) as i64;
    let client = shared.database.connection().await?;
    let (start, end) = (bound(from), bound(tail));
    let rows = match shard {
        None => {
            let read = client.prepare_cached(READ).await?;
            client.query(&read, &[&start, &end, &count]).await?
        }
        Some(shard) => {
            let read = client.prepare_cached(READ_SHARD).await?;
            client.query(&read, &[&start, &end, &count, &(shard.0 as i16)]).await?
        }
    };
    let records: Vec<_> = rows.iter().map(stored).collect();
    if shard.is_none() && has_gap(from, &records) {
        // Retention was here: whoever sees the gap must see where the log begins.
        shared.look().await?;
    }
    let bytes: usize = records.iter().map(|record| record.bytes.len()).sum();
    if !records.is_empty() {
        shared.record_bytes.store((bytes / records.len()) as u64, Ordering::Relaxed);
    }
    let is_all = (records.len() as i64) < count;
    let next = records.last().filter(|_| !is_all).map_or(tail, |last| last.receipt.position.next());
    Ok(Page { records, next: Some(next) })
}

fn has_gap(from: Position, records: &[Stored]) -> bool {
    records.last().is_some_and(|last| last.receipt.position.0 + 1 - from.0 != records.len() as u64)
}

/// The records at `positions`, in their order; absent ones are left out.
pub(super) async fn get(shared: &Shared, positions: &[Position]) -> Result<Vec<Stored>, DatabaseError> {
    if positions.is_empty() {
        return Ok(Vec::new());
    }
    let client = shared.database.connection().await?;
    let get = client.prepare_cached(GET).await?;
    let wanted: Vec<_> = positions.iter().map(|position| bound(*position)).collect();
    let rows = client.query(&get, &[&wanted, &bound(shared.first()), &bound(shared.tail())]).await?;
    let found: HashMap<_, _> =
        rows.iter().map(stored).map(|record| (record.receipt.position, record)).collect();
    Ok(positions.iter().filter_map(|position| found.get(position).cloned()).collect())
}

/// At most `max` records of `stream` from `from` on.
pub(super) async fn find(
    shared: &Shared,
    stream: u64,
    from: Position,
    order: Order,
    max: usize,
) -> Result<Page, DatabaseError> {
    let (first, tail) = (shared.first(), shared.tail());
    let (find, start, end) = match order {
        Order::Asc => (FIND_ASC, from.max(first), tail),
        Order::Desc => (FIND_DESC, first, tail.min(Position(from.0.saturating_add(1)))),
    };
    let client = shared.database.connection().await?;
    let find = client.prepare_cached(find).await?;
    // One more tells where to go on.
    let count = i64::try_from(max).unwrap_or(i64::MAX).saturating_add(1);
    let rows = client.query(&find, &[&(stream as i64), &bound(start), &bound(end), &count]).await?;
    let mut records: Vec<_> = rows.iter().map(stored).collect();
    let next = records.get(max).map(|record| record.receipt.position);
    records.truncate(max);
    Ok(Page { records, next })
}

fn stored(row: &Row) -> Stored {
    let (position, shard) = (Position(row.get::<_, i64>(0) as u64), Shard(row.get::<_, i16>(1) as u16));
    let Moment(recorded_at) = row.get(2);
    let receipt = receipt(shard, position, recorded_at, row.get::<_, i32>(3) as u32);
    Stored { receipt, bytes: Bytes::copy_from_slice(row.get(4)) }
}
