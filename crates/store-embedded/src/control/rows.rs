//! Projects and keys as rows.

use rusqlite::types::Type;
use rusqlite::{Connection, Row, params};
use tidegate_domain::id::ProjectId;
use tidegate_domain::ports::{KeyRecord, Scopes};
use tidegate_domain::time::UnixMs;

use crate::sqlite::unreadable;

pub(super) fn projects(control: &Connection) -> rusqlite::Result<Vec<ProjectId>> {
    let mut statement = control.prepare_cached("SELECT id FROM projects ORDER BY id")?;
    statement.query_map([], |row| project(row, 0))?.collect()
}

pub(super) fn insert_key(control: &Connection, key: &KeyRecord) -> rusqlite::Result<()> {
    let sql = "INSERT INTO api_keys(id, hash, project_id, scopes, label, created_at_ms, expires_at_ms, revoked_at_ms)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let KeyRecord { id, hash, project, scopes, label, created_at, expires_at, revoked_at } = key;
    let (expires, revoked) = (expires_at.map(|at| at.0), revoked_at.map(|at| at.0));
    let row = params![id, hash, project.as_str(), scopes.to_string(), label, created_at.0, expires, revoked];
    control.execute(sql, row).map(|_| ())
}

pub(super) fn keys(control: &Connection) -> rusqlite::Result<Vec<KeyRecord>> {
    let mut statement = control.prepare_cached(
        "SELECT id, hash, project_id, scopes, label, created_at_ms, expires_at_ms, revoked_at_ms
         FROM api_keys ORDER BY created_at_ms, id",
    )?;
    statement.query_map([], key)?.collect()
}

fn key(row: &Row<'_>) -> rusqlite::Result<KeyRecord> {
    let scopes: String = row.get(3)?;
    let moment = |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(UnixMs));
    Ok(KeyRecord {
        id: row.get(0)?,
        hash: row.get(1)?,
        project: project(row, 2)?,
        scopes: Scopes::parse(&scopes)
            .map_err(|name| unreadable(3, Type::Text, format!("no scope {name}")))?,
        label: row.get(4)?,
        created_at: UnixMs(row.get(5)?),
        expires_at: moment(6)?,
        revoked_at: moment(7)?,
    })
}

fn project(row: &Row<'_>, column: usize) -> rusqlite::Result<ProjectId> {
    let id: String = row.get(column)?;
    id.parse().map_err(|error: tidegate_domain::id::NotAProjectId| unreadable(column, Type::Text, error))
}
