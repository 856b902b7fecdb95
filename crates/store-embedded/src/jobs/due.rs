//! What may be leased: in order, not early, not beside another of its key, and not of a paused kind (J2, J4, J5).

use rusqlite::{Connection, OptionalExtension, params};
use tidegate_domain::ports::{JobId, LeasedJob, NewJob};
use tidegate_domain::time::UnixMs;

use super::waiting::{COLUMNS, Job};

/// A waiting job `w` whose key nobody holds.
const IS_FREE: &str = "w.leased_until_ms IS NULL AND NOT EXISTS (SELECT 1 FROM jobs h
    WHERE h.kind = w.kind AND h.project = w.project AND h.key = w.key AND h.leased_until_ms IS NOT NULL)";

/// Leases at most `max` jobs that are due at `now`, until `until`.
pub(super) fn lease(
    tx: &Connection,
    kinds: &[String],
    max: usize,
    now: UnixMs,
    until: UnixMs,
) -> rusqlite::Result<Vec<LeasedJob>> {
    let kinds = running(tx, kinds)?;
    let mut leased = Vec::new();
    for priority in (0..=NewJob::PRIORITY_MAX).rev() {
        for id in due(tx, &kinds, priority, max - leased.len(), now)? {
            leased.push(hold(tx, id, until)?);
        }
    }
    Ok(leased)
}

/// When a job of `kinds` may be leased next, if nothing changes until then.
pub(super) fn next(jobs: &Connection, kinds: &[String]) -> rusqlite::Result<Option<UnixMs>> {
    let sql = format!(
        "SELECT run_at_ms FROM jobs w WHERE kind = ?1 AND priority = ?2 AND {IS_FREE} ORDER BY run_at_ms LIMIT 1"
    );
    let mut first = jobs.prepare_cached(&sql)?;
    let mut ending = jobs.prepare_cached(
        "SELECT leased_until_ms FROM jobs WHERE leased_until_ms IS NOT NULL AND kind = ?1
         ORDER BY leased_until_ms LIMIT 1",
    )?;
    let mut next: Option<i64> = None;
    for kind in running(jobs, kinds)? {
        let mut moments = vec![ending.query_row([kind], |row| row.get(0)).optional()?];
        for priority in 0..=NewJob::PRIORITY_MAX {
            moments.push(first.query_row(params![kind, priority], |row| row.get(0)).optional()?);
        }
        next = moments.into_iter().flatten().chain(next).min();
    }
    Ok(next.map(UnixMs))
}

/// Those of `kinds` that are not paused, each once.
fn running<'a>(jobs: &Connection, kinds: &'a [String]) -> rusqlite::Result<Vec<&'a String>> {
    let mut select = jobs.prepare_cached("SELECT 1 FROM kinds WHERE kind = ?1 AND NOT is_paused")?;
    let mut running = Vec::with_capacity(kinds.len());
    for kind in kinds {
        if !running.contains(&kind) && select.exists([kind])? {
            running.push(kind);
        }
    }
    Ok(running)
}

/// The first `max` due jobs of one priority, due longest first, in the order of the index `jobs_due`.
fn due(
    tx: &Connection,
    kinds: &[&String],
    priority: u8,
    max: usize,
    now: UnixMs,
) -> rusqlite::Result<Vec<i64>> {
    if max == 0 {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT run_at_ms, id FROM jobs w WHERE kind = ?1 AND priority = ?2 AND run_at_ms <= ?3 AND {IS_FREE}
         ORDER BY run_at_ms LIMIT ?4"
    );
    let mut select = tx.prepare_cached(&sql)?;
    let limit = i64::try_from(max).unwrap_or(i64::MAX);
    let mut due: Vec<(i64, i64)> = Vec::new();
    for kind in kinds {
        let rows =
            select.query_map(params![kind, priority, now.0, limit], |row| Ok((row.get(0)?, row.get(1)?)))?;
        for row in rows {
            due.push(row?);
        }
    }
    due.sort_unstable();
    due.truncate(max);
    Ok(due.into_iter().map(|(_, id)| id).collect())
}

fn hold(tx: &Connection, id: i64, until: UnixMs) -> rusqlite::Result<LeasedJob> {
    let sql = format!(
        "UPDATE jobs SET leased_until_ms = ?2, lease = lease + 1, attempts = attempts + 1 WHERE id = ?1
         RETURNING {COLUMNS}"
    );
    let job = tx.prepare_cached(&sql)?.query_row(params![id, until.0], Job::read)?;
    Ok(LeasedJob {
        id: JobId(id as u64),
        lease: job.lease as u64,
        kind: job.kind,
        project: job.project,
        key: job.key,
        version: job.version as u64,
        payload: job.payload,
        priority: job.priority,
        attempts: job.attempts,
        enqueued_at: job.enqueued_at,
    })
}
