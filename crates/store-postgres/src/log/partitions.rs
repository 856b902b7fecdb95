//! The log's partitions: ranges of positions, made ahead of need.

use deadpool_postgres::Object;

use super::shared::Shared;
use crate::database::{Database, DatabaseError};

/// A partition.
pub(super) struct Partition {
    pub(super) name: String,
    /// Its first position.
    pub(super) from: u64,
    pub(super) bytes: u64,
}

/// All partitions, oldest first, with their sizes; one that is being dropped has none.
pub(super) async fn list(database: &Database) -> Result<Vec<Partition>, DatabaseError> {
    let client = database.connection().await?;
    let all = "SELECT relname::text, coalesce(pg_total_relation_size(oid), 0) FROM pg_class
        WHERE oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'log.events'::regclass) ORDER BY relname";
    let rows = client.query(all, &[]).await?;
    let partitions = rows.iter().filter_map(|row| {
        let name: String = row.get(0);
        let from = name.rsplit('_').next()?.parse().ok()?;
        Some(Partition { name, from, bytes: row.get::<_, i64>(1) as u64 })
    });
    Ok(partitions.collect())
}

/// The statements that make a partition. It is attached, not made as one: that would lock readers out.
pub(super) fn make(from: u64, to: u64) -> String {
    let name = format!("log.events_{from:020}");
    format!(
        "CREATE TABLE {name} (LIKE log.events INCLUDING ALL);
         ALTER TABLE log.events ATTACH PARTITION {name} FOR VALUES FROM ({from}) TO ({to})"
    )
}

/// Makes the partitions for the next `records` positions, and the one after them, unless they are there.
///
/// Where each begins and ends depends on the tail and the size of partitions only as long as that size stays; so the last
/// one that is there says where the next begins.
pub(super) async fn make_room(
    shared: &Shared,
    client: &mut Object,
    records: u64,
) -> Result<(), DatabaseError> {
    let tx = client.transaction().await?;
    // Not two processes at once; and the tail must not move away.
    let row = tx.query_one("SELECT tail FROM log.head FOR UPDATE", &[]).await?;
    let (size, tail) = (shared.config.partition_events, row.get::<_, i64>(0) as u64);
    let end = "SELECT coalesce(max(substring(pg_get_expr(relpartbound, oid) FROM 'TO \\(''(\\d+)''\\)')::bigint), 0)
        FROM pg_class WHERE oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'log.events'::regclass)";
    let end = tx.query_one(end, &[]).await?.get::<_, i64>(0) as u64;
    let (mut from, until) = (end.max(tail / size * size), tail + records + size);
    while from < until {
        let to = (from / size + 1) * size;
        tx.batch_execute(&make(from, to)).await?;
        from = to;
    }
    tx.commit().await?;
    // One partition ahead of need: the last one is not counted.
    shared.made_room(from - size);
    shared.weigh().await.map(drop)
}
