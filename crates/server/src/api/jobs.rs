//! `GET /v1/jobs/stats`: work that is slow or may fail, by kind.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tidegate_domain::time::UnixMs;
use utoipa::ToSchema;

use crate::app::App;
use crate::http::Problem;
use crate::http::auth::{Caller, ToRead};
use crate::http::problem::ReadRefusals;

/// Numbers of one kind of jobs, of all projects.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KindStats {
    /// `session_analysis` or `cot_analysis`.
    kind: String,
    /// Due, and held by no worker.
    waiting: u64,
    /// Held by a worker.
    active: u64,
    /// Done since the first start.
    completed: u64,
    /// Given up, in quarantine.
    failed: u64,
    /// Not due yet.
    delayed: u64,
    /// Since when the oldest waiting one has been due.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_due_at: Option<UnixMs>,
    /// True while no worker takes any: `tidegate jobs pause`.
    is_paused: bool,
}

/// Numbers of jobs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobsStats {
    /// By kind, in the order of their names; kinds that never had a job are left out.
    kinds: Vec<KindStats>,
}

/// Counts jobs by kind and state.
#[utoipa::path(
    get, path = "/v1/jobs/stats", operation_id = "getJobsStats", tag = "operations",
    responses((status = 200, description = "Counts by kind", body = JobsStats), ReadRefusals),
    security(("api_key" = []), ("bearer" = []), ("basic" = [])),
)]
pub async fn stats(State(app): State<Arc<App>>, _caller: Caller<ToRead>) -> Result<Json<JobsStats>, Problem> {
    let stats = app.jobs.stats(app.clock.now()).await?;
    let kinds = stats.into_iter().map(|kind| KindStats {
        kind: kind.kind,
        waiting: kind.waiting,
        active: kind.active,
        completed: kind.completed,
        failed: kind.failed,
        delayed: kind.delayed,
        oldest_due_at: kind.oldest_due_at,
        is_paused: kind.is_paused,
    });
    Ok(Json(JobsStats { kinds: kinds.collect() }))
}
