//! Routes what a shard's pipeline has folded to the streams of other consumers, behind the pipeline and never in its way.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tidegate_domain::analysis::is_reserved;
use tidegate_domain::assessment::RiskScore;
use tidegate_domain::id::{Position, Shard};
use tidegate_domain::ports::{Assessed, Feed, LogError, Stored, Views, ViewsError};
use tidegate_domain::record;
use tidegate_engine::query::FoundEvent;
use tidegate_stream_redis::connection::TransportError;
use tidegate_stream_redis::routes::{Outcome, Routed, Routes};
use tokio::sync::watch;

use crate::api::event_json;
use crate::screening::Thresholds;

/// Log read and routed at once.
const BATCH_MAX_BYTES: usize = 1 << 20;
/// How long until a full stream, or a failed step, is tried again.
const PAUSE: Duration = Duration::from_millis(500);

/// Routes one shard.
pub(super) struct Router {
    /// The shard.
    pub(super) shard: Shard,
    /// Its records.
    pub(super) feed: Arc<dyn Feed>,
    /// What was derived from them.
    pub(super) views: Arc<dyn Views>,
    /// Where they go.
    pub(super) routes: Routes,
    /// Risk from which an event goes to the reasoning queue.
    pub(super) thresholds: Thresholds,
    /// Version of the screening rules.
    pub(super) model_version: String,
    /// How far back is routed again if Redis has forgotten where it was.
    pub(super) again_max_events: u64,
    /// Up to where the shard is folded, as it moves.
    pub(super) checkpoint: watch::Receiver<Position>,
}

/// Why a step failed; it is tried again.
#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Views(#[from] ViewsError),
    #[error(transparent)]
    Transport(#[from] TransportError),
}

impl Router {
    /// Routes until dropped, or until the pipeline is gone.
    pub(super) async fn run(mut self) {
        let mut is_well = true;
        loop {
            match self.follow(&mut is_well).await {
                Ok(()) => return,
                Err(error) if std::mem::take(&mut is_well) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(error, shard = self.shard.0, "routes: events wait in the log");
                }
                Err(_) => {}
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// From where Redis says it was, on; over when the pipeline is. All is well once something is routed.
    async fn follow(&mut self, is_well: &mut bool) -> Result<(), StepError> {
        let mut known = self.routes.position(self.shard).await?;
        loop {
            let checkpoint = *self.checkpoint.borrow_and_update();
            let back = Position(checkpoint.0.saturating_sub(self.again_max_events));
            let from = known.unwrap_or(back);
            if from >= checkpoint {
                if self.checkpoint.changed().await.is_err() {
                    return Ok(());
                }
                continue;
            }
            let page = self.feed.read(from, BATCH_MAX_BYTES).await?;
            let to = page.next.unwrap_or(from).min(checkpoint);
            let records = page.records.into_iter().filter(|record| record.receipt.position < to).collect();
            let events = self.routed(records).await?;
            match self.routes.route(self.shard, known, to, &events).await? {
                Outcome::Routed => (known, *is_well) = (Some(to), true),
                Outcome::Moved => known = self.routes.position(self.shard).await?,
                Outcome::Full => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    async fn routed(&self, records: Vec<Stored>) -> Result<Vec<Routed>, StepError> {
        let mut assessed = self.assessments(&records).await?;
        let events = records.into_iter().filter_map(|stored| {
            let assessed = assessed.remove(&stored.receipt.position);
            // A chain of thought is analysed after it was folded.
            let found = FoundEvent { assessed, cot_analysis: None, is_screened: true, stored };
            // What cannot be read was parked by the pipeline; what the server itself says of events is none to review.
            let read =
                record::decode(&found.stored.bytes).ok().filter(|read| !is_reserved(&read.event_type))?;
            let threshold = self.thresholds.of(&read.project_id);
            let event = event_json::render(&found, &self.model_version)?;
            let risk = found.assessed.as_ref().map_or(RiskScore::ZERO, |a| a.assessment.risk_score);
            Some(Routed {
                event_id: found.stored.receipt.id,
                position: found.stored.receipt.position,
                risk_score: risk.get(),
                is_risky: risk.get() >= threshold,
                event: event.get().to_owned(),
            })
        });
        Ok(events.collect())
    }

    async fn assessments(&self, records: &[Stored]) -> Result<HashMap<Position, Assessed>, StepError> {
        const AT_ONCE: usize = 1000;
        let mut by_project: HashMap<String, Vec<Position>> = HashMap::new();
        for stored in records {
            if let Ok(event) = record::decode(&stored.bytes) {
                by_project.entry(event.project_id.into_owned()).or_default().push(stored.receipt.position);
            }
        }
        let mut found = HashMap::new();
        for (project, positions) in by_project {
            for positions in positions.chunks(AT_ONCE) {
                found.extend(self.views.assessments(&project, positions).await?);
            }
        }
        Ok(found)
    }
}
