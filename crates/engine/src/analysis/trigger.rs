//! What a folded batch asks to be analysed, as jobs.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tidegate_domain::dedup::stream_hash;
use tidegate_domain::id::Position;
use tidegate_domain::ports::{Clock, Jobs, JobsError, NewJob};
use tidegate_domain::session::{Session, SessionKey};
use tidegate_domain::time::UnixMs;

use super::{COT_ANALYSIS, Plan, SESSION_ANALYSIS};
use crate::jobs::Doorbell;

/// What a batch has seen of one session that a threat model can read.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// The session.
    pub key: SessionKey,
    /// The last such event.
    pub until: Position,
    /// The session's risk now.
    pub risk: f64,
    /// When its newest analysis was recorded.
    pub analyzed_at: Option<UnixMs>,
    /// The last event that one had read.
    pub analyzed_until: Option<Position>,
}

impl Wanted {
    /// What is wanted of a session in this state.
    pub fn of(key: &SessionKey, session: &Session, until: Position, risk: f64) -> Self {
        let verdict = session.verdict.as_ref();
        Self {
            key: key.clone(),
            until,
            risk,
            analyzed_at: verdict.map(|v| v.at),
            analyzed_until: verdict.map(|v| v.until),
        }
    }
}

/// A chain of thought in a batch: its project and its place.
pub type WantedCot = (String, Position);

/// What a job of [`SESSION_ANALYSIS`] says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SessionPayload {
    /// The session.
    pub(super) session: String,
    /// The last event to be covered.
    pub(super) until: Position,
}

/// What a job of [`COT_ANALYSIS`] says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CotPayload {
    /// The event.
    pub(super) position: Position,
}

/// Enqueues what batches want (AL1).
pub struct Trigger {
    /// Who is analysed.
    pub plan: Arc<Plan>,
    /// Where jobs go.
    pub jobs: Arc<dyn Jobs>,
    /// Rings for the workers of this process.
    pub doorbell: Doorbell,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

impl Trigger {
    /// Enqueues the jobs of a batch in one transaction; the workers hear of them once the batch is committed
    /// ([`Trigger::committed`]). The number of jobs.
    ///
    /// A batch that is folded again enqueues the same jobs under the same keys (J2). Errors: may be retried.
    pub async fn enqueue(&self, sessions: &[Wanted], cots: &[WantedCot]) -> Result<usize, JobsError> {
        let now = self.clock.now();
        let mut jobs: Vec<_> = sessions.iter().filter_map(|wanted| self.session_job(wanted, now)).collect();
        jobs.extend(cots.iter().filter_map(|(project, position)| self.cot_job(project, *position, now)));
        if !jobs.is_empty() {
            self.jobs.enqueue(&jobs, now).await?;
        }
        Ok(jobs.len())
    }

    /// The batch is committed: its jobs find what they are about.
    pub fn committed(&self) {
        self.doorbell.ring();
    }

    /// Asks for one session at once, ahead of others: somebody waits for it.
    pub async fn hurry(&self, key: &SessionKey, until: Position) -> Result<(), JobsError> {
        let now = self.clock.now();
        let job = job(SESSION_ANALYSIS, key, until, NewJob::PRIORITY_MAX, now);
        self.jobs.enqueue(&[job], now).await?;
        self.doorbell.ring();
        Ok(())
    }

    fn session_job(&self, wanted: &Wanted, now: UnixMs) -> Option<NewJob> {
        let rules = self.plan.of(&wanted.key.project);
        let hash = stream_hash(&wanted.key.project, Some(&wanted.key.session));
        let is_known = wanted.analyzed_until.is_some_and(|known| known >= wanted.until);
        if !rules.session.is_on || is_known || !rules.samples(hash, wanted.risk) {
            return None;
        }
        let soonest = wanted.analyzed_at.map(|at| at.plus_ms(rules.session_interval_min_ms));
        let run_at = soonest.unwrap_or(now).max(now.plus_ms(self.plan.coalesce_ms));
        // The highest is for those whom somebody waits for.
        let priority = (wanted.risk.clamp(0.0, 1.0) * f64::from(NewJob::PRIORITY_MAX - 1)) as u8;
        Some(job(SESSION_ANALYSIS, &wanted.key, wanted.until, priority, run_at))
    }

    fn cot_job(&self, project: &str, position: Position, now: UnixMs) -> Option<NewJob> {
        if !self.plan.of(project).cot.is_on {
            return None;
        }
        Some(NewJob {
            kind: COT_ANALYSIS.to_owned(),
            project: project.to_owned(),
            key: position.0.to_string(),
            version: position.0,
            payload: json(&CotPayload { position }),
            priority: NewJob::PRIORITY_MAX / 2,
            run_at: now.plus_ms(self.plan.coalesce_ms),
        })
    }
}

fn job(kind: &str, key: &SessionKey, until: Position, priority: u8, run_at: UnixMs) -> NewJob {
    NewJob {
        kind: kind.to_owned(),
        project: key.project.clone(),
        key: key.session.clone(),
        version: until.0,
        payload: json(&SessionPayload { session: key.session.clone(), until }),
        priority,
        run_at,
    }
}

/// Names and numbers are always JSON.
fn json(payload: &impl Serialize) -> String {
    serde_json::to_string(payload).unwrap_or_default()
}
