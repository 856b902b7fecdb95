//! One page of a project's sessions.
//!
//! The sort's index leads to the page, or the one of a filter that few sessions meet: the database decides. Each index
//! ends with `no`, so that a cursor is one comparison of rows.

use tidegate_domain::filter::{Order, SessionCursor, SessionQuery, SessionSort};
use tidegate_domain::ports::{SessionPage, SessionRow};
use tidegate_domain::risk::HalfLife;
use tidegate_domain::risk_range::{NO_RANK, ranks};
use tidegate_domain::time::UnixMs;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::session_rows::{COLUMNS, read};
use crate::database::{Database, DatabaseError};
use crate::value::Moment;

/// Patterns come with evidence (`domain::session`, SE2), so a list by patterns passes over sessions that have neither.
const FILTER: &str = "s.project = $1 AND s.risk_rank BETWEEN $2 AND $3";
const PATTERNS: &str = "s.patterns ?| $4 AND s.patterns <> '[]'";
const NO_PATTERNS: &str = "$4::text[] = '{}'";

/// A page of `project`'s sessions, and how many meet its filter. A cursor of another sort is not looked at.
pub(super) async fn page(
    database: &Database,
    project: &str,
    query: &SessionQuery,
    half_life: HalfLife,
) -> Result<SessionPage, DatabaseError> {
    let (mut low, high) = ranks(query.min_risk, query.max_risk, query.now, half_life);
    if !query.patterns.is_empty() {
        low = low.max(NO_RANK.next_up());
    }
    let patterns = if query.patterns.is_empty() { NO_PATTERNS } else { PATTERNS };
    let filter = format!("{FILTER} AND {patterns}");
    let mut params: Vec<&(dyn ToSql + Sync)> = vec![&project, &low, &high, &query.patterns];
    let client = database.connection().await?;

    let most = SessionPage::TOTAL_MAX as i64;
    let count = format!("SELECT count(*) FROM (SELECT FROM sessions s WHERE {filter} LIMIT $5) counted");
    let count = client.prepare_cached(&count).await?;
    params.push(&most);
    let total = client.query_one(&count, &params).await?.get::<_, i64>(0) as u64;
    params.pop();

    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX).saturating_add(1);
    let after = query.after.filter(|cursor| cursor.sort == query.sort).map(After::new);
    params.push(&limit);
    if let Some(after) = &after {
        params.push(after.value.as_ref());
        params.push(&after.no);
    }
    let rows = client.prepare_cached(&select(query, &filter, after.is_some())).await?;
    let rows = client.query(&rows, &params).await?;
    let mut rows = rows.iter().map(|row| found(row, query.sort)).collect::<Result<Vec<_>, _>>()?;
    let has_more = rows.len() > query.limit;
    rows.truncate(query.limit);
    let next = rows.last().filter(|_| has_more).map(|(_, cursor)| *cursor);
    Ok(SessionPage { sessions: rows.into_iter().map(|(row, _)| row).collect(), total, next })
}

/// A cursor as parameters.
struct After {
    value: Box<dyn ToSql + Sync + Send>,
    no: i64,
}

impl After {
    fn new(cursor: SessionCursor) -> Self {
        let value: Box<dyn ToSql + Sync + Send> = match cursor.sort {
            SessionSort::RiskScore => Box::new(cursor.value),
            SessionSort::LastActivityAt | SessionSort::CreatedAt => {
                Box::new(Moment(UnixMs(cursor.value as i64)))
            }
        };
        Self { value, no: cursor.row }
    }
}

fn select(query: &SessionQuery, filter: &str, has_cursor: bool) -> String {
    let column = match query.sort {
        SessionSort::RiskScore => "s.risk_rank",
        SessionSort::LastActivityAt => "s.last_activity_at",
        SessionSort::CreatedAt => "s.created_at",
    };
    let (beyond, direction) = if query.order == Order::Asc { ('>', "ASC") } else { ('<', "DESC") };
    let after = if has_cursor { format!("AND ({column}, s.no) {beyond} ($6, $7)") } else { String::new() };
    format!(
        "SELECT {COLUMNS}, s.id, s.no, {column} FROM sessions s WHERE {filter} {after}
         ORDER BY {column} {direction}, s.no {direction} LIMIT $5"
    )
}

fn found(row: &Row, sort: SessionSort) -> Result<(SessionRow, SessionCursor), DatabaseError> {
    let value = match sort {
        SessionSort::RiskScore => row.get(14),
        SessionSort::LastActivityAt | SessionSort::CreatedAt => row.get::<_, Moment>(14).0.0 as f64,
    };
    let session = SessionRow { id: row.get(12), session: read(row)? };
    Ok((session, SessionCursor { sort, value, row: row.get(13) }))
}
