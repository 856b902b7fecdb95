//! Queries: events and sessions of one project, with what was derived from them.
//!
//! - **Q1 tenant**: a row of another project is as good as none.
//! - **Q2 pages**: a list neither skips nor repeats a row that stays; a page may be short while it has a cursor,
//!   because the work for one page is bounded.

mod events;
mod sessions;

use std::collections::HashMap;
use std::sync::Arc;

use tidegate_domain::filter::EventCursor;
use tidegate_domain::filter::SessionQuery;
use tidegate_domain::id::{EventId, Position};
use tidegate_domain::ports::{
    Assessed, CotAnalyzed, EventLog, LogError, Parked, SessionPage, Stored, Views, ViewsError,
};
use tidegate_domain::risk::HalfLife;
use tokio::sync::watch;

pub use sessions::{RiskyEvent, SessionDetail};

/// Why a query was not answered. May be retried.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Views could not be read.
    #[error(transparent)]
    Views(#[from] ViewsError),
}

/// One event with what is known of it.
#[derive(Clone, Debug)]
pub struct FoundEvent {
    /// The record; [`tidegate_domain::record::decode`] reads it.
    pub stored: Stored,
    /// What screening said; `None` if nothing, or not yet.
    pub assessed: Option<Assessed>,
    /// What was said of it, if it is a chain of thought; `None` if nothing, or not yet.
    pub cot_analysis: Option<CotAnalyzed>,
    /// True once the pipeline has folded the event.
    pub is_screened: bool,
}

/// A page of events.
#[derive(Clone, Debug, Default)]
pub struct EventPage {
    /// The events, in the order asked for.
    pub events: Vec<FoundEvent>,
    /// Where the next page starts; `None` at the end.
    pub next: Option<EventCursor>,
}

/// How much one page may cost (law 8). A page that reaches a limit is short, and has a cursor.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Records looked at.
    pub scan_max_records: usize,
    /// Bytes of the events on the page.
    pub page_max_bytes: usize,
}

/// Answers questions about events and sessions.
pub struct Query {
    log: Arc<dyn EventLog>,
    views: Arc<dyn Views>,
    checkpoint: watch::Receiver<Position>,
    half_life: HalfLife,
    limits: Limits,
}

impl Query {
    /// Queries over a log and its Views.
    pub fn new(
        log: Arc<dyn EventLog>,
        views: Arc<dyn Views>,
        checkpoint: watch::Receiver<Position>,
        half_life: HalfLife,
        limits: Limits,
    ) -> Self {
        Self { log, views, checkpoint, half_life, limits }
    }

    /// The first position not yet folded.
    pub fn checkpoint(&self) -> Position {
        *self.checkpoint.borrow()
    }

    /// The first position that the log keeps.
    pub fn first(&self) -> Position {
        self.log.first()
    }

    /// The checkpoint as it moves.
    pub fn watch_checkpoint(&self) -> watch::Receiver<Position> {
        self.checkpoint.clone()
    }

    /// How fast session risk fades.
    pub fn half_life(&self) -> HalfLife {
        self.half_life
    }

    /// One event of a project; `None` if the project has none of this id (Q1), or retention has deleted it.
    pub async fn event(&self, project: &str, id: EventId) -> Result<Option<FoundEvent>, QueryError> {
        let (_, position) = id.location();
        let found = self.log.get(&[position]).await?;
        let own =
            found.into_iter().find(|stored| stored.receipt.id == id && events::belongs(stored, project));
        let Some(stored) = own else { return Ok(None) };
        Ok(self.with_findings(project, vec![stored]).await?.pop())
    }

    /// A page of a project's sessions.
    pub async fn sessions(&self, project: &str, query: &SessionQuery) -> Result<SessionPage, QueryError> {
        Ok(self.views.sessions(project, query).await?)
    }

    /// A project's parked events, as far as the log keeps them.
    pub async fn parked(&self, project: &str, from: Position, max: usize) -> Result<Vec<Parked>, QueryError> {
        let from = from.max(self.first());
        Ok(self.views.parked(project, from, max).await?)
    }

    /// The records with what was derived from them. Cost: one read of Views, and one more if there are chains of thought
    /// among them.
    async fn with_findings(
        &self,
        project: &str,
        records: Vec<Stored>,
    ) -> Result<Vec<FoundEvent>, QueryError> {
        let checkpoint = self.checkpoint();
        let positions: Vec<_> = records.iter().map(|r| r.receipt.position).collect();
        let mut assessed = self.views.assessments(project, &positions).await?;
        let cots: Vec<_> = records.iter().filter(|r| events::is_cot(r)).map(|r| r.receipt.position).collect();
        let mut analyzed = match &cots[..] {
            [] => HashMap::new(),
            cots => self.views.cot_analyses(project, cots).await?,
        };
        let found = records.into_iter().map(|stored| FoundEvent {
            assessed: assessed.remove(&stored.receipt.position),
            cot_analysis: analyzed.remove(&stored.receipt.position),
            is_screened: stored.receipt.position < checkpoint,
            stored,
        });
        Ok(found.collect())
    }
}
