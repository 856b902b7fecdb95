//! Views: what the pipeline derives from the log. May be deleted and rebuilt.

use std::collections::HashMap;
use std::error::Error;

use async_trait::async_trait;

use crate::analysis::{Carrier, CotAnalyzedData, Pattern};
use crate::assessment::{Assessment, Category, RiskScore};
use crate::author::{AuthorKey, AuthorPast};
use crate::filter::{Order, SessionCursor, SessionQuery};
use crate::id::Position;
use crate::session::{Contribution, Session, SessionKey};
use crate::time::UnixMs;

/// The assessment of one event. Clear ones are not stored: no row below the checkpoint means a clear text.
#[derive(Clone, Debug, PartialEq)]
pub struct Assessed {
    /// The tenant.
    pub project: String,
    /// The event's place in the log.
    pub position: Position,
    /// What screening said.
    pub assessment: Assessment,
    /// What it did to the session's risk, if it has a session and a risk.
    pub contribution: Option<Contribution>,
}

/// An event that a step could not handle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// The tenant, if the record could be read that far.
    pub project: String,
    /// The event's place in the log.
    pub position: Position,
    /// The step that gave up: `decode`, `screen`, `project`.
    pub step: String,
    /// Why, without content.
    pub reason: String,
    /// When it was recorded.
    pub recorded_at: UnixMs,
}

/// What a session's risk was right after an analysis: a point of its history.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The session.
    pub key: SessionKey,
    /// Where the analysis lies in the log.
    pub position: Position,
    /// When it was recorded.
    pub at: UnixMs,
    /// The session's risk right after it.
    pub session_risk: RiskScore,
    /// What the analysis itself said.
    pub risk_score: RiskScore,
    /// How the session was found to move.
    pub patterns: Vec<Pattern>,
    /// Why, in words.
    pub explanation: String,
    /// The events that carry it.
    pub carriers: Vec<Carrier>,
    /// The last event that was read.
    pub until: Position,
    /// Name and version of the model.
    pub model: String,
}

/// What was said of a chain of thought.
#[derive(Clone, Debug, PartialEq)]
pub struct CotAnalyzed {
    /// The tenant.
    pub project: String,
    /// When the analysis was recorded.
    pub at: UnixMs,
    /// What it says, and of which event.
    pub data: CotAnalyzedData,
}

/// Everything one batch of the log changes, committed at once.
#[derive(Clone, Debug, Default)]
pub struct ViewsBatch {
    /// Sessions that changed, in the order in which they first appear in the log.
    pub sessions: Vec<(SessionKey, Session)>,
    /// Authors who wrote, in no order.
    pub authors: Vec<(AuthorKey, AuthorPast)>,
    /// Assessments that are not clear, by position.
    pub assessed: Vec<Assessed>,
    /// Events that were parked.
    pub parked: Vec<Parked>,
    /// Sessions' risks after analyses, by position.
    pub snapshots: Vec<Snapshot>,
    /// Analyses of chains of thought, in the order of the log; a later one of the same event replaces the one before.
    pub cot_analyses: Vec<CotAnalyzed>,
    /// First position not yet folded.
    pub checkpoint: Position,
}

/// A session as listed.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionRow {
    /// Its id.
    pub id: String,
    /// Its state.
    pub session: Session,
}

/// A page of sessions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionPage {
    /// The sessions.
    pub sessions: Vec<SessionRow>,
    /// How many match in all, counted up to [`SessionPage::TOTAL_MAX`].
    pub total: u64,
    /// Where the next page starts.
    pub next: Option<SessionCursor>,
}

impl SessionPage {
    /// Counting stops here, so that a list costs the same in a large project.
    pub const TOTAL_MAX: u64 = 100_000;
}

/// A page of positions whose events carry risk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RiskyPage {
    /// Positions, in the order asked for.
    pub positions: Vec<Position>,
    /// Where to go on; `None` at the end.
    pub next: Option<Position>,
}

/// Why Views did not answer. May be retried.
#[derive(Debug, thiserror::Error)]
#[error("views are unavailable")]
pub struct ViewsError(#[source] pub Box<dyn Error + Send + Sync>);

/// The derived state of one shard, with its checkpoint.
///
/// Laws, run against every adapter by `testkit::views`:
/// - **V1 together**: `commit` makes the whole batch and its checkpoint visible, or nothing.
/// - **V2 kept**: what was committed is there after reopening (an adapter may lose the newest commits in a power
///   cut, checkpoint included: the log replays), but nothing before what `sync` has answered.
/// - **V3 tenant**: no read returns another project's row.
/// - **V4 order**: pages of sessions and positions neither skip nor repeat a row that did not change between them.
/// - **V5 canonical**: `dump` depends on what was folded only, not on how it was cut into batches.
#[async_trait]
pub trait Views: Send + Sync {
    /// First position not yet folded; 0 when empty.
    async fn checkpoint(&self) -> Result<Position, ViewsError>;

    /// Makes what is committed durable, and says up to which position: a power cut takes nothing before it. Blocks for
    /// a moment; for whoever is about to delete what could be folded again.
    async fn sync(&self) -> Result<Position, ViewsError>;

    /// The states of `keys`, in order; `None` for a session never seen. For the pipeline, whose thread may block.
    async fn load_sessions(&self, keys: &[SessionKey]) -> Result<Vec<Option<Session>>, ViewsError>;

    /// The pasts of `keys`, in order; `None` for an author never seen. An adapter that folds a log by shards keeps a past
    /// for each: the handle of a shard gives that one's, a reader's handle the one written last.
    async fn load_authors(&self, keys: &[AuthorKey]) -> Result<Vec<Option<AuthorPast>>, ViewsError>;

    /// Applies `batch` in one transaction (V1). An error may hide a commit that went through: ask for the checkpoint.
    async fn commit(&self, batch: &ViewsBatch) -> Result<(), ViewsError>;

    /// One session of a project, for a reader; `None` if the project has none of this id.
    async fn session(&self, key: &SessionKey) -> Result<Option<Session>, ViewsError>;

    /// One page of a project's sessions.
    async fn sessions(&self, project: &str, query: &SessionQuery) -> Result<SessionPage, ViewsError>;

    /// The stored assessments of a project's events at `positions` (at most 1000).
    async fn assessments(
        &self,
        project: &str,
        positions: &[Position],
    ) -> Result<HashMap<Position, Assessed>, ViewsError>;

    /// Positions of a project's events with a stored assessment of at least `min_risk` and of `category`, from
    /// `from` on in direction `order`; at most `max`.
    async fn risky(
        &self,
        project: &str,
        category: Option<Category>,
        min_risk: RiskScore,
        from: Position,
        order: Order,
        max: usize,
    ) -> Result<RiskyPage, ViewsError>;

    /// Positions of a project's events whose assessment names `exemplar` as similar, from `from` on; at most `max`.
    async fn touched(
        &self,
        project: &str,
        exemplar: Position,
        from: Position,
        max: usize,
    ) -> Result<RiskyPage, ViewsError>;

    /// The newest `max` snapshots of a session, oldest first.
    async fn snapshots(&self, key: &SessionKey, max: usize) -> Result<Vec<Snapshot>, ViewsError>;

    /// The analyses of a project's chains of thought at `positions` (at most 1000).
    async fn cot_analyses(
        &self,
        project: &str,
        positions: &[Position],
    ) -> Result<HashMap<Position, CotAnalyzed>, ViewsError>;

    /// A project's parked events from position `from` on, at most `max`.
    async fn parked(&self, project: &str, from: Position, max: usize) -> Result<Vec<Parked>, ViewsError>;

    /// Every row as text, in a fixed order, for comparison with a rebuild (V5).
    async fn dump(&self) -> Result<Vec<String>, ViewsError>;
}
