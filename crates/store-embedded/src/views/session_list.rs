//! One page of a project's sessions, in work bounded by the page and not by the project.
//!
//! Three indexes can lead to a page: the one it is sorted by, the one of ranks, and the one of patterns. A filter
//! that few sessions meet leads by its own index, and its sessions are sorted; otherwise the sorted index leads, and
//! soon meets enough sessions. How many meet a filter is counted in its index anyway, for `total`.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use tidegate_domain::filter::{Order, SessionCursor, SessionQuery, SessionSort};
use tidegate_domain::ports::{SessionPage, SessionRow};
use tidegate_domain::risk::HalfLife;

use super::session_rows::{COLUMNS, read};
use super::risk_range::ranks;
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
    let ranks = ranks(query.min_risk, query.max_risk, query.now, half_life);
    let list = List { views, project_no, query, ranks };
    let (total, lead) = list.total()?;
    let mut rows = list.rows(lead)?;
    let more = rows.len() > query.limit;
    rows.truncate(query.limit);
    let next = rows.last().filter(|_| more).map(|(_, cursor)| *cursor);
    Ok(SessionPage { sessions: rows.into_iter().map(|(row, _)| row).collect(), total, next })
}

/// The index that leads to the rows.
#[derive(Clone, Copy, PartialEq)]
enum Lead {
    Sort,
    Rank,
    Patterns,
}

struct List<'q> {
    views: &'q Connection,
    project_no: i64,
    query: &'q SessionQuery,
    ranks: (f64, f64),
}

impl List<'_> {
    /// How many sessions match, up to [`SessionPage::TOTAL_MAX`], and the index that leads to a page of them.
    fn total(&self) -> rusqlite::Result<(u64, Lead)> {
        let by_rank = self.count(&self.ranked())?;
        if self.query.patterns.is_empty() {
            return Ok((by_rank, if by_rank <= SORTED_MAX { Lead::Rank } else { Lead::Sort }));
        }
        let by_pattern = self.count(&self.marked())?;
        let (fewest, lead) = if by_pattern < by_rank { (by_pattern, Lead::Patterns) } else { (by_rank, Lead::Rank) };
        let total = self.count(Sql::new("SELECT 1").and(&self.matching(lead)))?;
        Ok((total, if fewest <= SORTED_MAX { lead } else { Lead::Sort }))
    }
}
