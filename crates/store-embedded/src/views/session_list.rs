//! One page of a project's sessions, in work bounded by the page and not by the project.
//!
//! Three indexes can lead to a page: the one of its sort, the one of ranks, and the one of patterns. A filter that
//! few sessions meet leads by its own index, and those few are sorted. Otherwise the index of the sort leads, and
//! soon meets enough sessions. How many meet a filter is counted in its index anyway, for `total`.
//!
//! A page after a cursor is two queries, the rest of the cursor's ties and what lies beyond: SQLite uses no index
//! for `(value, rowid) > (?, ?)`, and sessions without evidence all tie.

use rusqlite::Connection;
use rusqlite::types::Value;
use tidegate_domain::filter::{Order, SessionCursor, SessionQuery, SessionSort};
use tidegate_domain::ports::{SessionPage, SessionRow};
use tidegate_domain::risk::HalfLife;
use tidegate_domain::risk_range::{NO_RANK, ranks};

use super::session_rows::{COLUMNS, read};
use super::sql::Sql;
use super::writer::project_no;

/// A filter met by at most this many sessions leads by its own index.
const SORTED_MAX: u64 = 20_000;

/// A page of `project`'s sessions, and how many meet its filter. A cursor of another sort is not looked at.
pub(super) fn page(
    views: &Connection,
    project: &str,
    query: &SessionQuery,
    half_life: HalfLife,
) -> rusqlite::Result<SessionPage> {
    let Some(project_no) = project_no(views, project)? else { return Ok(SessionPage::default()) };
    let mut ranks = ranks(query.min_risk, query.max_risk, query.now, half_life);
    if !query.patterns.is_empty() {
        // Patterns come with evidence (`domain::session`, SE2): pass over the many sessions that have neither.
        ranks.0 = ranks.0.max(NO_RANK.next_up());
    }
    let list = List { views, project_no, query, ranks };
    let (total, lead) = list.total()?;
    let mut rows = list.rows(lead)?;
    let more = rows.len() > query.limit;
    rows.truncate(query.limit);
    let next = rows.last().filter(|_| more).map(|(_, cursor)| *cursor);
    Ok(SessionPage { sessions: rows.into_iter().map(|(row, _)| row).collect(), total, next })
}

/// The index that leads to the rows.
#[derive(Clone, Copy)]
enum Lead {
    Sort,
    Rank,
    Patterns,
}

struct List<'q> {
    views: &'q Connection,
    project_no: i64,
    query: &'q SessionQuery,
    /// Lowest and highest rank of the filter.
    ranks: (f64, f64),
}

impl List<'_> {
    /// How many sessions match, and the index that leads to them best.
    fn total(&self) -> rusqlite::Result<(u64, Lead)> {
        let count = |sql: Sql| sql.count(self.views, SessionPage::TOTAL_MAX);
        let ranked = count(self.base("SELECT 1", Lead::Rank).then(self.rank_filter()))?;
        if self.query.patterns.is_empty() {
            return Ok((ranked, if ranked <= SORTED_MAX { Lead::Rank } else { Lead::Sort }));
        }
        let marked = count(Sql::new("SELECT DISTINCT session_no", []).then(self.marked()))?;
        let narrow = if marked < ranked { Lead::Patterns } else { Lead::Rank };
        let total = match (self.query.min_risk, self.query.max_risk) {
            (None, None) => marked,
            _ => count(self.filtered("SELECT 1", narrow).then(self.rank_filter()))?,
        };
        Ok((total, if marked.min(ranked) <= SORTED_MAX { narrow } else { Lead::Sort }))
    }

    /// The page and one row more, each with its cursor.
    fn rows(&self, lead: Lead) -> rusqlite::Result<Vec<(SessionRow, SessionCursor)>> {
        let SessionQuery { sort, order, limit, .. } = *self.query;
        let (mut low, mut high) = match sort {
            SessionSort::RiskScore => self.ranks,
            _ => (f64::NEG_INFINITY, f64::INFINITY),
        };
        let mut rows = Vec::new();
        if let Some(cursor) = self.query.after.filter(|cursor| cursor.sort == sort) {
            if (low..=high).contains(&cursor.value) {
                let beyond = if order == Order::Asc { '>' } else { '<' };
                let ties = format!(" AND {} = ? AND s.no {beyond} ?", column(sort));
                let ties = Sql::new(&ties, [cursor.value.into(), cursor.row.into()]);
                rows = self.fetch(lead, ties, limit + 1)?;
            }
            match order {
                Order::Asc => low = low.max(cursor.value.next_up()),
                Order::Desc => high = high.min(cursor.value.next_down()),
            }
        }
        let range = format!(" AND {} BETWEEN ? AND ?", column(sort));
        let range = Sql::new(&range, [low.into(), high.into()]);
        rows.append(&mut self.fetch(lead, range, limit + 1 - rows.len())?);
        Ok(rows)
    }

    fn fetch(
        &self,
        lead: Lead,
        range: Sql,
        limit: usize,
    ) -> rusqlite::Result<Vec<(SessionRow, SessionCursor)>> {
        let sort = self.query.sort;
        self.select(lead, range, limit).rows(self.views, |row| {
            let session = SessionRow { session: read(row)?, id: row.get(12)? };
            Ok((session, SessionCursor { sort, value: row.get(14)?, row: row.get(13)? }))
        })
    }

    fn select(&self, lead: Lead, range: Sql, limit: usize) -> Sql {
        let column = column(self.query.sort);
        let direction = if self.query.order == Order::Asc { "ASC" } else { "DESC" };
        let mut sql = self.filtered(&format!("SELECT {COLUMNS}, s.id, s.no, {column}"), lead).then(range);
        if self.query.sort != SessionSort::RiskScore {
            sql = sql.then(self.rank_filter());
        }
        let end = format!(" ORDER BY {column} {direction}, s.no {direction} LIMIT ?");
        sql.and(&end, [(limit as i64).into()])
    }

    /// The project's sessions with any of the patterns, if any are asked for.
    fn filtered(&self, select: &str, lead: Lead) -> Sql {
        let sql = self.base(select, lead);
        match lead {
            Lead::Sort | Lead::Rank if !self.query.patterns.is_empty() => {
                sql.and(" AND EXISTS (SELECT 1", []).then(self.marked()).and(" AND session_no = s.no)", [])
            }
            _ => sql,
        }
    }

    /// The project's sessions by the index of `lead`; by that of patterns, those that have one of them.
    fn base(&self, select: &str, lead: Lead) -> Sql {
        let index = match lead {
            Lead::Sort => index(self.query.sort),
            Lead::Rank => index(SessionSort::RiskScore),
            Lead::Patterns => {
                let from = format!("{select} FROM sessions s NOT INDEXED WHERE s.no IN (SELECT session_no");
                return Sql::new(&from, []).then(self.marked()).and(")", []);
            }
        };
        let from = format!("{select} FROM sessions s INDEXED BY {index} WHERE s.project_no = ?");
        Sql::new(&from, [self.project_no.into()])
    }

    fn rank_filter(&self) -> Sql {
        let (low, high) = self.ranks;
        Sql::new(" AND s.risk_rank BETWEEN ? AND ?", [low.into(), high.into()])
    }

    /// The rows of `session_patterns` for the patterns asked for.
    fn marked(&self) -> Sql {
        let sql = Sql::new(" FROM session_patterns WHERE project_no = ?", [self.project_no.into()]);
        let mut patterns = self.query.patterns.iter().map(|pattern| Value::Text(pattern.clone()));
        let first = sql.and(" AND pattern IN (?", [patterns.next().unwrap_or(Value::Null)]);
        patterns.fold(first, |sql, pattern| sql.and(", ?", [pattern])).and(")", [])
    }
}

fn column(sort: SessionSort) -> &'static str {
    match sort {
        SessionSort::RiskScore => "s.risk_rank",
        SessionSort::LastActivityAt => "s.last_activity_at_ms",
        SessionSort::CreatedAt => "s.created_at_ms",
    }
}

fn index(sort: SessionSort) -> &'static str {
    match sort {
        SessionSort::RiskScore => "sessions_by_risk",
        SessionSort::LastActivityAt => "sessions_by_activity",
        SessionSort::CreatedAt => "sessions_by_creation",
    }
}

#[cfg(test)]
mod tests {
    use tidegate_domain::assessment::RiskScore;
    use tidegate_domain::id::Position;
    use tidegate_domain::ports::ViewsBatch;
    use tidegate_domain::risk::Evidence;
    use tidegate_domain::session::{Session, SessionKey};
    use tidegate_domain::time::UnixMs;

    use super::super::schema::{self, Rules};
    use super::super::writer::Writer;
    use super::*;

    const H: HalfLife = HalfLife { ms: 1000 };
    const NOW: UnixMs = UnixMs(1_763_640_000_000);

    /// Sessions that tie in every sort, some with evidence, some with a pattern.
    fn session(n: i64) -> (SessionKey, Session) {
        let amount = if n % 3 == 0 { 0.0 } else { n as f64 / 50.0 };
        let session = Session {
            created_at: NOW.plus_ms(-n / 4),
            last_activity_at: NOW.plus_ms(n * 7 % 10),
            evidence: Evidence { amount, at: NOW },
            patterns: ["even", "fourth"]
                .into_iter()
                .zip([2, 4])
                .filter(|(_, d)| n % d == 0 && amount > 0.0)
                .map(|(p, _)| p.into())
                .collect(),
            ..Session::default()
        };
        (SessionKey { project: format!("p{}", n % 2), session: format!("s{n}") }, session)
    }

    fn views(dir: &std::path::Path) -> Connection {
        let rules = Rules { half_life_ms: H.ms, fold_version: String::new() };
        let path = dir.join("views.sqlite");
        let mut writer = Writer::new(schema::open(&path, &rules, u64::MAX).unwrap().0, H);
        let sessions = (0..90).map(session).collect();
        writer.commit(&ViewsBatch { sessions, checkpoint: Position(90), ..ViewsBatch::default() }).unwrap();
        crate::sqlite::open_private(&path).unwrap()
    }

    fn queries() -> Vec<SessionQuery> {
        let mut queries = Vec::new();
        for sort in [SessionSort::RiskScore, SessionSort::LastActivityAt, SessionSort::CreatedAt] {
            for order in [Order::Asc, Order::Desc] {
                for min_risk in [None, Some(RiskScore::saturating(0.5))] {
                    for patterns in [vec!["even".to_owned()], vec!["fourth".to_owned(), "even".to_owned()]] {
                        let (max_risk, after, limit) = (None, None, 4);
                        queries.push(SessionQuery {
                            min_risk,
                            max_risk,
                            patterns,
                            sort,
                            order,
                            after,
                            limit,
                            now: NOW,
                        });
                    }
                }
            }
        }
        queries
    }

    #[test]
    fn every_index_leads_to_the_same_pages() {
        let dir = tempfile::tempdir().unwrap();
        let views = views(dir.path());
        for mut query in queries() {
            let ranks = ranks(query.min_risk, query.max_risk, query.now, H);
            for page in 0.. {
                assert!(page < 30, "the pages never end");
                let list = List { views: &views, project_no: 1, query: &query, ranks };
                let by_sort = list.rows(Lead::Sort).unwrap();
                assert_eq!(by_sort, list.rows(Lead::Rank).unwrap(), "{query:?}");
                assert_eq!(by_sort, list.rows(Lead::Patterns).unwrap(), "{query:?}");
                if by_sort.len() <= query.limit {
                    assert!(page > 2, "{page} pages are few");
                    break;
                }
                query.after = Some(by_sort[query.limit - 1].1);
            }
        }
    }

    #[test]
    fn an_index_leads_to_the_rows_and_to_the_ties_of_a_cursor() {
        let dir = tempfile::tempdir().unwrap();
        let views = views(dir.path());
        for query in queries() {
            let list = List { views: &views, project_no: 1, query: &query, ranks: (0.0, 1.0) };
            let column = column(query.sort);
            let range = Sql::new(&format!(" AND {column} BETWEEN ? AND ?"), [0.into(), 1.into()]);
            let ties = Sql::new(&format!(" AND {column} = ? AND s.no > ?"), [0.into(), 1.into()]);
            for (piece, bounds) in [(range, ">? AND "), (ties, "=? AND rowid>?")] {
                let plan = Sql::new("EXPLAIN QUERY PLAN ", []).then(list.select(Lead::Sort, piece, 5));
                let plan = plan.rows(&views, |row| row.get::<_, String>(3)).unwrap();
                assert!(plan[0].contains(index(query.sort)) && plan[0].contains(bounds), "{plan:?}");
                assert!(plan.iter().all(|step| !step.contains("SCAN") && !step.contains("TEMP")), "{plan:?}");
            }
        }
    }
}
