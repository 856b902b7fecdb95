//! Sessions as rows.

use std::collections::{BTreeMap, BTreeSet};

use deadpool_postgres::Transaction;
use tidegate_domain::assessment::RiskScore;
use tidegate_domain::risk::{Evidence, HalfLife};
use tidegate_domain::risk_range::NO_RANK;
use tidegate_domain::session::{Session, SessionKey, Verdict};
use tokio_postgres::Row;
use tokio_postgres::types::Json;

use crate::database::{Database, DatabaseError};
use crate::value::Moment;

/// The columns that [`read`] expects, in its order.
pub(super) const COLUMNS: &str = "s.created_at, s.first_activity_at, s.last_activity_at, s.event_count, s.evidence, \
     s.evidence_at, s.peak_risk, s.counts, s.patterns, s.firm, s.firm_at, s.verdict";

/// New ones are numbered in the order of the batch. `created_at` of a session never changes (`Session::apply`).
const WRITE: &str = "INSERT INTO sessions (project, id, created_at, first_activity_at, last_activity_at,
        event_count, evidence, evidence_at, peak_risk, risk_rank, counts, patterns, firm,
        firm_at, verdict)
    SELECT project, id, created_at, first_activity_at, last_activity_at, event_count, evidence, evidence_at, peak_risk,
        risk_rank, counts, patterns, firm, firm_at, verdict
    FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::bigint[],
        $7::float8[], $8::timestamptz[], $9::float8[], $10::float8[], $11::jsonb[], $12::jsonb[],
        $13::float8[], $14::timestamptz[], $15::jsonb[])
        WITH ORDINALITY AS new (project, id, created_at, first_activity_at, last_activity_at, event_count, evidence,
            evidence_at, peak_risk, risk_rank, counts, patterns, firm, firm_at, verdict, n)
    ORDER BY n
    ON CONFLICT (project, id) DO UPDATE SET first_activity_at = excluded.first_activity_at,
        last_activity_at = excluded.last_activity_at, event_count = excluded.event_count,
        evidence = excluded.evidence, evidence_at = excluded.evidence_at, peak_risk = excluded.peak_risk,
        risk_rank = excluded.risk_rank, counts = excluded.counts, patterns = excluded.patterns,
        firm = excluded.firm, firm_at = excluded.firm_at, verdict = excluded.verdict";

/// Stores `sessions`, in one statement.
pub(super) async fn write(
    tx: &Transaction<'_>,
    sessions: &[(SessionKey, Session)],
    half_life: HalfLife,
) -> Result<(), DatabaseError> {
    if sessions.is_empty() {
        return Ok(());
    }
    let keys = |of: fn(&SessionKey) -> &str| sessions.iter().map(|(key, _)| of(key)).collect::<Vec<_>>();
    let moments = |of: fn(&Session) -> Moment| sessions.iter().map(|(_, s)| of(s)).collect::<Vec<_>>();
    let floats = |of: fn(&Session) -> f64| sessions.iter().map(|(_, s)| of(s)).collect::<Vec<_>>();
    let (projects, ids) = (keys(|key| &key.project), keys(|key| &key.session));
    let created = moments(|s| Moment(s.created_at));
    let (first, last) = (moments(|s| Moment(s.first_activity_at)), moments(|s| Moment(s.last_activity_at)));
    let events: Vec<_> = sessions.iter().map(|(_, s)| s.event_count as i64).collect();
    let (evidence, evidence_at) = (floats(|s| s.evidence.amount), moments(|s| Moment(s.evidence.at)));
    let peak = floats(|s| s.peak_risk.get());
    let ranks: Vec<_> = sessions.iter().map(|(_, s)| s.evidence.rank(half_life).unwrap_or(NO_RANK)).collect();
    let counts: Vec<_> = sessions.iter().map(|(_, s)| Json(&s.event_count_by_type)).collect();
    let patterns: Vec<_> = sessions.iter().map(|(_, s)| Json(&s.patterns)).collect();
    let (firm, firm_at) = (floats(|s| s.firm.amount), moments(|s| Moment(s.firm.at)));
    let verdicts: Vec<_> = sessions.iter().map(|(_, s)| s.verdict.as_ref().map(Json)).collect();
    let write = tx.prepare_cached(WRITE).await?;
    tx.execute(
        &write,
        &[
            &projects,
            &ids,
            &created,
            &first,
            &last,
            &events,
            &evidence,
            &evidence_at,
            &peak,
            &ranks,
            &counts,
            &patterns,
            &firm,
            &firm_at,
            &verdicts,
        ],
    )
    .await?;
    Ok(())
}

/// The stored states of `keys`, in order.
pub(super) async fn load(
    database: &Database,
    keys: &[SessionKey],
) -> Result<Vec<Option<Session>>, DatabaseError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT {COLUMNS}, n FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS key (project, id, n)
         JOIN sessions s USING (project, id)"
    );
    let client = database.connection().await?;
    let select = client.prepare_cached(&sql).await?;
    let projects: Vec<_> = keys.iter().map(|key| key.project.as_str()).collect();
    let ids: Vec<_> = keys.iter().map(|key| key.session.as_str()).collect();
    let mut sessions = vec![None; keys.len()];
    for row in client.query(&select, &[&projects, &ids]).await? {
        sessions[row.get::<_, i64>(12) as usize - 1] = Some(read(&row)?);
    }
    Ok(sessions)
}

/// Reads [`COLUMNS`].
pub(super) fn read(row: &Row) -> Result<Session, DatabaseError> {
    let moment = |index| row.get::<_, Moment>(index).0;
    let Json(event_count_by_type) = row.try_get::<_, Json<BTreeMap<String, u64>>>(7)?;
    let Json(patterns) = row.try_get::<_, Json<BTreeSet<String>>>(8)?;
    Ok(Session {
        created_at: moment(0),
        first_activity_at: moment(1),
        last_activity_at: moment(2),
        event_count: row.get::<_, i64>(3) as u64,
        evidence: Evidence { amount: row.get(4), at: moment(5) },
        peak_risk: RiskScore::saturating(row.get(6)),
        event_count_by_type,
        patterns,
        firm: Evidence { amount: row.get(9), at: moment(10) },
        verdict: row.try_get::<_, Option<Json<Verdict>>>(11)?.map(|Json(verdict)| verdict),
    })
}
