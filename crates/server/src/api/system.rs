//! What operators and probes ask: `/health`, `/ready`, `/metrics`, `/v1/metrics`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::metrics::Snapshot;

/// The process is alive.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`.
    status: &'static str,
    service: &'static str,
    version: &'static str,
    /// RFC 3339.
    timestamp: String,
}

/// Whether the server can do its work, check by check.
#[derive(Serialize, ToSchema)]
pub struct Ready {
    /// `ready` or `unavailable`.
    status: &'static str,
    checks: Vec<Check>,
}

/// One check.
#[derive(Serialize, ToSchema)]
pub struct Check {
    name: &'static str,
    ok: bool,
    /// False for a part without which the server still does its work, with less.
    required: bool,
    detail: String,
}

/// Liveness: looks at nothing but the process.
#[utoipa::path(get, path = "/health", operation_id = "getHealth", tag = "operations", responses((status = 200, description = "Alive", body = Health)))]
pub async fn health(State(app): State<Arc<App>>) -> Json<Health> {
    let timestamp = app.clock.now().to_rfc3339();
    Json(Health { status: "ok", service: "tidegate", version: env!("CARGO_PKG_VERSION"), timestamp })
}

/// Readiness: 200 if every required check holds, else 503.
#[utoipa::path(
    get, path = "/ready", operation_id = "getReady", tag = "operations",
    responses(
        (status = 200, description = "Ready", body = Ready),
        (status = 503, description = "Not ready: the failed checks say why", body = Ready),
    ),
)]
pub async fn ready(State(app): State<Arc<App>>) -> Response {
    let checks = checks(&app).await;
    let ok = checks.iter().all(|check| check.ok || !check.required);
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Ready { status: if ok { "ready" } else { "unavailable" }, checks })).into_response()
}

async fn checks(app: &App) -> Vec<Check> {
    let check = |name, ok, detail: String| Check { name, ok, required: true, detail };
    let log = app.log.status();
    let damaged = log.quarantined.len();
    let views = app.views.checkpoint().await;
    let lag = app.log.tail().0 - app.query.checkpoint().0.min(app.log.tail().0);
    vec![
        check(
            "draining",
            !app.stop.is_cancelled(),
            "the server takes requests unless it is stopping".to_owned(),
        ),
        check("log", log.refusing.is_none(), log.refusing.unwrap_or("takes events").to_owned()),
        check("log_integrity", true, format!("{damaged} damaged ranges quarantined")),
        check(
            "views",
            views.is_ok(),
            views.map_or_else(|error| error.to_string(), |at| format!("folded up to {at}")),
        ),
        check("pipeline", true, format!("{lag} events behind")),
        check("screening", true, app.screener.version().to_owned()),
        check("analysis", true, app.analyses.describe()),
        Check {
            name: "embedding",
            ok: app.embedding.is_well(),
            required: false,
            detail: app.embedding.describe(),
        },
    ]
}

/// Metrics in the Prometheus text format.
#[utoipa::path(
    get, path = "/metrics", operation_id = "getPrometheusMetrics", tag = "operations",
    responses((status = 200, description = "Prometheus text format 0.0.4", body = String, content_type = "text/plain")),
)]
pub async fn metrics(State(app): State<Arc<App>>) -> Response {
    prometheus_text(&app).await
}

async fn prometheus_text(app: &App) -> Response {
    // A store that does not answer leaves the gauges of jobs as they were.
    if let Ok(stats) = app.jobs.stats(app.clock.now()).await {
        app.metrics.jobs(&stats, app.clock.now());
    }
    let text = app.metrics.prometheus(&app.gauges());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// Metrics as seed 002's services gave them: JSON, or Prometheus text for a scraper's `Accept`.
#[utoipa::path(
    get, path = "/v1/metrics", operation_id = "getMetrics", tag = "operations",
    responses((status = 200, description = "Counters and gauges of this process", content(
        (Snapshot = "application/json"), (String = "text/plain"),
    ))),
)]
pub async fn metrics_json(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("*/*");
    let scraper = ["text/plain", "application/openmetrics-text"].iter().any(|media| accept.contains(media));
    if scraper && !accept.contains("json") {
        return prometheus_text(&app).await;
    }
    Json(app.metrics.snapshot(&app.gauges(), &app.config)).into_response()
}
