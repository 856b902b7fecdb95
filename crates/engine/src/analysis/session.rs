//! Runs session analyses.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use futures_util::future::join_all;
use tidegate_domain::analysis::{AnalysisKind, SessionAnalyzedData, SessionRequest};
use tidegate_domain::filter::Order;
use tidegate_domain::id::Position;
use tidegate_domain::ports::LeasedJob;
use tidegate_domain::session::{Session, SessionKey};

use super::answers::{AnswerCache, digest};
use super::context::ReadError;
use super::telling::Telling;
use super::trigger::SessionPayload;
use super::writing::{Found, Writing};
use super::{Parts, SESSION_ANALYSIS, asking};
use crate::jobs::{Outcome, Runner};

/// Analyses sessions.
pub struct SessionRunner {
    /// What it works with.
    pub parts: Parts,
    /// Answers lately given.
    pub answers: AnswerCache,
    /// Jobs run together: answers are stored in one append, and wait for the slowest.
    pub batch_max: usize,
    /// Batches that run at once.
    pub concurrency: usize,
}

impl SessionRunner {
    async fn analyze(&self, job: &LeasedJob) -> Found {
        let Ok(payload) = serde_json::from_str::<SessionPayload>(&job.payload) else {
            return Found::Nothing(Outcome::Hopeless { error: "the payload cannot be read".to_owned() });
        };
        let key = SessionKey { project: job.project.clone(), session: payload.session };
        if let Err(outcome) = self.parts.folded(payload.until).await {
            return Found::Nothing(outcome);
        }
        match self.look(&key, payload.until).await {
            Ok(Some((session, request))) => self.ask(&key, &session, request).await,
            Ok(None) => Found::Nothing(Outcome::Unchanged),
            Err(error) => Found::Nothing(Outcome::Failed { error: error.to_string() }),
        }
    }

    /// The session and what there is to read; `None` if that was analysed already, or is gone.
    async fn look(
        &self,
        key: &SessionKey,
        until: Position,
    ) -> Result<Option<(Session, SessionRequest)>, ReadError> {
        let Some(session) = self.parts.views.session(key).await? else { return Ok(None) };
        if session.verdict.as_ref().is_some_and(|verdict| verdict.until >= until) {
            return Ok(None);
        }
        let max = self.parts.plan.of(&key.project).events_max;
        let turns = self.parts.turns(key, Position::MAX, Order::Desc, max).await?;
        // What is not folded yet has no assessment, and gets a job of its own.
        let checkpoint = *self.parts.checkpoint.borrow();
        let turns: Vec<_> = turns.into_iter().filter(|turn| turn.position < checkpoint).collect();
        if turns.is_empty() {
            return Ok(None);
        }
        let floor = session.firm.risk_at(self.parts.clock.now(), self.parts.half_life);
        let (project, name) = (key.project.clone(), key.session.clone());
        Ok(Some((session, SessionRequest { project, session: name, turns, floor })))
    }

    async fn ask(&self, key: &SessionKey, session: &Session, request: SessionRequest) -> Found {
        let rules = self.parts.plan.of(&key.project);
        let model = Arc::clone(&rules.session.model);
        let telling = Telling {
            kind: AnalysisKind::Session,
            project: &key.project,
            session: Some(&key.session),
            event_id: None,
            model: &*model,
            observer: &*self.parts.observer,
            started: Instant::now(),
        };
        let digest = digest(model.version(), &request);
        let known = (!model.is_built_in()).then(|| self.answers.get(&digest, &request.turns)).flatten();
        let is_known = known.is_some();
        let answer = match known {
            Some(answer) => answer,
            None => {
                let calls_per_minute = rules.calls_per_minute;
                if let Err(retry_after_ms) =
                    self.parts.limits.take(&*model, &key.project, calls_per_minute).await
                {
                    return Found::Nothing(Outcome::Busy { retry_after_ms });
                }
                telling.begun(request.turns.len());
                match model.analyze_session(&request).await {
                    Ok(answer) => answer,
                    Err(error) => {
                        telling.failed(&error);
                        return Found::Nothing(asking::outcome(&error));
                    }
                }
            }
        };
        telling.answered(&answer, answer.analysis.risk_score.get(), is_known);
        // What another model said in its place is no answer of this one: it is asked again.
        if !is_known && !model.is_built_in() && !telling.is_fallback(&answer) {
            self.answers.put(digest.clone(), &request.turns, &answer);
        }
        let last = request.turns.last().map(|turn| turn.position).unwrap_or_default();
        let data = SessionAnalyzedData {
            analysis: answer.analysis,
            until: last,
            events: request.turns.len() as u64,
            seen: session.evidence,
            digest: data_encoding::HEXLOWER.encode(&digest),
            model: answer.model,
            usage: answer.usage,
        };
        Found::Answer(Box::new(Writing::session(key, &data)))
    }
}

#[async_trait]
impl Runner for SessionRunner {
    fn kind(&self) -> &'static str {
        SESSION_ANALYSIS
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
