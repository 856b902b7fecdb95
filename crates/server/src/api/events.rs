//! `GET /v1/events` and `GET /v1/events/{id}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::Uri;
use serde::Serialize;
use serde_json::value::RawValue;
use tidegate_domain::assessment::Category;
use tidegate_domain::filter::{EventCursor, EventFilter, Order};
use tidegate_domain::id::{EventId, Position};
use utoipa::ToSchema;

use super::event_json::{self, EventJson};
use crate::app::App;
use crate::http::Problem;
use crate::http::auth::{Caller, ToRead};
use crate::http::params::Params;
use crate::http::problem::{ProblemBody, ReadRefusals};

/// A page of events.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventsPage {
    #[schema(value_type = Vec<EventJson<'static>>)]
    events: Vec<Box<RawValue>>,
    /// Pass as `cursor` for the next page; absent at the end. A page may be short, even empty, and have one: the
    /// work for one page is bounded.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// Said when something asked for was changed, for example a limit lowered.
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<String>,
}

/// One event.
#[derive(Serialize, ToSchema)]
pub struct OneEvent {
    #[schema(value_type = EventJson<'static>)]
    event: Box<RawValue>,
}

/// Takes the filter parameters that lists and streams share.
pub fn filter(params: &mut Params) -> EventFilter {
    EventFilter {
        session: params.take("sessionId"),
        event_type: params.take("type"),
        actor: params.take("actor"),
        source: params.take("source"),
        category: params.parsed("category", "a category such as TOXIC", Category::parse),
        min_risk: params.risk("minRisk"),
        after: params.time("after"),
        before: params.time("before"),
    }
}

/// Lists events of the project, newest first; a session's oldest first.
#[utoipa::path(
    get, path = "/v1/events", operation_id = "listEvents", tag = "events",
    params(
        ("sessionId" = Option<String>, Query, description = "Only this session's"),
        ("type" = Option<String>, Query, description = "Only this type"),
        ("actor" = Option<String>, Query, description = "Only by this actor id"),
        ("source" = Option<String>, Query, description = "Only from this source"),
        ("category" = Option<String>, Query, description = "Only with this category, for example TOXIC"),
        ("minRisk" = Option<f64>, Query, description = "Only with at least this risk score", minimum = 0, maximum = 1),
        ("after" = Option<String>, Query, description = "Only that occurred after this time"),
        ("before" = Option<String>, Query, description = "Only that occurred before this time"),
        ("order" = Option<String>, Query, description = "asc or desc, by position", pattern = "^(asc|desc)?$"),
        ("limit" = Option<u64>, Query, format = "uint64", description = "1..=1000, default 50", minimum = 1),
        ("cursor" = Option<String>, Query, description = "nextCursor of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = EventsPage, links(
            ("nextPage" = (operation_id = "listEvents", parameters(("cursor" = "$response.body#/nextCursor")))),
            ("event" = (operation_id = "getEvent", parameters(("id" = "$response.body#/events/0/eventId")))),
            ("session" = (operation_id = "getSession", parameters(("id" = "$response.body#/events/0/sessionId")))),
        )),
        ReadRefusals,
    ),
    security(("api_key" = []), ("bearer" = []), ("basic" = [])),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller<ToRead>,
    uri: Uri,
) -> Result<Json<EventsPage>, Problem> {
    let mut params = Params::of(&uri);
    let filter = filter(&mut params);
    let order = params.order("order");
    let (limit, notice) = params.limit(app.config.query.page_default, app.config.query.page_max);
    let cursor = params.parsed("cursor", "the nextCursor of a page", EventCursor::decode);
    params.finish()?;
    let by_default = if filter.session.is_some() { Order::Asc } else { Order::Desc };
    let cursor = cursor.unwrap_or_else(|| first(order.unwrap_or(by_default)));
    let page = app.query.events(caller.project(), &filter, cursor, app.log.tail(), limit).await?;
    let version = app.screener.version();
    Ok(Json(EventsPage {
        events: page.events.iter().filter_map(|found| event_json::render(found, version)).collect(),
        next_cursor: page.next.map(|cursor| cursor.encode()),
        notice,
    }))
}

/// The start of a list in this direction.
fn first(order: Order) -> EventCursor {
    let position = if order == Order::Asc { Position(0) } else { Position::MAX };
    EventCursor { order, position }
}

/// One event with all that is known of it.
#[utoipa::path(
    get, path = "/v1/events/{id}", operation_id = "getEvent", tag = "events",
    params(("id" = String, Path, description = "An eventId")),
    responses(
        (status = 200, description = "The event", body = OneEvent, links(
            ("session" = (operation_id = "getSession", parameters(("id" = "$response.body#/event/sessionId")))),
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
) -> Result<Json<OneEvent>, Problem> {
    let not_found = || Problem::not_found("event");
    // A path that is no text is no event's either.
    let id: EventId = id.ok().and_then(|Path(id)| id.parse().ok()).ok_or_else(not_found)?;
    let found = app.query.event(caller.project(), id).await?.ok_or_else(not_found)?;
    let event = event_json::render(&found, app.screener.version()).ok_or_else(not_found)?;
    Ok(Json(OneEvent { event }))
}
