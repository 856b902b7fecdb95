//! Lists of events: from the postings of the log, or from the assessments when only risky ones are wanted.

use tidegate_domain::analysis;
use tidegate_domain::assessment::{Category, RiskScore};
use tidegate_domain::dedup::stream_hash;
use tidegate_domain::filter::{EventCursor, EventFilter, Order};
use tidegate_domain::id::Position;
use tidegate_domain::ports::Stored;
use tidegate_domain::record;

use super::{EventPage, FoundEvent, Query, QueryError};

/// Records looked at in the first step, before anything is known of their size, and in any later one.
const STEP_FIRST: usize = 64;
const STEP_MAX: usize = 1000;

/// Records that may match, where to go on, and how many were looked at to find them.
struct Candidates {
    records: Vec<Stored>,
    next: Option<Position>,
    looked_at: usize,
}

impl Candidates {
    /// How many records to look at next: about `bytes_max` of them, if they are like these.
    fn next_step(&self, bytes_max: usize) -> usize {
        let bytes: usize = self.records.iter().map(|record| record.bytes.len()).sum();
        let mean = bytes / self.records.len().max(1);
        (bytes_max / mean.max(1)).clamp(1, STEP_MAX)
    }
}

/// True if the record is one of `project`'s.
pub(super) fn belongs(stored: &Stored, project: &str) -> bool {
    record::decode(&stored.bytes).is_ok_and(|event| event.project_id == project)
}

/// True if the record is a chain of thought.
pub(super) fn is_cot(stored: &Stored) -> bool {
    record::decode(&stored.bytes).is_ok_and(|event| analysis::is_cot(&event.event_type))
}

fn admits(filter: &EventFilter, project: &str, stored: &Stored) -> bool {
    record::decode(&stored.bytes).is_ok_and(|event| {
        event.project_id == project && filter.admits_event(&event, stored.receipt.recorded_at)
    })
}

fn admits_found(filter: &EventFilter, found: &FoundEvent) -> bool {
    match &found.assessed {
        Some(assessed) => {
            filter.admits_assessment(assessed.assessment.category, assessed.assessment.risk_score)
        }
        None if found.is_screened => filter.admits_assessment(Category::LowRisk, RiskScore::ZERO),
        // Not screened yet: it is listed only when nothing is asked of its risk.
        None => filter.category.is_none() && filter.min_risk.is_none_or(|min| min == RiskScore::ZERO),
    }
}

impl Query {
    /// A page of a project's events that `filter` admits, at positions below `until`.
    ///
    /// - `cursor`: where to start and which way; `limit`: 1..=1000 events.
    /// - The page is short, but has a cursor, when the [`Limits`](super::Limits) on work or bytes are reached.
    /// - Errors: [`QueryError`], may be retried.
    pub async fn events(
        &self,
        project: &str,
        filter: &EventFilter,
        cursor: EventCursor,
        until: Position,
        limit: usize,
    ) -> Result<EventPage, QueryError> {
        let mut page = EventPage::default();
        // Views know of events that retention has deleted: a list begins and ends where the log begins.
        let first = self.first();
        let is_kept = |position: &Position| cursor.order == Order::Asc || *position >= first;
        let start = if cursor.order == Order::Asc { cursor.position.max(first) } else { cursor.position };
        let mut next = Some(start).filter(is_kept);
        let (mut looked_at, mut bytes, mut step, mut is_full) = (0, 0, STEP_FIRST, false);
        while let Some(from) = next
            && page.events.len() < limit
            && looked_at < self.limits.scan_max_records
            && !is_full
        {
            let allowed = step.min(self.limits.scan_max_records - looked_at);
            let found = self.candidates(project, filter, from, cursor.order, allowed).await?;
            looked_at += found.looked_at;
            step = found.next_step(self.limits.page_max_bytes);
            next = found.next.filter(|next| cursor.order == Order::Desc || *next < until).filter(is_kept);
            let kept = found
                .records
                .into_iter()
                .filter(|r| r.receipt.position < until && admits(filter, project, r))
                .collect();
            let found = self.with_findings(project, kept).await?;
            for event in found.into_iter().filter(|found| admits_found(filter, found)) {
                bytes += event.stored.bytes.len();
                // An event larger than a page gets one to itself.
                is_full = page.events.len() == limit
                    || (bytes > self.limits.page_max_bytes && !page.events.is_empty());
                if is_full {
                    next = Some(event.stored.receipt.position);
                    break;
                }
                page.events.push(event);
            }
        }
        page.next = next.map(|position| EventCursor { order: cursor.order, position });
        Ok(page)
    }

    /// Records that may match, from `from` on, and where to go on.
    async fn candidates(
        &self,
        project: &str,
        filter: &EventFilter,
        from: Position,
        order: Order,
        step: usize,
    ) -> Result<Candidates, QueryError> {
        if filter.wants_risk() && filter.session.is_none() {
            let min_risk = filter.min_risk.unwrap_or(RiskScore::ZERO);
            let page = self.views.risky(project, filter.category, min_risk, from, order, step).await?;
            // A page that is not full and yet not the last has cost Views all the rows one call may look at.
            let is_cut = page.next.is_some() && page.positions.len() < step;
            let looked_at = if is_cut { self.limits.scan_max_records } else { page.positions.len().max(1) };
            let records = self.log.get(&page.positions).await?;
            return Ok(Candidates { records, next: page.next, looked_at });
        }
        let stream = stream_hash(project, filter.session.as_deref());
        let page = self.log.find(stream, from, order, step).await?;
        Ok(Candidates { looked_at: page.records.len().max(1), records: page.records, next: page.next })
    }
}
