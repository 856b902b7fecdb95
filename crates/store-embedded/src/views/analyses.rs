//! Analyses: what they did to a session's risk, and what they said of chains of thought.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use tidegate_domain::analysis::{Carrier, Pattern};
use tidegate_domain::assessment::RiskScore;
use tidegate_domain::id::Position;
use tidegate_domain::ports::{CotAnalyzed, Snapshot};
use tidegate_domain::session::SessionKey;
use tidegate_domain::time::UnixMs;

use super::known::Known;
use super::text;
use super::writer::{project, project_no, yield_after};

/// What is read of a snapshot as a whole.
#[derive(Serialize, Deserialize)]
struct Detail {
    patterns: Vec<Pattern>,
    explanation: String,
    carriers: Vec<Carrier>,
}

/// Stores `snapshots`. Cost: nothing if there are none.
pub(super) fn write_snapshots(
    tx: &Connection,
    known: &mut Known,
    snapshots: &[Snapshot],
) -> rusqlite::Result<()> {
    if snapshots.is_empty() {
        return Ok(());
    }
    let mut insert =
        tx.prepare_cached("INSERT OR REPLACE INTO snapshots VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?;
    for (index, snapshot) in snapshots.iter().enumerate() {
        yield_after(index);
        let Snapshot { key, position, at, session_risk, risk_score, until, model, .. } = snapshot;
        let detail = Detail {
            patterns: snapshot.patterns.clone(),
            explanation: snapshot.explanation.clone(),
            carriers: snapshot.carriers.clone(),
        };
        insert.execute(params![
            project(tx, known, &key.project)?.no,
            key.session,
            position.0 as i64,
            at.0,
            session_risk.get(),
            risk_score.get(),
            until.0 as i64,
            model,
            text::of(&detail)?,
        ])?;
    }
    Ok(())
}

/// Stores `analyses`; a later one of the same event replaces the one before. Cost: nothing if there are none.
pub(super) fn write_cots(
    tx: &Connection,
    known: &mut Known,
    analyses: &[CotAnalyzed],
) -> rusqlite::Result<()> {
    if analyses.is_empty() {
        return Ok(());
    }
    let mut insert = tx.prepare_cached("INSERT OR REPLACE INTO cot_analyses VALUES (?1, ?2, ?3, ?4)")?;
    for (index, CotAnalyzed { project: name, at, data }) in analyses.iter().enumerate() {
        yield_after(index);
        let project_no = project(tx, known, name)?.no;
        insert.execute(params![project_no, data.position.0 as i64, at.0, text::of(data)?])?;
    }
    Ok(())
}

/// The newest `max` snapshots of a session, oldest first.
pub(super) fn snapshots(views: &Connection, key: &SessionKey, max: usize) -> rusqlite::Result<Vec<Snapshot>> {
    let Some(project_no) = project_no(views, &key.project)? else { return Ok(Vec::new()) };
    let mut select = views.prepare_cached(
        "SELECT position, at_ms, session_risk, risk_score, until, model, detail FROM snapshots
         WHERE project_no = ?1 AND session = ?2 ORDER BY position DESC LIMIT ?3",
    )?;
    let limit = i64::try_from(max).unwrap_or(i64::MAX);
    let rows = select.query_map(params![project_no, key.session, limit], |row| snapshot(row, key))?;
    let mut snapshots = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    snapshots.reverse();
    Ok(snapshots)
}

fn snapshot(row: &Row<'_>, key: &SessionKey) -> rusqlite::Result<Snapshot> {
    let Detail { patterns, explanation, carriers } = text::read(6, row.get_ref(6)?.as_str()?)?;
    Ok(Snapshot {
        key: key.clone(),
        position: Position(row.get::<_, i64>(0)? as u64),
        at: UnixMs(row.get(1)?),
        session_risk: RiskScore::saturating(row.get(2)?),
        risk_score: RiskScore::saturating(row.get(3)?),
        patterns,
        explanation,
        carriers,
        until: Position(row.get::<_, i64>(4)? as u64),
        model: row.get(5)?,
    })
}

/// The analyses of the chains of thought at `positions`, one search each.
pub(super) fn cots(
    views: &Connection,
    project: &str,
    positions: &[Position],
) -> rusqlite::Result<HashMap<Position, CotAnalyzed>> {
    let mut found = HashMap::new();
    let Some(project_no) = project_no(views, project)? else { return Ok(found) };
    let mut select = views
        .prepare_cached("SELECT at_ms, data FROM cot_analyses WHERE project_no = ?1 AND position = ?2")?;
    for position in positions {
        let row = select.query_row(params![project_no, position.0 as i64], |row| {
            let (at, data) = (UnixMs(row.get(0)?), text::read(1, row.get_ref(1)?.as_str()?)?);
            Ok(CotAnalyzed { project: project.to_owned(), at, data })
        });
        found.extend(row.optional()?.map(|analyzed| (*position, analyzed)));
    }
    Ok(found)
}
