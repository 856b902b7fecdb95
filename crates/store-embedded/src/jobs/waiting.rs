//! Jobs that wait: how one comes in, and how it becomes one with what waits under its key (J2).

use rusqlite::{Connection, Row, params};
use tidegate_domain::ports::NewJob;
use tidegate_domain::time::UnixMs;

/// A job as a row.
pub(super) struct Job {
    /// None: it gets a new one.
    pub(super) id: Option<i64>,
    pub(super) kind: String,
    pub(super) project: String,
    pub(super) key: String,
    pub(super) version: i64,
    pub(super) priority: u8,
    pub(super) run_at: UnixMs,
    pub(super) attempts: u32,
    pub(super) lease: i64,
    pub(super) enqueued_at: UnixMs,
    pub(super) error: Option<String>,
    pub(super) payload: String,
}

/// What [`Job::read`] reads.
pub(super) const COLUMNS: &str =
    "id, kind, project, key, version, priority, run_at_ms, attempts, lease, enqueued_at_ms, error, payload";

impl Job {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            kind: row.get(1)?,
            project: row.get(2)?,
            key: row.get(3)?,
            version: row.get(4)?,
            priority: row.get(5)?,
            run_at: UnixMs(row.get(6)?),
            attempts: row.get(7)?,
            lease: row.get(8)?,
            enqueued_at: UnixMs(row.get(9)?),
            error: row.get(10)?,
            payload: row.get(11)?,
        })
    }
}

/// A version as SQLite's integer; one beyond it counts as the largest.
fn bound(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

/// Who is older where two requests for one job are of the same version: the later one's payload stays.
#[derive(Clone, Copy)]
enum Comes {
    /// It is newer than what waits.
    Anew,
    /// It is older than what waits.
    Back,
}

/// Lets new jobs wait.
pub(super) fn enqueue(tx: &Connection, jobs: &[NewJob], now: UnixMs) -> rusqlite::Result<()> {
    let mut name = tx.prepare_cached("INSERT OR IGNORE INTO kinds(kind) VALUES (?1)")?;
    let mut named = "";
    for job in jobs {
        if job.kind != named {
            name.execute([&job.kind])?;
            named = &job.kind;
        }
        let new = Job {
            id: None,
            kind: job.kind.clone(),
            project: job.project.clone(),
            key: job.key.clone(),
            version: bound(job.version),
            priority: job.priority,
            run_at: job.run_at,
            attempts: 0,
            lease: 0,
            enqueued_at: now,
            error: None,
            payload: job.payload.clone(),
        };
        wait(tx, &new, Comes::Anew)?;
    }
    Ok(())
}

/// Lets a job that was held, or dead, wait again. What waits under its key keeps its id, and gets the attempts.
pub(super) fn come_back(tx: &Connection, job: &Job) -> rusqlite::Result<()> {
    wait(tx, job, Comes::Back)
}

fn wait(tx: &Connection, job: &Job, comes: Comes) -> rusqlite::Result<()> {
    let wins = match comes {
        Comes::Anew => "excluded.version >= version",
        Comes::Back => "excluded.version > version",
    };
    let sql = format!(
        "INSERT INTO jobs({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT(kind, project, key) WHERE leased_until_ms IS NULL DO UPDATE SET
            payload = iif({wins}, excluded.payload, payload), version = max(version, excluded.version),
            priority = max(priority, excluded.priority), run_at_ms = min(run_at_ms, excluded.run_at_ms),
            attempts = max(attempts, excluded.attempts),
            enqueued_at_ms = min(enqueued_at_ms, excluded.enqueued_at_ms),
            error = coalesce(excluded.error, error)"
    );
    let values = params![
        job.id,
        job.kind,
        job.project,
        job.key,
        job.version,
        job.priority,
        job.run_at.0,
        job.attempts,
        job.lease,
        job.enqueued_at.0,
        job.error,
        job.payload,
    ];
    tx.prepare_cached(&sql)?.execute(values).map(drop)
}

/// True if a lease has ended that nobody has taken back yet.
pub(super) fn has_ended_leases(jobs: &Connection, now: UnixMs) -> rusqlite::Result<bool> {
    let mut select = jobs.prepare_cached("SELECT 1 FROM jobs WHERE leased_until_ms <= ?1 LIMIT 1")?;
    select.exists([now.0])
}

/// Lets every job wait whose lease has ended by `now` (J3), due since then.
pub(super) fn end_leases(tx: &Connection, now: UnixMs) -> rusqlite::Result<()> {
    if !has_ended_leases(tx, now)? {
        return Ok(());
    }
    let sql = format!("DELETE FROM jobs WHERE leased_until_ms <= ?1 RETURNING {COLUMNS}, leased_until_ms");
    let mut delete = tx.prepare_cached(&sql)?;
    let ended =
        delete.query_map([now.0], |row| Ok(Job { run_at: UnixMs(row.get(12)?), ..Job::read(row)? }))?;
    for job in ended.collect::<rusqlite::Result<Vec<_>>>()? {
        come_back(tx, &job)?;
    }
    Ok(())
}
