//! Analysis: sessions and chains of thought, read by threat models, as jobs beside the log.
//!
//! ```text
//! pipeline ─ Trigger ─► Jobs ─ Worker ─► SessionRunner, CotRunner ─► ThreatModel
//!    ▲                                           │
//!    └── folds session.analyzed, cot.analyzed ◄── log
//! ```
//! - **AL1** every event that a threat model can read is covered by an analysis that read it, unless its project switched
//!   that off or sampled its session out; jobs are enqueued before the checkpoint passes the event.
//! - **AL2** an answer is an event of the log before its job is settled; it bears the idempotency key of what it covers, so a
//!   job that runs twice leaves one event.
//! - **AL3** a burst costs one analysis a session and coalescing window; a session that has not changed since its last
//!   analysis costs none, and one that reads like another lately analysed asks no model.
//! - **AL4** no event waits for an analysis, and none fails because one did (law 4).
//!
//! Source: seed 000, "event ingestion pipeline & analysis hook-up".

mod answers;
mod asking;
mod context;
mod cot;
mod plan;
mod session;
mod telling;
mod trigger;
mod writing;

use std::time::Duration;

use tidegate_domain::analysis::{AnalysisKind, Usage};

pub use answers::AnswerCache;
pub use asking::Limits;
pub use cot::CotRunner;
pub use plan::{Plan, ProjectRules, Rules};
pub use session::SessionRunner;
pub use trigger::{Trigger, Wanted, WantedCot};

/// Kind of the jobs that analyse sessions.
pub const SESSION_ANALYSIS: &str = "session_analysis";
/// Kind of the jobs that analyse chains of thought.
pub const COT_ANALYSIS: &str = "cot_analysis";

/// What became of one analysis, for metrics and traces; never with content.
#[derive(Clone, Debug)]
pub struct Report<'a> {
    /// What was analysed.
    pub kind: AnalysisKind,
    /// The provider asked.
    pub provider: &'a str,
    /// Name and version of the model that answered, or was asked.
    pub model: &'a str,
    /// `done`, `cached`, `fallback` (another model answered than the first), `busy`, `failed` or `refused`.
    pub outcome: &'static str,
    /// How long it took.
    pub took: Duration,
    /// What it used up.
    pub usage: Usage,
}

/// Hears of each analysis.
pub trait Observer: Send + Sync {
    /// An analysis ended.
    fn analyzed(&self, report: &Report<'_>);
}

/// Parts that both runners work with.
#[derive(Clone)]
pub struct Parts {
    /// Who is asked, by project.
    pub plan: std::sync::Arc<Plan>,
    /// The log: what is read, and where answers go.
    pub log: std::sync::Arc<dyn tidegate_domain::ports::EventLog>,
    /// Takes answers into it, masked as everything else.
    pub intake: std::sync::Arc<crate::intake::Intake>,
    /// What is derived of it.
    pub views: std::sync::Arc<dyn tidegate_domain::ports::Views>,
    /// Up to where Views go.
    pub checkpoint: tokio::sync::watch::Receiver<tidegate_domain::id::Position>,
    /// How often providers and projects may ask.
    pub limits: Limits,
    /// How fast session risk fades.
    pub half_life: tidegate_domain::risk::HalfLife,
    /// Tells the time.
    pub clock: std::sync::Arc<dyn tidegate_domain::ports::Clock>,
    /// Hears of each analysis.
    pub observer: std::sync::Arc<dyn Observer>,
}
