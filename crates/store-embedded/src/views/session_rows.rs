//! Sessions as rows: written by number, so that an index is touched only where its value changed.

use rusqlite::{CachedStatement, Connection, OptionalExtension, Row as Found, params};
use tidegate_domain::assessment::RiskScore;
use tidegate_domain::risk::{Evidence, HalfLife};
use tidegate_domain::risk_range::NO_RANK;
use tidegate_domain::session::{Session, SessionKey};
use tidegate_domain::time::UnixMs;

use super::blob;
use super::known::{Known, Project, Row};
use super::text;
use super::writer::{project, project_no, yield_after};

/// The columns that [`read`] expects, in its order.
pub(super) const COLUMNS: &str = "s.created_at_ms, s.first_activity_at_ms, s.last_activity_at_ms, s.event_count, \
     s.evidence, s.evidence_at_ms, s.peak_risk, s.counts, s.patterns, s.firm, s.firm_at_ms, s.verdict";

/// Stores `sessions`, new ones under the next numbers in their order.
///
/// Cost: one update or insert by number for a session that is known, to exist or not; one search more for another.
/// `created_at` of a session never changes (`Session::apply`).
pub(super) fn write(
    tx: &Connection,
    known: &mut Known,
    sessions: &[(SessionKey, Session)],
    half_life: HalfLife,
) -> rusqlite::Result<()> {
    let mut statements = Statements::prepare(tx)?;
    for run in sessions.chunk_by(|(a, _), (b, _)| a.project == b.project) {
        let Project { no: project_no, sessions: rows } = project(tx, known, &run[0].0.project)?;
        for (index, (key, session)) in run.iter().enumerate() {
            yield_after(index);
            let row = match rows.get_mut(key.session.as_str()) {
                Some(row) => row,
                None => {
                    let found = find(tx, *project_no, &key.session)?.map(|(row, _)| row);
                    rows.entry(key.session.as_str().into()).or_insert(found)
                }
            };
            let rank = session.evidence.rank(half_life).unwrap_or(NO_RANK);
            let row = match row {
                Some(row) => statements.update(row, session, rank)?,
                None => row.insert(statements.insert(*project_no, &key.session, session, rank)?),
            };
            statements.index_patterns(*project_no, row, session)?;
        }
    }
    Ok(())
}

struct Statements<'c> {
    /// Leaves `sessions_by_risk` alone.
    update: CachedStatement<'c>,
    update_rank: CachedStatement<'c>,
    insert: CachedStatement<'c>,
    pattern: CachedStatement<'c>,
}

impl<'c> Statements<'c> {
    fn prepare(tx: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            update: tx.prepare_cached(
                "UPDATE sessions SET first_activity_at_ms = ?2, last_activity_at_ms = ?3, event_count = ?4,
                     evidence = ?5, evidence_at_ms = ?6, peak_risk = ?7, counts = ?8, patterns = ?9, firm = ?10,
                     firm_at_ms = ?11, verdict = ?12
                 WHERE no = ?1",
            )?,
            update_rank: tx.prepare_cached(
                "UPDATE sessions SET first_activity_at_ms = ?2, last_activity_at_ms = ?3, event_count = ?4,
                     evidence = ?5, evidence_at_ms = ?6, peak_risk = ?7, counts = ?8, patterns = ?9, firm = ?10,
                     firm_at_ms = ?11, verdict = ?12, risk_rank = ?13
                 WHERE no = ?1",
            )?,
            insert: tx.prepare_cached(
                "INSERT INTO sessions(created_at_ms, first_activity_at_ms, last_activity_at_ms, event_count,
                     evidence, evidence_at_ms, peak_risk, counts, patterns, firm, firm_at_ms, verdict, risk_rank, project_no, id)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
            )?,
            pattern: tx.prepare_cached("INSERT OR IGNORE INTO session_patterns VALUES (?1, ?2, ?3)")?,
        })
    }

    fn update<'r>(
        &mut self,
        row: &'r mut Row,
        session: &Session,
        rank: f64,
    ) -> rusqlite::Result<&'r mut Row> {
        let Session { first_activity_at: first, last_activity_at: last, evidence, firm, .. } = session;
        let (events, peak) = (session.event_count as i64, session.peak_risk.get());
        let counts = blob::counts(&session.event_count_by_type);
        let patterns = blob::patterns(&session.patterns);
        let verdict = verdict(session)?;
        if row.rank == rank {
            self.update.execute(params![
                row.no,
                first.0,
                last.0,
                events,
                evidence.amount,
                evidence.at.0,
                peak,
                counts,
                patterns,
                firm.amount,
                firm.at.0,
                verdict
            ])?;
        } else {
            self.update_rank.execute(params![
                row.no,
                first.0,
                last.0,
                events,
                evidence.amount,
                evidence.at.0,
                peak,
                counts,
                patterns,
                firm.amount,
                firm.at.0,
                verdict,
                rank
            ])?;
            row.rank = rank;
        }
        Ok(row)
    }

    fn insert(&mut self, project_no: i64, id: &str, session: &Session, rank: f64) -> rusqlite::Result<Row> {
        let no = self.insert.insert(params![
            session.created_at.0,
            session.first_activity_at.0,
            session.last_activity_at.0,
            session.event_count as i64,
            session.evidence.amount,
            session.evidence.at.0,
            session.peak_risk.get(),
            blob::counts(&session.event_count_by_type),
            blob::patterns(&session.patterns),
            session.firm.amount,
            session.firm.at.0,
            verdict(session)?,
            rank,
            project_no,
            id,
        ])?;
        Ok(Row { no, rank, patterns: 0 })
    }

    fn index_patterns(&mut self, project_no: i64, row: &mut Row, session: &Session) -> rusqlite::Result<()> {
        if row.patterns != session.patterns.len() {
            for pattern in &session.patterns {
                self.pattern.execute(params![project_no, pattern, row.no])?;
            }
            row.patterns = session.patterns.len();
        }
        Ok(())
    }
}

fn verdict(session: &Session) -> rusqlite::Result<Option<String>> {
    session.verdict.as_ref().map(text::of).transpose()
}

/// The stored state of `key`. Its row, or that it has none, is known from then on.
pub(super) fn load(
    views: &Connection,
    known: &mut Known,
    key: &SessionKey,
) -> rusqlite::Result<Option<Session>> {
    let Some(project_no) = project_no(views, &key.project)? else { return Ok(None) };
    let (row, session) = find(views, project_no, &key.session)?.unzip();
    let project = known.projects.entry(key.project.as_str().into()).or_default();
    project.no = project_no;
    project.sessions.insert(key.session.as_str().into(), row);
    Ok(session)
}

/// The stored state of `key`, for a reader.
pub(super) fn get(views: &Connection, key: &SessionKey) -> rusqlite::Result<Option<Session>> {
    let Some(project_no) = project_no(views, &key.project)? else { return Ok(None) };
    Ok(find(views, project_no, &key.session)?.map(|(_, session)| session))
}

fn find(views: &Connection, project_no: i64, id: &str) -> rusqlite::Result<Option<(Row, Session)>> {
    let sql =
        format!("SELECT {COLUMNS}, s.no, s.risk_rank FROM sessions s WHERE s.project_no = ?1 AND s.id = ?2");
    let mut select = views.prepare_cached(&sql)?;
    let found = select.query_row(params![project_no, id], |row| {
        let session = read(row)?;
        Ok((Row { no: row.get(12)?, rank: row.get(13)?, patterns: session.patterns.len() }, session))
    });
    found.optional()
}

/// Reads [`COLUMNS`].
pub(super) fn read(row: &Found<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        created_at: UnixMs(row.get(0)?),
        first_activity_at: UnixMs(row.get(1)?),
        last_activity_at: UnixMs(row.get(2)?),
        event_count: row.get::<_, i64>(3)? as u64,
        evidence: Evidence { amount: row.get(4)?, at: UnixMs(row.get(5)?) },
        peak_risk: RiskScore::saturating(row.get(6)?),
        event_count_by_type: blob::read(row, 7, blob::take_count)?,
        patterns: blob::read(row, 8, blob::take_text)?,
        firm: Evidence { amount: row.get(9)?, at: UnixMs(row.get(10)?) },
        verdict: row.get_ref(11)?.as_str_or_null()?.map(|json| text::read(11, json)).transpose()?,
    })
}
