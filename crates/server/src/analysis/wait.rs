//! Waiting for what is derived of an event: `?wait=`, and `analysis.strategy = "sync"`.

use std::collections::HashMap;
use std::time::Duration;

use axum::http::StatusCode;

use tidegate_domain::id::Position;
use tidegate_domain::record;
use tidegate_domain::session::{SessionKey, Verdict};
use tokio::time::Instant;

use crate::app::App;
use crate::config::Strategy;
use crate::http::Problem;

/// How long `wait=screened` waits.
const SCREENED_WITHIN: Duration = Duration::from_secs(5);

/// After which stage a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Once the event is durable.
    No,
    /// Once it is screened.
    Screened,
    /// Once its session is analysed.
    Analyzed,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Waited {
    /// The stage was not reached in time.
    Pending,
    /// The event is screened.
    Screened,
    /// The event's session is analysed.
    Analyzed(Box<Verdict>),
}

impl Waiting {
    /// What the settings of `project` say, where the request says nothing.
    pub fn by_default(app: &App, project: &str) -> Self {
        let is_sync = app.config.analysis.strategy_of(project) == Strategy::Sync;
        let can = app.config.pipeline.enabled && app.analyses.has_sessions(project);
        if is_sync && can { Self::Analyzed } else { Self::No }
    }

    /// Errors: what is to be waited for is switched off.
    pub fn check(self, app: &App, project: &str) -> Result<(), Problem> {
        let conflict = |code, detail: &str| Err(Problem::new(StatusCode::CONFLICT, code, detail));
        match self {
            Self::Screened | Self::Analyzed if !app.config.pipeline.enabled => {
                conflict("pipeline-disabled", "wait needs the pipeline, and pipeline.enabled is false")
            }
            Self::Analyzed if !app.analyses.has_sessions(project) => {
                let detail = "wait=analyzed needs analyses of sessions, and the project has none: analysis.session_enabled";
                conflict("analysis-disabled", detail)
            }
            _ => Ok(()),
        }
    }
}

/// The sessions of a project's events at `positions`, each with the last of them.
pub async fn sessions_of(
    app: &App,
    project: &str,
    positions: Vec<Position>,
) -> Result<Vec<(SessionKey, Position)>, Problem> {
    let mut last = HashMap::new();
    for at_once in positions.chunks(1000) {
        for stored in app.log.get(at_once).await? {
            let Ok(event) = record::decode(&stored.bytes) else { continue };
            let Some(session) = event.session_id.map(|id| id.into_owned()) else { continue };
            let position = last.entry(session).or_insert(stored.receipt.position);
            *position = stored.receipt.position.max(*position);
        }
    }
    let key = |session| SessionKey { project: project.to_owned(), session };
    Ok(last.into_iter().map(|(session, position)| (key(session), position)).collect())
}

/// Waits for the analyses of `sessions`, all of them within the time for one.
pub async fn wait_for_all(app: &App, sessions: Vec<(SessionKey, Position)>) -> Result<(), Problem> {
    let waiting = sessions.iter().map(|(key, position)| wait(app, Waiting::Analyzed, Some(key), *position));
    futures_util::future::try_join_all(waiting).await.map(drop)
}

/// Waits until the pipeline has passed `position`; false if that took too long.
async fn screened(app: &App, position: Position, deadline: Instant) -> bool {
    let mut checkpoint = app.query.watch_checkpoint();
    let passed = checkpoint.wait_for(|checkpoint| *checkpoint > position);
    matches!(tokio::time::timeout_at(deadline, passed).await, Ok(Ok(_)))
}

/// Waits for `stage` of an event of `session` at `position`. An event without a session is only screened.
///
/// Errors: Views or jobs did not answer; the event is safe.
pub async fn wait(
    app: &App,
    stage: Waiting,
    session: Option<&SessionKey>,
    position: Position,
) -> Result<Waited, Problem> {
    let Some(session) = session.filter(|_| stage == Waiting::Analyzed) else {
        let is_done = screened(app, position, Instant::now() + SCREENED_WITHIN).await;
        return Ok(if is_done { Waited::Screened } else { Waited::Pending });
    };
    let deadline = Instant::now() + Duration::from_millis(app.config.analysis.sync_timeout_ms);
    app.analyses.hurry(session, position).await?;
    analyzed(app, session, position, deadline).await
}

/// An answer is folded like any other event, so each move of the checkpoint may have brought it.
async fn analyzed(
    app: &App,
    session: &SessionKey,
    position: Position,
    deadline: Instant,
) -> Result<Waited, Problem> {
    let mut checkpoint = app.query.watch_checkpoint();
    loop {
        checkpoint.mark_unchanged();
        if *checkpoint.borrow() > position {
            let verdict = app.views.session(session).await?.and_then(|session| session.verdict);
            if let Some(verdict) = verdict.filter(|verdict| verdict.until >= position) {
                return Ok(Waited::Analyzed(Box::new(verdict)));
            }
        }
        match tokio::time::timeout_at(deadline, checkpoint.changed()).await {
            Ok(Ok(())) => {}
            _ => return Ok(Waited::Pending),
        }
    }
}
