//! The dead letter (J6).

use rusqlite::{Connection, OptionalExtension, Row, params};
use tidegate_domain::ports::{DeadJob, JobId};
use tidegate_domain::time::UnixMs;

use super::waiting::{Job, come_back};

pub(super) fn bury(tx: &Connection, job: &Job, error: &str, now: UnixMs) -> rusqlite::Result<()> {
    let mut insert = tx.prepare_cached(
        "INSERT INTO dead_jobs(id, kind, project, key, version, priority, attempts, lease, enqueued_at_ms,
            failed_at_ms, error, payload)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?;
    let values = params![
        job.id,
        job.kind,
        job.project,
        job.key,
        job.version,
        job.priority,
        job.attempts,
        job.lease,
        job.enqueued_at.0,
        now.0,
        error,
        job.payload,
    ];
    insert.execute(values).map(drop)
}

/// A project's dead jobs below `before`, newest first.
pub(super) fn list(
    jobs: &Connection,
    project: &str,
    before: Option<JobId>,
    max: usize,
) -> rusqlite::Result<Vec<DeadJob>> {
    let mut select = jobs.prepare_cached(
        "SELECT id, kind, project, key, payload, attempts, error, enqueued_at_ms, failed_at_ms FROM dead_jobs
         WHERE project = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3",
    )?;
    let before = before.and_then(|id| i64::try_from(id.0).ok()).unwrap_or(i64::MAX);
    let limit = i64::try_from(max).unwrap_or(i64::MAX);
    select.query_map(params![project, before, limit], read)?.collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<DeadJob> {
    Ok(DeadJob {
        id: JobId(row.get::<_, i64>(0)? as u64),
        kind: row.get(1)?,
        project: row.get(2)?,
        key: row.get(3)?,
        payload: row.get(4)?,
        attempts: row.get(5)?,
        error: row.get(6)?,
        enqueued_at: UnixMs(row.get(7)?),
        failed_at: UnixMs(row.get(8)?),
    })
}

/// Lets a project's dead job wait again from `now` on; false if there is none.
///
/// Its lease number goes on, so that nobody who held it before can settle it.
pub(super) fn revive(tx: &Connection, project: &str, id: JobId, now: UnixMs) -> rusqlite::Result<bool> {
    let mut delete = tx.prepare_cached(
        "DELETE FROM dead_jobs WHERE id = ?1 AND project = ?2
         RETURNING id, kind, project, key, version, priority, ?3, 0, lease, enqueued_at_ms, error, payload",
    )?;
    let job = delete.query_row(params![id.0 as i64, project, now.0], Job::read).optional()?;
    job.as_ref().map(|job| come_back(tx, job)).transpose().map(|back| back.is_some())
}
