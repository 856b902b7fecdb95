//! Analyses: what they did to a session's risk, and what they said of chains of thought.

use std::collections::HashMap;

use deadpool_postgres::Transaction;
use serde::{Deserialize, Serialize};
use tidegate_domain::analysis::{Carrier, CotAnalyzedData, Pattern};
use tidegate_domain::assessment::RiskScore;
use tidegate_domain::id::Position;
use tidegate_domain::ports::{CotAnalyzed, Snapshot};
use tidegate_domain::session::SessionKey;
use tokio_postgres::Row;
use tokio_postgres::types::Json;

use crate::database::{Database, DatabaseError};
use crate::value::{Moment, bound};

const WRITE_SNAPSHOTS: &str = "INSERT INTO snapshots
        (project, session, position, at, session_risk, risk_score, until, model, detail)
    SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::timestamptz[], $5::float8[], $6::float8[],
        $7::bigint[], $8::text[], $9::jsonb[])
    ON CONFLICT (project, session, position) DO UPDATE SET at = excluded.at, session_risk = excluded.session_risk,
        risk_score = excluded.risk_score, until = excluded.until, model = excluded.model, detail = excluded.detail";
/// The last of several analyses of one event counts, in a batch too.
const WRITE_COTS: &str = "INSERT INTO cot_analyses (project, position, at, data)
    SELECT DISTINCT ON (project, position) project, position, at, data
    FROM unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::jsonb[])
        WITH ORDINALITY AS new (project, position, at, data, n)
    ORDER BY project, position, n DESC
    ON CONFLICT (project, position) DO UPDATE SET at = excluded.at, data = excluded.data";
const SNAPSHOTS: &str = "SELECT position, at, session_risk, risk_score, until, model, detail FROM snapshots
    WHERE project = $1 AND session = $2 ORDER BY position DESC LIMIT $3";
const COTS: &str = "SELECT position, at, data FROM cot_analyses WHERE project = $1 AND position = ANY($2)";

/// What is read of a snapshot as a whole.
#[derive(Debug, Serialize, Deserialize)]
struct Detail {
    patterns: Vec<Pattern>,
    explanation: String,
    carriers: Vec<Carrier>,
}

impl Detail {
    fn of(snapshot: &Snapshot) -> Self {
        Self {
            patterns: snapshot.patterns.clone(),
            explanation: snapshot.explanation.clone(),
            carriers: snapshot.carriers.clone(),
        }
    }
}

/// Stores `snapshots`, in one statement.
pub(super) async fn write_snapshots(
    tx: &Transaction<'_>,
    snapshots: &[Snapshot],
) -> Result<(), DatabaseError> {
    if snapshots.is_empty() {
        return Ok(());
    }
    let texts = |of: fn(&Snapshot) -> &str| snapshots.iter().map(of).collect::<Vec<_>>();
    let numbers = |of: fn(&Snapshot) -> i64| snapshots.iter().map(of).collect::<Vec<_>>();
    let risks = |of: fn(&Snapshot) -> RiskScore| snapshots.iter().map(|s| of(s).get()).collect::<Vec<f64>>();
    let (projects, sessions) = (texts(|s| &s.key.project), texts(|s| &s.key.session));
    let (positions, until) = (numbers(|s| bound(s.position)), numbers(|s| bound(s.until)));
    let (after, said) = (risks(|s| s.session_risk), risks(|s| s.risk_score));
    let recorded: Vec<_> = snapshots.iter().map(|s| Moment(s.at)).collect();
    let models = texts(|s| &s.model);
    let details: Vec<_> = snapshots.iter().map(|s| Json(Detail::of(s))).collect();
    let write = tx.prepare_cached(WRITE_SNAPSHOTS).await?;
    tx.execute(
        &write,
        &[&projects, &sessions, &positions, &recorded, &after, &said, &until, &models, &details],
    )
    .await?;
    Ok(())
}

/// Stores `analyses`, in one statement; a later one of the same event replaces the one before.
pub(super) async fn write_cots(tx: &Transaction<'_>, analyses: &[CotAnalyzed]) -> Result<(), DatabaseError> {
    if analyses.is_empty() {
        return Ok(());
    }
    let projects: Vec<_> = analyses.iter().map(|a| a.project.as_str()).collect();
    let positions: Vec<_> = analyses.iter().map(|a| bound(a.data.position)).collect();
    let recorded: Vec<_> = analyses.iter().map(|a| Moment(a.at)).collect();
    let data: Vec<_> = analyses.iter().map(|a| Json(&a.data)).collect();
    let write = tx.prepare_cached(WRITE_COTS).await?;
    tx.execute(&write, &[&projects, &positions, &recorded, &data]).await?;
    Ok(())
}

/// The newest `max` snapshots of a session, oldest first.
pub(super) async fn snapshots(
    database: &Database,
    key: &SessionKey,
    max: usize,
) -> Result<Vec<Snapshot>, DatabaseError> {
    let client = database.connection().await?;
    let select = client.prepare_cached(SNAPSHOTS).await?;
    let limit = i64::try_from(max).unwrap_or(i64::MAX);
    let rows = client.query(&select, &[&key.project, &key.session, &limit]).await?;
    rows.iter().rev().map(|row| snapshot(row, key)).collect()
}

fn snapshot(row: &Row, key: &SessionKey) -> Result<Snapshot, DatabaseError> {
    let Json(Detail { patterns, explanation, carriers }) = row.try_get(6)?;
    Ok(Snapshot {
        key: key.clone(),
        position: Position(row.get::<_, i64>(0) as u64),
        at: row.get::<_, Moment>(1).0,
        session_risk: RiskScore::saturating(row.get(2)),
        risk_score: RiskScore::saturating(row.get(3)),
        patterns,
        explanation,
        carriers,
        until: Position(row.get::<_, i64>(4) as u64),
        model: row.get(5),
    })
}

/// The analyses of the chains of thought at `positions`.
pub(super) async fn cots(
    database: &Database,
    project: &str,
    positions: &[Position],
) -> Result<HashMap<Position, CotAnalyzed>, DatabaseError> {
    if positions.is_empty() {
        return Ok(HashMap::new());
    }
    let client = database.connection().await?;
    let select = client.prepare_cached(COTS).await?;
    let wanted: Vec<_> = positions.iter().map(|position| bound(*position)).collect();
    let rows = client.query(&select, &[&project, &wanted]).await?;
    rows.iter().map(|row| cot(row, project)).collect()
}

fn cot(row: &Row, project: &str) -> Result<(Position, CotAnalyzed), DatabaseError> {
    let Json(data) = row.try_get::<_, Json<CotAnalyzedData>>(2)?;
    let analyzed = CotAnalyzed { project: project.to_owned(), at: row.get::<_, Moment>(1).0, data };
    Ok((Position(row.get::<_, i64>(0) as u64), analyzed))
}
