//! Runs session analyses.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::future::join_all;
use tidegate_domain::analysis::{
    AnalysisKind, Answer, SessionAnalysis, SessionAnalyzedData, SessionRequest, Usage,
};
use tidegate_domain::filter::Order;
use tidegate_domain::id::Position;
use tidegate_domain::ports::{LeasedJob, ThreatModel};
use tidegate_domain::session::{Session, SessionKey};

use super::answers::{AnswerCache, digest};
use super::context::{ReadError, is_folded};
use super::trigger::SessionPayload;
use super::writing::{Found, Writing};
use super::{Parts, Report, SESSION_ANALYSIS, asking};
use crate::jobs::{Outcome, Runner};

/// How long a job waits for Views to reach what it is about.
const FOLDED_WITHIN: Duration = Duration::from_millis(250);
/// When it looks again.
const FOLDED_RETRY_MS: u64 = 50;

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
        if !is_folded(self.parts.checkpoint.clone(), payload.until, FOLDED_WITHIN).await {
            return Found::Nothing(Outcome::Busy { retry_after_ms: FOLDED_RETRY_MS });
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
        let started = Instant::now();
        let digest = digest(model.version(), &request);
        let known = (!model.is_built_in()).then(|| self.answers.get(&digest, &request.turns)).flatten();
        let (answer, outcome) = match known {
            Some(answer) => (answer, "cached"),
            None => {
                if let Err(retry_after_ms) =
                    self.parts.limits.take(model.as_ref(), &key.project, rules.calls_per_minute).await
                {
                    return Found::Nothing(Outcome::Busy { retry_after_ms });
                }
                match self.call(key, model.as_ref(), &request, started).await {
                    Ok(answer) => (answer, "done"),
                    Err(outcome) => return Found::Nothing(outcome),
                }
            }
        };
        if outcome == "done" && !model.is_built_in() {
            self.answers.put(digest.clone(), &request.turns, &answer);
        }
        self.report(&*model, &answer.model, outcome, started, answer.usage);
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

    async fn call(
        &self,
        key: &SessionKey,
        model: &dyn ThreatModel,
        request: &SessionRequest,
        started: Instant,
    ) -> Result<Answer<SessionAnalysis>, Outcome> {
        let (project, session, events) = (&key.project, &key.session, request.turns.len());
        tracing::debug!(project, session, events, model = model.version(), "analysis: session begun");
        match model.analyze_session(request).await {
            Ok(answer) => {
                let took_ms = started.elapsed().as_millis() as u64;
                let risk_score = answer.analysis.risk_score.get();
                tracing::debug!(
                    project,
                    session,
                    model = answer.model,
                    took_ms,
                    risk_score,
                    "analysis: session done"
                );
                Ok(answer)
            }
            Err(error) => {
                let took_ms = started.elapsed().as_millis() as u64;
                let cause: &dyn std::error::Error = &error;
                tracing::warn!(
                    error = cause,
                    project,
                    session,
                    model = model.version(),
                    took_ms,
                    "analysis: session failed"
                );
                self.report(model, model.version(), asking::outcome_name(&error), started, Usage::default());
                Err(asking::outcome(&error))
            }
        }
    }

    fn report(
        &self,
        model: &dyn ThreatModel,
        answered: &str,
        outcome: &'static str,
        started: Instant,
        usage: Usage,
    ) {
        let (kind, provider, took) = (AnalysisKind::Session, model.provider(), started.elapsed());
        self.parts.observer.analyzed(&Report { kind, provider, model: answered, outcome, took, usage });
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
