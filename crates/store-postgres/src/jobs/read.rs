//! Rows as jobs.

use tidegate_domain::ports::{DeadJob, JobId, JobStats, LeasedJob};
use tidegate_domain::time::UnixMs;
use tokio_postgres::Row;

use crate::value::Moment;

fn count(row: &Row, column: usize) -> u64 {
    row.get::<_, i64>(column) as u64
}

fn moment(row: &Row, column: usize) -> UnixMs {
    let Moment(at) = row.get(column);
    at
}

/// Reads a row of [`LEASE`](super::sql::LEASE).
pub(super) fn leased(row: &Row) -> LeasedJob {
    LeasedJob {
        id: JobId(count(row, 0)),
        lease: count(row, 1),
        kind: row.get(2),
        project: row.get(3),
        key: row.get(4),
        version: count(row, 5),
        payload: row.get(6),
        priority: row.get::<_, i16>(7) as u8,
        attempts: row.get::<_, i32>(8) as u32,
        enqueued_at: moment(row, 9),
    }
}

/// Reads a row of [`STATS`](super::sql::STATS).
pub(super) fn stats(row: &Row) -> JobStats {
    JobStats {
        kind: row.get(0),
        waiting: count(row, 1),
        active: count(row, 2),
        delayed: count(row, 3),
        failed: count(row, 4),
        completed: count(row, 5),
        oldest_due_at: row.get::<_, Option<Moment>>(6).map(|Moment(at)| at),
        is_paused: row.get(7),
    }
}

/// Reads a row of [`DEAD_JOBS`](super::sql::DEAD_JOBS).
pub(super) fn dead(row: &Row) -> DeadJob {
    DeadJob {
        id: JobId(count(row, 0)),
        kind: row.get(1),
        project: row.get(2),
        key: row.get(3),
        payload: row.get(4),
        attempts: row.get::<_, i32>(5) as u32,
        error: row.get(6),
        enqueued_at: moment(row, 7),
        failed_at: moment(row, 8),
    }
}
