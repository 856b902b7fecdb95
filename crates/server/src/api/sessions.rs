//! `GET /v1/sessions` and `GET /v1/sessions/{id}`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::Uri;
use serde::Serialize;
use tidegate_domain::filter::{Order, SessionCursor, SessionQuery, SessionSort};
use tidegate_domain::ports::SessionRow;
use tidegate_domain::risk::HalfLife;
use tidegate_domain::time::UnixMs;
use tidegate_engine::query::{RiskyEvent, SessionDetail};
use utoipa::ToSchema;

use super::session_analysis_json::{SnapshotJson, VerdictJson};

use crate::app::App;
use crate::http::Problem;
use crate::http::auth::{Caller, ToRead};
use crate::http::params::Params;
use crate::http::problem::{ProblemBody, ReadRefusals};

/// Most patterns in one filter.
const PATTERNS_MAX: usize = 20;

/// A session.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionJson {
    session_id: String,
    /// The same as `sessionId`, under seed 000's name.
    id: String,
    project_id: String,
    /// Risk now, 0..1: what its events left, decayed by the half-life.
    current_risk_score: f64,
    /// The highest risk it ever had.
    peak_risk_score: f64,
    /// Flags of its risky events, and patterns that analyses found.
    current_patterns: Vec<String>,
    event_count: u64,
    event_count_by_type: BTreeMap<String, u64>,
    #[schema(value_type = String, format = DateTime)]
    created_at: UnixMs,
    #[schema(value_type = String, format = DateTime)]
    first_activity_at: UnixMs,
    #[schema(value_type = String, format = DateTime)]
    last_activity_at: UnixMs,
    /// In the detail only: what the newest analysis of the session said; absent before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    analysis: Option<VerdictJson>,
    /// In the detail only: the risk after each of the newest 100 analyses, oldest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    risk_snapshots: Option<Vec<SnapshotJson>>,
    /// In the detail only: true if there are older snapshots.
    #[serde(skip_serializing_if = "Option::is_none")]
    risk_snapshots_cut: Option<bool>,
    /// In the detail only: each contribution to the risk, oldest first, among the newest 1000 events.
    #[serde(skip_serializing_if = "Option::is_none")]
    contributions: Option<Vec<ContributionJson>>,
    /// In the detail only: true if older events were not looked at for contributions.
    #[serde(skip_serializing_if = "Option::is_none")]
    contributions_cut: Option<bool>,
}

/// What one event did to its session's risk.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContributionJson {
    event_id: String,
    position: u64,
    #[schema(value_type = String, format = DateTime)]
    created_at: UnixMs,
    /// The session's risk right after the event.
    risk_score: f64,
    /// The event's own risk.
    event_risk_score: f64,
    category: &'static str,
    patterns: Vec<String>,
    /// The share of the session's present risk evidence that is this event's, 0..1.
    contribution: f64,
}

/// A page of sessions.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionsPage {
    sessions: Vec<SessionJson>,
    /// How many match, counted up to 100 000.
    total: u64,
    /// Pass as `cursor` for the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// Said when something asked for was changed, for example a limit lowered.
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<String>,
}

/// One session.
#[derive(Serialize, ToSchema)]
pub struct OneSession {
    session: SessionJson,
}

impl SessionJson {
    fn new(project: &str, row: SessionRow, now: UnixMs, half_life: HalfLife) -> Self {
        let SessionRow { id, session } = row;
        Self {
            session_id: id.clone(),
            id,
            project_id: project.to_owned(),
            current_risk_score: rounded(session.evidence.risk_at(now, half_life).get()),
            peak_risk_score: rounded(session.peak_risk.get()),
            current_patterns: session.patterns.into_iter().collect(),
            event_count: session.event_count,
            event_count_by_type: session.event_count_by_type,
            created_at: session.created_at,
            first_activity_at: session.first_activity_at,
            last_activity_at: session.last_activity_at,
            analysis: None,
            risk_snapshots: None,
            risk_snapshots_cut: None,
            contributions: None,
            contributions_cut: None,
        }
    }
}

impl From<RiskyEvent> for ContributionJson {
    fn from(event: RiskyEvent) -> Self {
        Self {
            event_id: event.event_id.to_string(),
            position: event.position.0,
            created_at: event.recorded_at,
            risk_score: rounded(event.session_risk.get()),
            event_risk_score: event.event_risk.get(),
            category: event.category.name(),
            patterns: event.patterns,
            contribution: rounded(event.share),
        }
    }
}

/// Six digits say all that a risk can say, and read better than seventeen.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// Lists sessions of the project; the latest activity first unless told otherwise.
#[utoipa::path(
    get, path = "/v1/sessions", operation_id = "listSessions", tag = "sessions",
    params(
        ("minRiskScore" = Option<f64>, Query, description = "Only with at least this risk now", minimum = 0, maximum = 1),
        ("maxRiskScore" = Option<f64>, Query, description = "Only with at most this risk now", minimum = 0, maximum = 1),
        ("patterns" = Option<String>, Query, description = "Only with any of these patterns, comma-separated"),
        ("sortBy" = Option<String>, Query, description = "riskScore, lastActivityAt or createdAt", pattern = "^(riskScore|lastActivityAt|createdAt)?$"),
        ("sortOrder" = Option<String>, Query, description = "asc or desc", pattern = "^(asc|desc)?$"),
        ("limit" = Option<u64>, Query, format = "uint64", description = "1..=1000, default 50", minimum = 1),
        ("cursor" = Option<String>, Query, description = "nextCursor of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = SessionsPage, links(
            ("nextPage" = (operation_id = "listSessions", parameters(
                ("cursor" = "$response.body#/nextCursor"), ("sortBy" = "$request.query.sortBy"),
            ))),
            ("session" = (operation_id = "getSession", parameters(("id" = "$response.body#/sessions/0/sessionId")))),
        )),
        ReadRefusals,
    ),
    security(("api_key" = []), ("bearer" = []), ("basic" = [])),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller<ToRead>,
    uri: Uri,
) -> Result<Json<SessionsPage>, Problem> {
    let (query, notice) = session_query(&app, &uri)?;
    let page = app.query.sessions(caller.project(), &query).await?;
    let half_life = app.query.half_life();
    let json = |row| SessionJson::new(caller.project(), row, query.now, half_life);
    Ok(Json(SessionsPage {
        sessions: page.sessions.into_iter().map(json).collect(),
        total: page.total,
        next_cursor: page.next.map(|cursor| cursor.encode()),
        notice,
    }))
}

fn session_query(app: &App, uri: &Uri) -> Result<(SessionQuery, Option<String>), Problem> {
    let mut params = Params::of(uri);
    let (min_risk, max_risk) = (params.risk("minRiskScore"), params.risk("maxRiskScore"));
    let patterns: Vec<String> = params
        .take("patterns")
        .map(|list| {
            list.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
        })
        .unwrap_or_default();
    if patterns.len() > PATTERNS_MAX {
        params.refuse(
            "patterns",
            "too_many",
            format!("at most {PATTERNS_MAX} patterns, got {}", patterns.len()),
        );
    }
    let sort = params
        .parsed("sortBy", "riskScore, lastActivityAt or createdAt", SessionSort::parse)
        .unwrap_or_default();
    let order = params.order("sortOrder").unwrap_or(Order::Desc);
    let (limit, notice) = params.limit(app.config.query.page_default, app.config.query.page_max);
    let after = params.parsed("cursor", "the nextCursor of a page with the same sortBy", |text| {
        SessionCursor::decode(text).filter(|cursor| cursor.sort == sort)
    });
    params.finish()?;
    let now = app.clock.now();
    Ok((SessionQuery { min_risk, max_risk, patterns, sort, order, after, limit, now }, notice))
}

/// One session, with each contribution to its risk and what analyses said of it.
#[utoipa::path(
    get, path = "/v1/sessions/{id}", operation_id = "getSession", tag = "sessions",
    params(("id" = String, Path, description = "A sessionId")),
    responses(
        (status = 200, description = "The session", body = OneSession, links(
            ("events" = (operation_id = "listEvents", parameters(("sessionId" = "$response.body#/session/sessionId")))),
        )),
        (status = 404, description = "There is none, or it is another project's", body = ProblemBody, content_type = "application/problem+json"),
        ReadRefusals,
    ),
    security(("api_key" = []), ("bearer" = []), ("basic" = [])),
)]
pub async fn one(
    State(app): State<Arc<App>>,
    caller: Caller<ToRead>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<OneSession>, Problem> {
    let not_found = || Problem::not_found("session");
    // A path that is no text is no session's either.
    let Path(id) = id.map_err(|_| not_found())?;
    let now = app.clock.now();
    let detail = app.query.session(caller.project(), &id, now).await?.ok_or_else(not_found)?;
    let SessionDetail { row, contributions, contributions_cut, snapshots, snapshots_cut } = detail;
    let analysis = row.session.verdict.clone().map(VerdictJson::from);
    let session = SessionJson {
        analysis,
        risk_snapshots: Some(snapshots.into_iter().map(SnapshotJson::from).collect()),
        risk_snapshots_cut: Some(snapshots_cut),
        contributions: Some(contributions.into_iter().map(ContributionJson::from).collect()),
        contributions_cut: Some(contributions_cut),
        ..SessionJson::new(caller.project(), row, now, app.query.half_life())
    };
    Ok(Json(OneSession { session }))
}
