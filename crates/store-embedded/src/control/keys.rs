//! API keys as rows.

use rusqlite::types::Type;
use rusqlite::{Connection, Row, params};
use tidegate_domain::id::{NotAProjectId, ProjectId};
use tidegate_domain::ports::{KeyRecord, Scopes};
use tidegate_domain::time::UnixMs;

use crate::sqlite::unreadable;

pub(super) fn insert(control: &Connection, key: &KeyRecord) -> rusqlite::Result<()> {
    let mut insert = control.prepare_cached(
        "INSERT INTO api_keys(id, hash, project_id, scopes, label, created_at_ms, expires_at_ms, revoked_at_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    let inserted = insert.execute(params![
        key.id,
        key.hash,
        key.project.as_str(),
        key.scopes.to_string(),
        key.label,
        key.created_at.0,
        key.expires_at.map(|at| at.0),
        key.revoked_at.map(|at| at.0),
    ]);
    inserted.map(drop)
}

pub(super) fn list(control: &Connection) -> rusqlite::Result<Vec<KeyRecord>> {
    let mut select = control.prepare_cached(
        "SELECT id, hash, project_id, scopes, label, created_at_ms, expires_at_ms, revoked_at_ms
         FROM api_keys ORDER BY created_at_ms, rowid",
    )?;
    select.query_map([], read)?.collect()
}

/// Keeps the first revocation: a later one, or an earlier clock, moves nothing (C3).
pub(super) fn revoke(control: &Connection, id: &str, now: UnixMs) -> rusqlite::Result<bool> {
    let sql = "UPDATE api_keys SET revoked_at_ms = coalesce(revoked_at_ms, ?2) WHERE id = ?1";
    Ok(control.prepare_cached(sql)?.execute(params![id, now.0])? > 0)
}

pub(super) fn expire(control: &Connection, id: &str, at: UnixMs) -> rusqlite::Result<bool> {
    let sql = "UPDATE api_keys SET expires_at_ms = ?2 WHERE id = ?1";
    Ok(control.prepare_cached(sql)?.execute(params![id, at.0])? > 0)
}

fn read(row: &Row<'_>) -> rusqlite::Result<KeyRecord> {
    let scopes: String = row.get(3)?;
    let unknown = |name: String| unreadable(3, Type::Text, format!("`{name}` is no scope"));
    Ok(KeyRecord {
        id: row.get(0)?,
        hash: row.get(1)?,
        project: project_id(row, 2)?,
        scopes: Scopes::parse(&scopes).map_err(unknown)?,
        label: row.get(4)?,
        created_at: UnixMs(row.get(5)?),
        expires_at: row.get::<_, Option<i64>>(6)?.map(UnixMs),
        revoked_at: row.get::<_, Option<i64>>(7)?.map(UnixMs),
    })
}

/// Reads the project id in column `index`.
pub(super) fn project_id(row: &Row<'_>, index: usize) -> rusqlite::Result<ProjectId> {
    row.get::<_, String>(index)?.parse().map_err(|error: NotAProjectId| unreadable(index, Type::Text, error))
}
