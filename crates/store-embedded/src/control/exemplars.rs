//! Labelled texts as rows.

use rusqlite::types::Type;
use rusqlite::{Connection, Row, params};
use tidegate_domain::assessment::Category;
use tidegate_domain::id::Position;
use tidegate_domain::label::{Exemplar, Label};
use tidegate_domain::time::UnixMs;

use crate::sqlite::unreadable;

const SELECT: &str =
    "SELECT e.position, e.project, e.id, e.category, e.text, e.event_id, e.labelled_by, e.note,
        e.created_at_ms, r.removed
    FROM exemplars e LEFT JOIN exemplar_removals r ON r.exemplar = e.position AND r.project = e.project";

/// Keeps labels in one transaction. What is kept never changes but for an earlier removal (C5).
pub(super) fn put(control: &Connection, labels: &[Label]) -> rusqlite::Result<()> {
    let tx = control.unchecked_transaction()?;
    for label in labels {
        match label {
            Label::Added(exemplar) => add(&tx, exemplar)?,
            Label::Removed { project, exemplar, at } => remove(&tx, project, *exemplar, *at)?,
        }
    }
    tx.commit()
}

fn add(tx: &Connection, exemplar: &Exemplar) -> rusqlite::Result<()> {
    let mut insert =
        tx.prepare_cached("INSERT OR IGNORE INTO exemplars VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?;
    insert.execute(params![
        bound(exemplar.position),
        exemplar.project,
        exemplar.id,
        exemplar.category.name(),
        exemplar.text,
        exemplar.event_id,
        exemplar.labelled_by,
        exemplar.note,
        exemplar.created_at.0,
    ])?;
    Ok(())
}

fn remove(tx: &Connection, project: &str, exemplar: Position, at: Position) -> rusqlite::Result<()> {
    let mut insert = tx.prepare_cached(
        "INSERT INTO exemplar_removals VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET removed = min(removed, excluded.removed)",
    )?;
    insert.execute(params![bound(exemplar), project, bound(at)]).map(drop)
}

pub(super) fn all(control: &Connection) -> rusqlite::Result<Vec<Exemplar>> {
    let mut select = control.prepare_cached(&format!("{SELECT} ORDER BY e.position"))?;
    select.query_map([], read)?.collect()
}

pub(super) fn list(
    control: &Connection,
    project: &str,
    event_id: Option<&str>,
    from: Position,
    max: usize,
) -> rusqlite::Result<Vec<Exemplar>> {
    let of_event = if event_id.is_some() { "e.event_id = ?4" } else { "?4 IS NULL" };
    let sql = format!(
        "{SELECT} WHERE e.project = ?1 AND e.position <= ?2 AND {of_event} ORDER BY e.position DESC LIMIT ?3"
    );
    let mut select = control.prepare_cached(&sql)?;
    let limit = i64::try_from(max).unwrap_or(i64::MAX);
    select.query_map(params![project, bound(from), limit, event_id], read)?.collect()
}

fn bound(position: Position) -> i64 {
    i64::try_from(position.0).unwrap_or(i64::MAX)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Exemplar> {
    let position = |value: i64| Position(value as u64);
    let category: String = row.get(3)?;
    let unknown = || unreadable(3, Type::Text, format!("`{category}` is no category"));
    Ok(Exemplar {
        position: position(row.get(0)?),
        project: row.get(1)?,
        id: row.get(2)?,
        category: Category::parse(&category).ok_or_else(unknown)?,
        text: row.get(4)?,
        event_id: row.get(5)?,
        labelled_by: row.get(6)?,
        note: row.get(7)?,
        created_at: UnixMs(row.get(8)?),
        removed: row.get::<_, Option<i64>>(9)?.map(position),
    })
}
