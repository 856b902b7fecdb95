//! Sessions as rows: written by number, so that an index is touched only where its value changed.

use rusqlite::{CachedStatement, Connection, OptionalExtension, Row as Found, params};
use tidegate_domain::assessment::RiskScore;
use tidegate_domain::risk::{Evidence, HalfLife};
use tidegate_domain::session::{Session, SessionKey};
use tidegate_domain::time::UnixMs;

use super::blob;
use super::known::{Known, Row};
use super::writer::{project, project_no};

/// The rank of a session without evidence: below every rank there is, and finite, so that a cursor can hold it.
pub(super) const NO_RANK: f64 = -1e308;

/// The columns that [`read`] expects, in its order.
pub(super) const COLUMNS: &str = "s.created_at_ms, s.first_activity_at_ms, s.last_activity_at_ms, s.event_count, \
     s.evidence, s.evidence_at_ms, s.peak_risk, s.counts, s.patterns";

/// Stores `sessions`, new ones under the next numbers in their order.
///
/// `created_at` of a session never changes (`Session::apply`). Cost: one update by number for a known session, one
/// search by id more for another.
pub(super) fn write(
    tx: &Connection,
    known: &mut Known,
    sessions: &[(SessionKey, Session)],
    half_life: HalfLife,
) -> rusqlite::Result<()> {
    let mut statements = Statements::prepare(tx)?;
    for (key, session) in sessions {
        let rank = session.evidence.rank(half_life).unwrap_or(NO_RANK);
        let project = project(tx, known, &key.project)?;
        let stored_patterns = match project.sessions.get_mut(key.session.as_str()) {
            Some(row) => {
                statements.update(row, session, rank)?;
                std::mem::replace(&mut row.patterns, session.patterns.len())
            }
            None => {
                let no = statements.insert(project.no, &key.session, session, rank)?;
                let row = Row { no, rank, patterns: session.patterns.len() };
                project.sessions.insert(key.session.as_str().into(), row);
                0
            }
        };
        if stored_patterns != session.patterns.len() {
            let no = project.sessions[key.session.as_str()].no;
            statements.index_patterns(project.no, no, session)?;
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
                     evidence = ?5, evidence_at_ms = ?6, peak_risk = ?7, counts = ?8, patterns = ?9
                 WHERE no = ?1",
            )?,
            update_rank: tx.prepare_cached(
                "UPDATE sessions SET first_activity_at_ms = ?2, last_activity_at_ms = ?3, event_count = ?4,
                     evidence = ?5, evidence_at_ms = ?6, peak_risk = ?7, counts = ?8, patterns = ?9, risk_rank = ?10
                 WHERE no = ?1",
            )?,
            insert: tx.prepare_cached(
                "INSERT INTO sessions(created_at_ms, first_activity_at_ms, last_activity_at_ms, event_count,
                     evidence, evidence_at_ms, peak_risk, counts, patterns, risk_rank, project_no, id)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
                 ON CONFLICT (project_no, id) DO UPDATE SET first_activity_at_ms = ?2, last_activity_at_ms = ?3,
                     event_count = ?4, evidence = ?5, evidence_at_ms = ?6, peak_risk = ?7, counts = ?8,
                     patterns = ?9, risk_rank = ?10
                 RETURNING no",
            )?,
            pattern: tx.prepare_cached("INSERT OR IGNORE INTO session_patterns VALUES (?1, ?2, ?3)")?,
        })
    }

    fn update(&mut self, row: &mut Row, session: &Session, rank: f64) -> rusqlite::Result<()> {
        let Session { first_activity_at: first, last_activity_at: last, evidence, .. } = session;
        let (events, peak) = (session.event_count as i64, session.peak_risk.get());
        let counts = blob::counts(&session.event_count_by_type);
        let patterns = blob::patterns(&session.patterns);
        if row.rank == rank {
            self.update.execute(params![
                row.no, first.0, last.0, events, evidence.amount, evidence.at.0, peak, counts, patterns
            ])?;
        } else {
            self.update_rank.execute(params![
                row.no, first.0, last.0, events, evidence.amount, evidence.at.0, peak, counts, patterns, rank
            ])?;
            row.rank = rank;
        }
        Ok(())
    }

    fn insert(&mut self, project_no: i64, id: &str, session: &Session, rank: f64) -> rusqlite::Result<i64> {
        self.insert.query_row(
            params![
                session.created_at.0,
                session.first_activity_at.0,
                session.last_activity_at.0,
                session.event_count as i64,
                session.evidence.amount,
                session.evidence.at.0,
                session.peak_risk.get(),
                blob::counts(&session.event_count_by_type),
                blob::patterns(&session.patterns),
                rank,
                project_no,
                id,
            ],
            |row| row.get(0),
        )
    }

    fn index_patterns(&mut self, project_no: i64, no: i64, session: &Session) -> rusqlite::Result<()> {
        for pattern in &session.patterns {
            self.pattern.execute(params![project_no, pattern, no])?;
        }
        Ok(())
    }
}

/// The stored state of `key`, whose row is known from then on.
pub(super) fn load(
    views: &Connection,
    known: &mut Known,
    key: &SessionKey,
) -> rusqlite::Result<Option<Session>> {
    let Some(no) = project_no(views, &key.project)? else { return Ok(None) };
    let sql = format!("SELECT {COLUMNS}, s.no, s.risk_rank FROM sessions s WHERE s.project_no = ?1 AND s.id = ?2");
    let found = views
        .prepare_cached(&sql)?
        .query_row(params![no, key.session], |row| {
            let session = read(row)?;
            let row = Row { no: row.get(9)?, rank: row.get(10)?, patterns: session.patterns.len() };
            Ok((session, row))
        })
        .optional()?;
    Ok(found.map(|(session, row)| {
        let project = known.projects.entry(key.project.as_str().into()).or_default();
        project.no = no;
        project.sessions.insert(key.session.as_str().into(), row);
        session
    }))
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
    })
}
