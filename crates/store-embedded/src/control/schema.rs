//! The tables of Control, as a list of migrations; the file's `user_version` says how many it has had.

use rusqlite::Connection;

use crate::sqlite::Cause;

/// The organisation of projects that name none.
pub(super) const DEFAULT_ORGANIZATION: &str = "default-org";

/// Each is applied once, in order; never changed after a release.
const MIGRATIONS: [&str; 1] = ["
    CREATE TABLE organizations(
        id TEXT PRIMARY KEY,
        created_at_ms INTEGER NOT NULL
    ) STRICT;
    INSERT INTO organizations VALUES ('default-org', 0);
    CREATE TABLE projects(
        id TEXT PRIMARY KEY,
        organization_id TEXT NOT NULL REFERENCES organizations(id),
        created_at_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE api_keys(
        id TEXT PRIMARY KEY,
        hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
        project_id TEXT NOT NULL REFERENCES projects(id),
        scopes TEXT NOT NULL,
        label TEXT NOT NULL,
        created_at_ms INTEGER NOT NULL,
        expires_at_ms INTEGER,
        revoked_at_ms INTEGER
    ) STRICT;
"];

/// Brings the file up to this program's version, in one transaction.
///
/// Errors: the file is newer than the program, or cannot be written.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), Cause> {
    let tx = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let had: usize = tx.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))? as usize;
    if had > MIGRATIONS.len() {
        return Err(format!(
            "control.sqlite has version {had}, this program knows {}: upgrade it",
            MIGRATIONS.len()
        )
        .into());
    }
    for migration in &MIGRATIONS[had..] {
        tx.execute_batch(migration)?;
    }
    tx.pragma_update(None, "user_version", MIGRATIONS.len() as i64)?;
    tx.commit()?;
    Ok(())
}
