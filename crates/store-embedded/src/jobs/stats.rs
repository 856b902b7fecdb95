//! Kinds: their numbers, and whether they are paused (J5, J7).

use rusqlite::{Connection, params};
use tidegate_domain::ports::JobStats;
use tidegate_domain::time::UnixMs;

/// Numbers of every kind, by name, where no lease has ended by `now` that was not taken back.
pub(super) fn read(jobs: &Connection, now: UnixMs) -> rusqlite::Result<Vec<JobStats>> {
    let mut select = jobs.prepare_cached(
        "SELECT k.kind, coalesce(w.due, 0), coalesce(h.active, 0), coalesce(w.delayed, 0), coalesce(d.failed, 0),
            k.completed, w.oldest, k.is_paused
         FROM kinds k
         LEFT JOIN (SELECT kind, sum(run_at_ms <= ?1) AS due, sum(run_at_ms > ?1) AS delayed,
                min(run_at_ms) FILTER (WHERE run_at_ms <= ?1) AS oldest
            FROM jobs WHERE leased_until_ms IS NULL GROUP BY kind) w ON w.kind = k.kind
         LEFT JOIN (SELECT kind, count(*) AS active FROM jobs WHERE leased_until_ms IS NOT NULL GROUP BY kind) h
            ON h.kind = k.kind
         LEFT JOIN (SELECT kind, count(*) AS failed FROM dead_jobs GROUP BY kind) d ON d.kind = k.kind
         ORDER BY k.kind",
    )?;
    let numbers = select.query_map([now.0], |row| {
        let count = |column: usize| row.get::<_, i64>(column).map(|count| count as u64);
        Ok(JobStats {
            kind: row.get(0)?,
            waiting: count(1)?,
            active: count(2)?,
            delayed: count(3)?,
            failed: count(4)?,
            completed: count(5)?,
            oldest_due_at: row.get::<_, Option<i64>>(6)?.map(UnixMs),
            is_paused: row.get(7)?,
        })
    })?;
    numbers.collect()
}

/// Stops or starts a kind, which need not have had jobs.
pub(super) fn pause(tx: &Connection, kind: &str, is_paused: bool) -> rusqlite::Result<()> {
    let sql = "INSERT INTO kinds(kind, is_paused) VALUES (?1, ?2)
        ON CONFLICT DO UPDATE SET is_paused = excluded.is_paused";
    tx.prepare_cached(sql)?.execute(params![kind, is_paused]).map(drop)
}
