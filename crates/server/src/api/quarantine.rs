//! `GET /v1/quarantine`: events that a step of the pipeline could not handle.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use serde::Serialize;
use tidegate_domain::id::Position;
use tidegate_domain::time::UnixMs;
use utoipa::ToSchema;

use crate::app::App;
use crate::http::Problem;
use crate::http::auth::{Caller, ToRead};
use crate::http::params::Params;
use crate::http::problem::ReadRefusals;

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

/// A page of parked events.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuarantinePage {
    quarantine: Vec<ParkedJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<String>,
}

/// Lists the project's parked events, oldest first.
#[utoipa::path(
    get, path = "/v1/quarantine", operation_id = "listQuarantine", tag = "events",
    params(
        ("limit" = Option<u64>, Query, format = "uint64", description = "1..=1000, default 50", minimum = 1),
        ("cursor" = Option<String>, Query, description = "nextCursor of the page before"),
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
    params.finish()?;
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
    Ok(Json(QuarantinePage { quarantine: json.collect(), next_cursor, notice }))
}
