//! `GET /v1/events/{id}/similar`: of the newest events, those most like one.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::Uri;
use serde::Serialize;
use serde_json::value::RawValue;
use tidegate_domain::id::EventId;
use tidegate_domain::record;
use tidegate_engine::similar::{Like, SimilarEvent, nearest};
use utoipa::ToSchema;

use super::event_json::{self, EventJson};
use crate::app::App;
use crate::http::Problem;
use crate::http::auth::{Caller, ToRead};
use crate::http::params::Params;
use crate::http::problem::{ProblemBody, ReadRefusals};

/// Neighbours given when the caller names no number, and most of them.
const DEFAULT: usize = 10;
const MAX: usize = 100;

/// Events like another.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SimilarPage {
    /// The likest first.
    similar: Vec<SimilarJson>,
    /// So many of the newest events were compared at most.
    window_events: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<String>,
}

/// An event, and how like it is.
#[derive(Serialize, ToSchema)]
pub struct SimilarJson {
    /// Cosine of the two texts' vectors, -1..1; 1 for the same text.
    similarity: f64,
    #[schema(value_type = EventJson<'static>)]
    event: Box<RawValue>,
}

/// Finds the events most like one, among the newest of the project.
#[utoipa::path(
    get, path = "/v1/events/{id}/similar", operation_id = "listSimilarEvents", tag = "screening",
    params(
        ("id" = String, Path, description = "An eventId"),
        ("limit" = Option<u64>, Query, format = "uint64", description = "1..=100, default 10", minimum = 1),
    ),
    responses(
        (status = 200, description = "The events most like it", body = SimilarPage, links(
            ("event" = (operation_id = "getEvent", parameters(("id" = "$response.body#/similar/0/event/eventId")))),
        )),
        (status = 404, description = "There is no such event", body = ProblemBody, content_type = "application/problem+json"),
        ReadRefusals,
    ),
    security(("api_key" = []), ("bearer" = []), ("basic" = [])),
)]
pub async fn similar(
    State(app): State<Arc<App>>,
    caller: Caller<ToRead>,
    id: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Json<SimilarPage>, Problem> {
    let mut params = Params::of(&uri);
    let (limit, notice) = params.limit(DEFAULT, MAX);
    params.finish()?;
    let not_found = || Problem::not_found("event");
    let id: EventId = id.ok().and_then(|Path(id)| id.parse().ok()).ok_or_else(not_found)?;
    let found = app.query.event(caller.project(), id).await?.ok_or_else(not_found)?;
    let event = record::decode(&found.stored.bytes).map_err(|_| not_found())?;
    let window_events = app.config.screening.similar_window_events;
    let like = Like {
        project: caller.project(),
        text: event.content.as_deref().unwrap_or(""),
        except: Some(found.stored.receipt.position),
        until: app.log.tail(),
        window_events,
    };
    // Nothing is like an event without a text.
    let near = if like.text.is_empty() {
        Vec::new()
    } else {
        nearest(&app.query, &app.screener, like, limit).await?
    };
    let similar = near.iter().filter_map(|near| json(near, app.screener.version())).collect();
    Ok(Json(SimilarPage { similar, window_events, notice }))
}

/// A neighbour as JSON.
fn json(near: &SimilarEvent, model_version: &str) -> Option<SimilarJson> {
    let event = event_json::render(&near.found, model_version)?;
    Some(SimilarJson { similarity: near.similarity, event })
}
