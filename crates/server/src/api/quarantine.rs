//! `GET /v1/quarantine`: events that a step of the pipeline could not handle, and jobs that failed for good;
//! `POST /v1/quarantine/{id}/retry` gives such a job another chance.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::Uri;
use serde::Serialize;
use tidegate_domain::id::Position;
use tidegate_domain::ports::{DeadJob, JobId};
use tidegate_domain::time::UnixMs;
use utoipa::ToSchema;

use crate::app::App;
use crate::http::Problem;
use crate::http::auth::{Caller, ToRead, ToWrite};
use crate::http::params::Params;
use crate::http::problem::{ProblemBody, ReadRefusals};

/// A parked event.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParkedJson {
    position: u64,
    /// The step that gave up.
    step: String,
    /// Why.
    reason: String,
    #[schema(value_type = String, format = DateTime)]
    recorded_at: UnixMs,
}

/// A job that failed for good.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadJobJson {
    /// Its name, for a retry.
    id: String,
    /// `session_analysis` or `cot_analysis`.
    kind: String,
    /// What it is about: a session, or the position of an event.
    key: String,
    /// How often it was tried.
    attempts: u32,
    /// Why it failed the last time.
    error: String,
    #[schema(value_type = String, format = DateTime)]
    enqueued_at: UnixMs,
    #[schema(value_type = String, format = DateTime)]
    failed_at: UnixMs,
}

impl From<DeadJob> for DeadJobJson {
    fn from(job: DeadJob) -> Self {
        let DeadJob { id, kind, key, attempts, error, enqueued_at, failed_at, .. } = job;
        Self { id: id.0.to_string(), kind, key, attempts, error, enqueued_at, failed_at }
    }
}

/// A page of parked events, and one of dead jobs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuarantinePage {
    quarantine: Vec<ParkedJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// Jobs that failed for good, newest first.
    jobs: Vec<DeadJobJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_jobs_cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<String>,
}

/// Lists the project's parked events, oldest first, and its dead jobs, newest first; each list has a cursor of its own.
#[utoipa::path(
    get, path = "/v1/quarantine", operation_id = "listQuarantine", tag = "events",
    params(
        ("limit" = Option<u64>, Query, format = "uint64", description = "1..=1000, default 50", minimum = 1),
        ("cursor" = Option<String>, Query, description = "nextCursor of the page before"),
        ("jobsCursor" = Option<String>, Query, description = "nextJobsCursor of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = QuarantinePage, links(
            ("nextPage" = (operation_id = "listQuarantine", parameters(("cursor" = "$response.body#/nextCursor")))),
        )),
        ReadRefusals,
    ),
    security(("api_key" = []), ("bearer" = []), ("basic" = [])),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller<ToRead>,
    uri: Uri,
) -> Result<Json<QuarantinePage>, Problem> {
    let mut params = Params::of(&uri);
    let (limit, notice) = params.limit(app.config.query.page_default, app.config.query.page_max);
    let from = params.parsed("cursor", "the nextCursor of a page", |text| {
        tidegate_domain::filter::EventCursor::decode(text).map(|cursor| cursor.position)
    });
    let before =
        params.parsed("jobsCursor", "the nextJobsCursor of a page", |text| text.parse().ok().map(JobId));
    params.finish()?;
    let mut jobs = app.jobs.dead(caller.project(), before, limit + 1).await?;
    let has_more = jobs.len() > limit;
    jobs.truncate(limit);
    let next_jobs_cursor = jobs.last().filter(|_| has_more).map(|job| job.id.0.to_string());
    let mut parked = app.query.parked(caller.project(), from.unwrap_or(Position(0)), limit + 1).await?;
    let next = (parked.len() > limit).then(|| parked.split_off(limit)[0].position);
    let order = tidegate_domain::filter::Order::Asc;
    let next_cursor = next.map(|position| tidegate_domain::filter::EventCursor { order, position }.encode());
    let json = parked.into_iter().map(|p| ParkedJson {
        position: p.position.0,
        step: p.step,
        reason: p.reason,
        recorded_at: p.recorded_at,
    });
    let (quarantine, jobs) = (json.collect(), jobs.into_iter().map(DeadJobJson::from).collect());
    Ok(Json(QuarantinePage { quarantine, next_cursor, jobs, next_jobs_cursor, notice }))
}

/// What became of a retry.
#[derive(Serialize, ToSchema)]
pub struct Retried {
    /// Always true.
    ok: bool,
}

/// Lets a dead job wait again, with no attempts behind it.
#[utoipa::path(
    post, path = "/v1/quarantine/{id}/retry", operation_id = "retryQuarantined", tag = "operations",
    params(("id" = String, Path, description = "The job's `id`")),
    responses(
        (status = 200, description = "It waits", body = Retried),
        (status = 404, description = "There is no such job", body = ProblemBody, content_type = "application/problem+json"),
        ReadRefusals,
    ),
    security(("api_key" = []), ("bearer" = []), ("basic" = [])),
)]
pub async fn retry(
    State(app): State<Arc<App>>,
    caller: Caller<ToWrite>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Retried>, Problem> {
    let no_job = || Problem::not_found("job");
    let id = id.ok().and_then(|Path(id)| id.parse().ok()).map(JobId).ok_or_else(no_job)?;
    let is_there = app.jobs.revive(caller.project(), id, app.clock.now()).await?;
    if !is_there {
        return Err(no_job());
    }
    app.analyses.ring();
    Ok(Json(Retried { ok: true }))
}
