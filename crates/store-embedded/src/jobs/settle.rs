//! What becomes of held jobs.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};
use tidegate_domain::ports::{JobOutcome, Settled};
use tidegate_domain::time::UnixMs;

use super::dead;
use super::waiting::{COLUMNS, Job, come_back};

/// Settles what is still held under its lease at `now`; how many these are.
pub(super) fn settle(tx: &Connection, settled: &[Settled], now: UnixMs) -> rusqlite::Result<usize> {
    let mut completed: HashMap<String, i64> = HashMap::new();
    let mut count = 0;
    for said in settled {
        let Some(job) = take(tx, said, now)? else { continue };
        count += 1;
        match &said.outcome {
            JobOutcome::Completed => *completed.entry(job.kind).or_default() += 1,
            JobOutcome::Retry { run_at, error } => {
                come_back(tx, &Job { run_at: *run_at, error: Some(error.clone()), ..job })?;
            }
            JobOutcome::Deferred { run_at } => {
                come_back(tx, &Job { run_at: *run_at, attempts: job.attempts.saturating_sub(1), ..job })?;
            }
            JobOutcome::Dead { error } => dead::bury(tx, &job, error, now)?,
        }
    }
    let mut add = tx.prepare_cached("UPDATE kinds SET completed = completed + ?2 WHERE kind = ?1")?;
    for (kind, completed) in completed {
        add.execute(params![kind, completed])?;
    }
    Ok(count)
}

/// Takes a job out of the hand of who holds it under this lease; None if nobody does any longer (J3).
fn take(tx: &Connection, said: &Settled, now: UnixMs) -> rusqlite::Result<Option<Job>> {
    let sql =
        format!("DELETE FROM jobs WHERE id = ?1 AND lease = ?2 AND leased_until_ms > ?3 RETURNING {COLUMNS}");
    let values = params![said.id.0 as i64, said.lease as i64, now.0];
    tx.prepare_cached(&sql)?.query_row(values, Job::read).optional()
}
