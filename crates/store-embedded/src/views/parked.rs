//! Parked events: which event, which step gave up, and why.

use rusqlite::{Connection, params};
use tidegate_domain::id::Position;
use tidegate_domain::ports::Parked;
use tidegate_domain::time::UnixMs;

use super::known::Known;
use super::writer::{project, project_no};

/// Stores `parked`; an event is parked once, by the last step that says so.
pub(super) fn write(tx: &Connection, known: &mut Known, parked: &[Parked]) -> rusqlite::Result<()> {
    let mut insert = tx.prepare_cached("INSERT OR REPLACE INTO parked VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for Parked { project: name, position, step, reason, recorded_at } in parked {
        let project_no = project(tx, known, name)?.no;
        insert.execute(params![project_no, position.0 as i64, step, reason, recorded_at.0])?;
    }
    Ok(())
}

pub(super) fn list(
    views: &Connection,
    project: &str,
    from: Position,
    max: usize,
) -> rusqlite::Result<Vec<Parked>> {
    let Some(project_no) = project_no(views, project)? else { return Ok(Vec::new()) };
    let mut select = views.prepare_cached(
        "SELECT position, step, reason, recorded_at_ms FROM parked
         WHERE project_no = ?1 AND position >= ?2 ORDER BY position LIMIT ?3",
    )?;
    let first = i64::try_from(from.0).unwrap_or(i64::MAX);
    let limit = i64::try_from(max).unwrap_or(i64::MAX);
    let rows = select.query_map(params![project_no, first, limit], |row| {
        Ok(Parked {
            project: project.to_owned(),
            position: Position(row.get::<_, i64>(0)? as u64),
            step: row.get(1)?,
            reason: row.get(2)?,
            recorded_at: UnixMs(row.get(3)?),
        })
    })?;
    rows.collect()
}
