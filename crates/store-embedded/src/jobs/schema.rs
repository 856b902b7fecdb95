//! The file's layouts and how its writing connection is set up.

use std::path::Path;

use rusqlite::Connection;

use crate::layouts;
use crate::sqlite::{Cause, open_private};

/// Migration `n` leads from layout `n` to layout `n + 1`. A released one is never changed.
///
/// The long column is the last one, so that the others are read without it. Ids are never given again, after a
/// deletion neither: `AUTOINCREMENT`. `jobs_due` ends in a column that is null in all of it, because without that SQLite
/// looks into each row to see it.
const MIGRATIONS: [&str; 1] = ["
    CREATE TABLE kinds(kind TEXT PRIMARY KEY NOT NULL, is_paused INTEGER NOT NULL DEFAULT 0,
        completed INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;
    CREATE TABLE jobs(id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, project TEXT NOT NULL,
        key TEXT NOT NULL, version INTEGER NOT NULL, priority INTEGER NOT NULL, run_at_ms INTEGER NOT NULL,
        attempts INTEGER NOT NULL, lease INTEGER NOT NULL, leased_until_ms INTEGER,
        enqueued_at_ms INTEGER NOT NULL, error TEXT, payload TEXT NOT NULL) STRICT;
    CREATE UNIQUE INDEX jobs_waiting ON jobs(kind, project, key) WHERE leased_until_ms IS NULL;
    CREATE UNIQUE INDEX jobs_held ON jobs(kind, project, key) WHERE leased_until_ms IS NOT NULL;
    CREATE INDEX jobs_due ON jobs(kind, priority, run_at_ms, leased_until_ms) WHERE leased_until_ms IS NULL;
    CREATE INDEX jobs_ending ON jobs(leased_until_ms) WHERE leased_until_ms IS NOT NULL;
    CREATE TABLE dead_jobs(id INTEGER PRIMARY KEY, kind TEXT NOT NULL, project TEXT NOT NULL,
        key TEXT NOT NULL, version INTEGER NOT NULL, priority INTEGER NOT NULL, attempts INTEGER NOT NULL,
        lease INTEGER NOT NULL, enqueued_at_ms INTEGER NOT NULL, failed_at_ms INTEGER NOT NULL,
        error TEXT NOT NULL, payload TEXT NOT NULL) STRICT;
    CREATE INDEX dead_jobs_by_project ON dead_jobs(project, id);
    CREATE INDEX dead_jobs_by_kind ON dead_jobs(kind);"];

/// Opens the connection that writes.
pub(super) fn open(path: &Path) -> Result<Connection, Cause> {
    let mut connection = open_private(path)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -4000; PRAGMA temp_store = MEMORY;",
    )?;
    layouts::run("the jobs' file", &mut connection, &MIGRATIONS)?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_commit_is_synced() {
        let dir = tempfile::tempdir().unwrap();
        let connection = open(&dir.path().join("jobs.sqlite")).unwrap();
        let synchronous: i64 = connection.query_row("PRAGMA synchronous", [], |row| row.get(0)).unwrap();
        const FULL: i64 = 2;
        assert_eq!(synchronous, FULL);
    }
}
