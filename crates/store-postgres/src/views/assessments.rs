//! Assessments by position: stored with their batch, found by position or by risk.

use std::collections::HashMap;

use deadpool_postgres::Transaction;
use tidegate_domain::assessment::{Assessment, Category, Detail, Flag, RiskScore};
use tidegate_domain::filter::Order;
use tidegate_domain::id::Position;
use tidegate_domain::ports::{Assessed, RiskyPage};
use tidegate_domain::session::Contribution;
use tokio_postgres::Row;
use tokio_postgres::types::Json;

use crate::database::{Database, DatabaseError};
use crate::value::bound;

/// Most rows one call of [`risky`] looks at.
const SCANNED_MAX: i64 = 20_000;

const WRITE: &str = "INSERT INTO assessments
        (project, position, risk_score, category, confidence, evidence, session_risk, flags, detail)
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::float8[], $4::text[], $5::float8[], $6::float8[], $7::float8[],
        $8::jsonb[], $9::jsonb[])
    ON CONFLICT (project, position) DO UPDATE SET risk_score = excluded.risk_score, category = excluded.category,
        confidence = excluded.confidence, evidence = excluded.evidence, session_risk = excluded.session_risk,
        flags = excluded.flags, detail = excluded.detail";
const HIT: &str = "INSERT INTO exemplar_hits SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[])
    ON CONFLICT DO NOTHING";
const TOUCHED: &str = "SELECT position FROM exemplar_hits
    WHERE project = $1 AND exemplar = $2 AND position >= $3 ORDER BY position LIMIT $4";
const GET: &str = "SELECT position, risk_score, category, confidence, evidence, session_risk, flags, detail
    FROM assessments WHERE project = $1 AND position = ANY($2)";
/// Those that match, of the rows that may be looked at.
const RISKY_ASC: &str = "SELECT position FROM (SELECT position, risk_score, category FROM assessments
        WHERE project = $1 AND position >= $2 ORDER BY position LIMIT $5) scanned
    WHERE risk_score >= $3 AND category = coalesce($4, category) ORDER BY position LIMIT $6";
const RISKY_DESC: &str = "SELECT position FROM (SELECT position, risk_score, category FROM assessments
        WHERE project = $1 AND position <= $2 ORDER BY position DESC LIMIT $5) scanned
    WHERE risk_score >= $3 AND category = coalesce($4, category) ORDER BY position DESC LIMIT $6";
/// The first row that may not be looked at.
const BEYOND_ASC: &str = "SELECT position FROM assessments
    WHERE project = $1 AND position >= $2 ORDER BY position LIMIT 1 OFFSET $3";
const BEYOND_DESC: &str = "SELECT position FROM assessments
    WHERE project = $1 AND position <= $2 ORDER BY position DESC LIMIT 1 OFFSET $3";

/// Stores `assessed`, in one statement.
pub(super) async fn write(tx: &Transaction<'_>, assessed: &[Assessed]) -> Result<(), DatabaseError> {
    if assessed.is_empty() {
        return Ok(());
    }
    let floats = |of: fn(&Assessed) -> f64| assessed.iter().map(of).collect::<Vec<_>>();
    let shares = |of: fn(Contribution) -> f64| {
        assessed.iter().map(|a| a.contribution.map(of)).collect::<Vec<Option<f64>>>()
    };
    let projects: Vec<_> = assessed.iter().map(|a| a.project.as_str()).collect();
    let positions: Vec<_> = assessed.iter().map(|a| bound(a.position)).collect();
    let categories: Vec<_> = assessed.iter().map(|a| a.assessment.category.name()).collect();
    let flags: Vec<_> = assessed.iter().map(|a| Json(&a.assessment.flags)).collect();
    let details: Vec<_> = assessed.iter().map(|a| Json(a.assessment.detail())).collect();
    let (scores, confidences) =
        (floats(|a| a.assessment.risk_score.get()), floats(|a| a.assessment.confidence));
    let (evidence, session_risks) = (shares(|c| c.evidence), shares(|c| c.session_risk.get()));
    let write = tx.prepare_cached(WRITE).await?;
    tx.execute(
        &write,
        &[
            &projects,
            &positions,
            &scores,
            &categories,
            &confidences,
            &evidence,
            &session_risks,
            &flags,
            &details,
        ],
    )
    .await?;
    hit(tx, assessed).await
}

/// Notes which exemplars touched which events.
async fn hit(tx: &Transaction<'_>, assessed: &[Assessed]) -> Result<(), DatabaseError> {
    let hits = assessed.iter().flat_map(|a| a.assessment.similar.iter().map(move |similar| (a, similar)));
    let (mut projects, mut exemplars, mut positions) = (Vec::new(), Vec::new(), Vec::new());
    for (assessed, similar) in hits {
        projects.push(assessed.project.as_str());
        exemplars.push(bound(similar.exemplar));
        positions.push(bound(assessed.position));
    }
    if !projects.is_empty() {
        let hit = tx.prepare_cached(HIT).await?;
        tx.execute(&hit, &[&projects, &exemplars, &positions]).await?;
    }
    Ok(())
}

/// Positions of the events that `exemplar` touched, from `from` on.
pub(super) async fn touched(
    database: &Database,
    project: &str,
    exemplar: Position,
    from: Position,
    max: usize,
) -> Result<RiskyPage, DatabaseError> {
    let client = database.connection().await?;
    let select = client.prepare_cached(TOUCHED).await?;
    let one_more = i64::try_from(max).unwrap_or(i64::MAX).saturating_add(1);
    let rows = client.query(&select, &[&project, &bound(exemplar), &bound(from), &one_more]).await?;
    let mut positions: Vec<_> = rows.iter().map(|row| Position(row.get::<_, i64>(0) as u64)).collect();
    let next = positions.get(max).copied();
    positions.truncate(max);
    Ok(RiskyPage { positions, next })
}

/// The assessments stored at `positions`.
pub(super) async fn get(
    database: &Database,
    project: &str,
    positions: &[Position],
) -> Result<HashMap<Position, Assessed>, DatabaseError> {
    if positions.is_empty() {
        return Ok(HashMap::new());
    }
    let client = database.connection().await?;
    let get = client.prepare_cached(GET).await?;
    let wanted: Vec<_> = positions.iter().map(|position| bound(*position)).collect();
    let rows = client.query(&get, &[&project, &wanted]).await?;
    rows.iter().map(|row| assessed(row, project).map(|assessed| (assessed.position, assessed))).collect()
}

fn assessed(row: &Row, project: &str) -> Result<Assessed, DatabaseError> {
    let name: &str = row.get(2);
    let unknown = || DatabaseError::Unreadable { what: format!("the category `{name}`") };
    let Json(flags) = row.try_get::<_, Json<Vec<Flag>>>(6)?;
    let Json(detail) = row.try_get::<_, Json<Detail>>(7)?;
    let assessment = Assessment {
        risk_score: RiskScore::saturating(row.get(1)),
        category: Category::parse(name).ok_or_else(unknown)?,
        confidence: row.get(3),
        flags,
        ..Assessment::default()
    }
    .with_detail(detail);
    let (evidence, session_risk): (Option<f64>, Option<f64>) = (row.get(4), row.get(5));
    let contribution = evidence
        .zip(session_risk)
        .map(|(evidence, risk)| Contribution { evidence, session_risk: RiskScore::saturating(risk) });
    let position = Position(row.get::<_, i64>(0) as u64);
    Ok(Assessed { project: project.to_owned(), position, assessment, contribution })
}

/// Positions of risky events, see the port. Looks at no more than [`SCANNED_MAX`] rows, so a page may hold few
/// positions, or none, and still have a next one.
pub(super) async fn risky(
    database: &Database,
    project: &str,
    category: Option<Category>,
    min_risk: RiskScore,
    from: Position,
    order: Order,
    max: usize,
) -> Result<RiskyPage, DatabaseError> {
    let client = database.connection().await?;
    let (select, beyond) = match order {
        Order::Asc => (RISKY_ASC, BEYOND_ASC),
        Order::Desc => (RISKY_DESC, BEYOND_DESC),
    };
    let select = client.prepare_cached(select).await?;
    let (from, category) = (bound(from), category.map(Category::name));
    let one_more = i64::try_from(max).unwrap_or(i64::MAX).saturating_add(1);
    let rows = client
        .query(&select, &[&project, &from, &min_risk.get(), &category, &SCANNED_MAX, &one_more])
        .await?;
    let position = |row: &Row| Position(row.get::<_, i64>(0) as u64);
    let mut positions: Vec<_> = rows.iter().map(position).collect();
    let mut next = positions.get(max).copied();
    positions.truncate(max);
    if next.is_none() {
        let beyond = client.prepare_cached(beyond).await?;
        next = client.query_opt(&beyond, &[&project, &from, &SCANNED_MAX]).await?.as_ref().map(position);
    }
    Ok(RiskyPage { positions, next })
}
