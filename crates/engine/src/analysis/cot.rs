//! Runs analyses of chains of thought.

use std::time::Instant;

use async_trait::async_trait;
use futures_util::future::join_all;
use serde::Deserialize;
use tidegate_domain::analysis::{AnalysisKind, CotAnalyzedData, CotRequest, Turn, TurnKind};
use tidegate_domain::filter::Order;
use tidegate_domain::ports::LeasedJob;
use tidegate_domain::session::SessionKey;

use super::context::ReadError;
use super::telling::Telling;
use super::trigger::CotPayload;
use super::writing::{Found, Writing};
use super::{COT_ANALYSIS, Parts, asking};
use crate::jobs::{Outcome, Runner};

/// Events of the session before and after a chain of thought that may be what it answers, and what it led to.
const NEIGHBOURS: usize = 20;

/// Analyses chains of thought.
pub struct CotRunner {
    /// What it works with.
    pub parts: Parts,
    /// Jobs run together: answers are stored in one append, and wait for the slowest.
    pub batch_max: usize,
    /// Batches that run at once.
    pub concurrency: usize,
}

/// What the sender says of a chain of thought.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Context {
    user_input: Option<String>,
    final_output: Option<String>,
}

impl CotRunner {
    async fn analyze(&self, job: &LeasedJob) -> Found {
        let Ok(CotPayload { position }) = serde_json::from_str(&job.payload) else {
            return Found::Nothing(Outcome::Hopeless { error: "the payload cannot be read".to_owned() });
        };
        if let Err(outcome) = self.parts.folded(position).await {
            return Found::Nothing(outcome);
        }
        let known = self.parts.views.cot_analyses(&job.project, &[position]).await;
        match known {
            Ok(known) if !known.is_empty() => return Found::Nothing(Outcome::Unchanged),
            Ok(_) => {}
            Err(error) => return Found::Nothing(Outcome::Failed { error: error.to_string() }),
        }
        match self.request(&job.project, position).await {
            Ok(Some(request)) => self.ask(request).await,
            // Retention was faster.
            Ok(None) => Found::Nothing(Outcome::Unchanged),
            Err(error) => Found::Nothing(Outcome::Failed { error: error.to_string() }),
        }
    }

    async fn request(
        &self,
        project: &str,
        position: tidegate_domain::id::Position,
    ) -> Result<Option<CotRequest>, ReadError> {
        let Some((cot, session)) = self.parts.record(project, position).await? else { return Ok(None) };
        // What does not say so in the seed's words says nothing.
        let said: Context =
            cot.data.as_deref().and_then(|d| serde_json::from_str(d).ok()).unwrap_or_default();
        let (mut before, mut after) = (Vec::new(), Vec::new());
        if let Some(session) = &session {
            let key = SessionKey { project: project.to_owned(), session: session.clone() };
            after = self.parts.turns(&key, position.next(), Order::Asc, NEIGHBOURS).await?;
            if said.user_input.is_none() {
                before = self.parts.turns(&key, position, Order::Desc, NEIGHBOURS).await?;
            }
        }
        // What follows the user's next words is another matter.
        let until = after.iter().position(|turn| turn.kind == TurnKind::User).unwrap_or(after.len());
        after.truncate(until);
        let user_input = said.user_input.or_else(|| last(&before, TurnKind::User));
        let final_output = said.final_output.or_else(|| last(&after, TurnKind::Assistant));
        let acts = after.into_iter().filter(|turn| turn.kind == TurnKind::ToolCall).collect();
        Ok(Some(CotRequest { project: project.to_owned(), session, cot, user_input, final_output, acts }))
    }

    async fn ask(&self, request: CotRequest) -> Found {
        let rules = self.parts.plan.of(&request.project);
        let model = &rules.cot.model;
        if let Err(retry_after_ms) =
            self.parts.limits.take(model.as_ref(), &request.project, rules.calls_per_minute).await
        {
            return Found::Nothing(Outcome::Busy { retry_after_ms });
        }
        let telling = Telling {
            kind: AnalysisKind::Cot,
            project: &request.project,
            session: request.session.as_deref(),
            event_id: Some(&request.cot.event_id),
            model: &**model,
            observer: &*self.parts.observer,
            started: Instant::now(),
        };
        telling.begun(1);
        match model.analyze_cot(&request).await {
            Ok(answer) => {
                telling.answered(&answer, answer.analysis.risk_score.get(), false);
                let data = CotAnalyzedData {
                    analysis: answer.analysis,
                    event_id: request.cot.event_id.clone(),
                    position: request.cot.position,
                    model: answer.model,
                    usage: answer.usage,
                };
                Found::Answer(Box::new(Writing::cot(&request.project, request.session.as_deref(), &data)))
            }
            Err(error) => {
                telling.failed(&error);
                Found::Nothing(asking::outcome(&error))
            }
        }
    }
}

/// The words of the last turn of this kind.
fn last(turns: &[Turn], kind: TurnKind) -> Option<String> {
    turns.iter().rev().find(|turn| turn.kind == kind).map(|turn| turn.content.clone())
}

#[async_trait]
impl Runner for CotRunner {
    fn kind(&self) -> &'static str {
        COT_ANALYSIS
    }

    fn batch_max(&self) -> usize {
        self.batch_max
    }

    fn concurrency(&self) -> usize {
        self.concurrency
    }

    async fn run(&self, jobs: &[LeasedJob]) -> Vec<Outcome> {
        let found = join_all(jobs.iter().map(|job| self.analyze(job))).await;
        self.parts.settle(found).await
    }
}
