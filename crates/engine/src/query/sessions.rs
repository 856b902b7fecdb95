//! One session in full: its state, every contribution to its risk, and what analyses did to it.

use tidegate_domain::assessment::{Category, RiskScore};
use tidegate_domain::dedup::stream_hash;
use tidegate_domain::event::Event;
use tidegate_domain::filter::Order;
use tidegate_domain::id::{EventId, Position};
use tidegate_domain::ports::{SessionRow, Snapshot};
use tidegate_domain::record;
use tidegate_domain::session::SessionKey;
use tidegate_domain::time::UnixMs;

use super::{Query, QueryError};

/// The session's newest events that are looked at for contributions.
const EVENTS_MAX: usize = 1000;
/// The session's newest snapshots that are shown.
const SNAPSHOTS_MAX: usize = 100;

/// What one risky event did to its session.
#[derive(Clone, Debug, PartialEq)]
pub struct RiskyEvent {
    /// The event.
    pub event_id: EventId,
    /// Its position.
    pub position: Position,
    /// When it was recorded.
    pub recorded_at: UnixMs,
    /// The session's risk right after it.
    pub session_risk: RiskScore,
    /// The event's own risk.
    pub event_risk: RiskScore,
    /// The event's category.
    pub category: Category,
    /// Codes of the event's flags.
    pub patterns: Vec<String>,
    /// The share of the session's present evidence that is this event's, 0..1.
    pub share: f64,
}

/// A session with its history.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionDetail {
    /// Its state.
    pub row: SessionRow,
    /// Contributions to its risk, oldest first: those among its newest 1000 events.
    pub contributions: Vec<RiskyEvent>,
    /// True if older events were not looked at.
    pub contributions_cut: bool,
    /// Its risk after each of its newest 100 analyses, oldest first.
    pub snapshots: Vec<Snapshot>,
    /// True if there are older ones.
    pub snapshots_cut: bool,
}

impl Query {
    /// A session of a project at `now`; `None` if the project has none of this id.
    pub async fn session(
        &self,
        project: &str,
        id: &str,
        now: UnixMs,
    ) -> Result<Option<SessionDetail>, QueryError> {
        let key = SessionKey { project: project.to_owned(), session: id.to_owned() };
        let Some(session) = self.views.session(&key).await? else { return Ok(None) };
        let row = SessionRow { id: id.to_owned(), session };
        let stream = stream_hash(project, Some(id));
        let page = self.log.find(stream, Position::MAX, Order::Desc, EVENTS_MAX).await?;
        let of_session =
            |event: &Event<'_>| event.project_id == project && event.session_id.as_deref() == Some(id);
        let records =
            page.records.into_iter().filter(|r| record::decode(&r.bytes).is_ok_and(|e| of_session(&e)));
        let found = self.with_findings(project, records.collect()).await?;
        let half_life = self.half_life();
        let total = row.session.evidence.amount_at(now, half_life);
        let mut contributions: Vec<_> = found
            .into_iter()
            .filter_map(|found| {
                let (receipt, assessed) = (found.stored.receipt, found.assessed?);
                let contribution = assessed.contribution?;
                let left = tidegate_domain::risk::Evidence {
                    amount: contribution.evidence,
                    at: receipt.recorded_at,
                };
                let share = if total > 0.0 { (left.amount_at(now, half_life) / total).min(1.0) } else { 0.0 };
                Some(RiskyEvent {
                    event_id: receipt.id,
                    position: receipt.position,
                    recorded_at: receipt.recorded_at,
                    session_risk: contribution.session_risk,
                    event_risk: assessed.assessment.risk_score,
                    category: assessed.assessment.category,
                    patterns: assessed
                        .assessment
                        .flags
                        .iter()
                        .map(|flag| flag.code.clone().into_owned())
                        .collect(),
                    share,
                })
            })
            .collect();
        contributions.reverse();
        let mut snapshots = self.views.snapshots(&key, SNAPSHOTS_MAX + 1).await?;
        let snapshots_cut = snapshots.len() > SNAPSHOTS_MAX;
        snapshots.drain(..snapshots.len().saturating_sub(SNAPSHOTS_MAX));
        let contributions_cut = page.next.is_some();
        Ok(Some(SessionDetail { row, contributions, contributions_cut, snapshots, snapshots_cut }))
    }
}
