//! Assessments by position: stored with their batch, found by position or by risk.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Row, params};
use tidegate_domain::assessment::{Assessment, Category, Detail, RiskScore};
use tidegate_domain::filter::Order;
use tidegate_domain::id::Position;
use tidegate_domain::ports::{Assessed, RiskyPage};
use tidegate_domain::session::Contribution;

use super::blob;
use super::known::Known;
use super::text;
use super::writer::{project, project_no, yield_after};

/// Most rows one call of [`risky`] looks at: about 2 MB of the file.
const SCANNED_MAX: usize = 20_000;

pub(super) fn write(tx: &Connection, known: &mut Known, assessed: &[Assessed]) -> rusqlite::Result<()> {
    let mut insert =
        tx.prepare_cached("INSERT OR REPLACE INTO assessments VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?;
    let mut hit = tx.prepare_cached("INSERT OR IGNORE INTO exemplar_hits VALUES (?1, ?2, ?3)")?;
    for run in assessed.chunk_by(|a, b| a.project == b.project) {
        let project_no = project(tx, known, &run[0].project)?.no;
        for (index, Assessed { position, assessment, contribution, .. }) in run.iter().enumerate() {
            yield_after(index);
            insert.execute(params![
                project_no,
                position.0 as i64,
                assessment.risk_score.get(),
                assessment.category as i64,
                assessment.confidence,
                contribution.map(|c| c.evidence),
                contribution.map(|c| c.session_risk.get()),
                blob::flags(&assessment.flags),
                text::of(&assessment.detail())?,
            ])?;
            for similar in &assessment.similar {
                hit.execute(params![project_no, similar.exemplar.0 as i64, position.0 as i64])?;
            }
        }
    }
    Ok(())
}

/// The assessments stored at `positions`, one search each.
pub(super) fn get(
    views: &Connection,
    project: &str,
    positions: &[Position],
) -> rusqlite::Result<HashMap<Position, Assessed>> {
    let mut found = HashMap::new();
    let Some(project_no) = project_no(views, project)? else { return Ok(found) };
    let mut select = views.prepare_cached(
        "SELECT risk_score, category, confidence, evidence, session_risk, flags, detail FROM assessments
         WHERE project_no = ?1 AND position = ?2",
    )?;
    for position in positions {
        let row = select.query_row(params![project_no, position.0 as i64], read).optional()?;
        if let Some((assessment, contribution)) = row {
            let assessed =
                Assessed { project: project.to_owned(), position: *position, assessment, contribution };
            found.insert(*position, assessed);
        }
    }
    Ok(found)
}

fn read(row: &Row<'_>) -> rusqlite::Result<(Assessment, Option<Contribution>)> {
    let detail: Detail = text::read(6, row.get_ref(6)?.as_str()?)?;
    let assessment = Assessment {
        risk_score: RiskScore::saturating(row.get(0)?),
        category: category(row, 1)?,
        confidence: row.get(2)?,
        flags: blob::read(row, 5, blob::take_flag)?,
        ..Assessment::default()
    }
    .with_detail(detail);
    let (evidence, session_risk): (Option<f64>, Option<f64>) = (row.get(3)?, row.get(4)?);
    let contribution = evidence
        .zip(session_risk)
        .map(|(evidence, risk)| Contribution { evidence, session_risk: RiskScore::saturating(risk) });
    Ok((assessment, contribution))
}

fn category(row: &Row<'_>, index: usize) -> rusqlite::Result<Category> {
    let code: i64 = row.get(index)?;
    let known = usize::try_from(code).ok().and_then(|code| Category::ALL.get(code));
    known.copied().ok_or(rusqlite::Error::IntegralValueOutOfRange(index, code))
}

/// Positions of the events that `exemplar` touched, from `from` on.
pub(super) fn touched(
    views: &Connection,
    project: &str,
    exemplar: Position,
    from: Position,
    max: usize,
) -> rusqlite::Result<RiskyPage> {
    let Some(project_no) = project_no(views, project)? else { return Ok(RiskyPage::default()) };
    let mut select = views.prepare_cached(
        "SELECT position FROM exemplar_hits WHERE project_no = ?1 AND exemplar = ?2 AND position >= ?3
         ORDER BY position LIMIT ?4",
    )?;
    let bound = |position: Position| i64::try_from(position.0).unwrap_or(i64::MAX);
    let limit = i64::try_from(max).unwrap_or(i64::MAX).saturating_add(1);
    let rows = select.query_map(params![project_no, bound(exemplar), bound(from), limit], |row| {
        Ok(Position(row.get::<_, i64>(0)? as u64))
    })?;
    let mut positions = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let next = positions.get(max).copied();
    positions.truncate(max);
    Ok(RiskyPage { positions, next })
}

/// Positions of risky events, see the port. Looks at no more than [`SCANNED_MAX`] rows, so a page may hold few
/// positions, or none, and still have a next one.
pub(super) fn risky(
    views: &Connection,
    project: &str,
    wanted: Option<Category>,
    min_risk: RiskScore,
    from: Position,
    order: Order,
    max: usize,
) -> rusqlite::Result<RiskyPage> {
    let mut page = RiskyPage::default();
    let Some(project_no) = project_no(views, project)? else { return Ok(page) };
    let mut select = views.prepare_cached(match order {
        Order::Asc => {
            "SELECT position, risk_score, category FROM assessments
             WHERE project_no = ?1 AND position >= ?2 ORDER BY position"
        }
        Order::Desc => {
            "SELECT position, risk_score, category FROM assessments
             WHERE project_no = ?1 AND position <= ?2 ORDER BY position DESC"
        }
    })?;
    let mut rows = select.query(params![project_no, i64::try_from(from.0).unwrap_or(i64::MAX)])?;
    let mut scanned = 0;
    while let Some(row) = rows.next()? {
        let position = Position(row.get::<_, i64>(0)? as u64);
        if scanned == SCANNED_MAX || page.positions.len() == max {
            page.next = Some(position);
            break;
        }
        scanned += 1;
        if row.get::<_, f64>(1)? >= min_risk.get()
            && wanted.is_none_or(|w| category(row, 2).is_ok_and(|c| c == w))
        {
            page.positions.push(position);
        }
    }
    Ok(page)
}
