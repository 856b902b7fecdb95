//! Labels and exemplars: `POST /v1/events/{id}/label`, and `/v1/exemplars`.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{Extensions, HeaderMap, Uri};
use serde::Serialize;
use tidegate_domain::filter::{EventCursor, Order};
use tidegate_domain::id::{EventId, Position};
use tidegate_domain::label::Exemplar;
use tidegate_domain::record;
use tidegate_domain::time::UnixMs;
use tidegate_engine::labelling::NewLabel;
use utoipa::ToSchema;

use super::label_body::{self, LabelBody, LabelRequest};
use crate::app::App;
use crate::doors::DoorContext;
use crate::http::Problem;
use crate::http::auth::{Caller, ToRead, ToWrite};
use crate::http::params::Params;
use crate::http::problem::{BodyRefusals, ProblemBody, ReadRefusals};

/// A labelled text.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExemplarJson {
    /// Its id: that of the label's event.
    pub id: String,
    /// What it was labelled; `LOW_RISK`: approved.
    pub category: &'static str,
    /// The text, at most its first 4000 characters.
    pub text: String,
    /// The event that was labelled, if it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// Who labelled it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labelled_by: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When it was labelled.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: UnixMs,
    /// True if the label was taken back: it counts for no later text.
    pub removed: bool,
}

impl From<Exemplar> for ExemplarJson {
    fn from(exemplar: Exemplar) -> Self {
        Self {
            id: exemplar.id,
            category: exemplar.category.name(),
            text: exemplar.text,
            event_id: exemplar.event_id,
            labelled_by: exemplar.labelled_by,
            note: exemplar.note,
            created_at: exemplar.created_at,
            removed: exemplar.removed.is_some(),
        }
    }
}

/// One exemplar.
#[derive(Serialize, ToSchema)]
pub struct OneExemplar {
    exemplar: ExemplarJson,
}

/// One exemplar, and what it touched.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExemplarDetail {
    exemplar: ExemplarJson,
    /// Ids of the events whose assessment names this exemplar as similar, oldest first.
    touched: Vec<String>,
    /// Pass as `cursor` for more of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A page of exemplars.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExemplarsPage {
    exemplars: Vec<ExemplarJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<String>,
}

/// Says what an event's text is. It counts for every later text like it; another label of the event replaces it.
#[utoipa::path(
    post, path = "/v1/events/{id}/label", operation_id = "labelEvent", tag = "screening",
    params(("id" = String, Path, description = "An eventId")),
    request_body(content = LabelRequest),
    responses(
        (status = 200, description = "The exemplar that the text became", body = OneExemplar, links(
            ("exemplar" = (operation_id = "getExemplar", parameters(("id" = "$response.body#/exemplar/id")))),
        )),
        (status = 404, description = "There is no such event", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Texts like it were mostly approved: send `confirm: true` if it is so all the same", body = ProblemBody, content_type = "application/problem+json"),
        BodyRefusals,
    ),
    security(("api_key" = []), ("bearer" = []), ("basic" = [])),
)]
pub async fn label_event(
    State(app): State<Arc<App>>,
    caller: Caller<ToWrite>,
    id: Result<Path<String>, PathRejection>,
    extensions: Extensions,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<OneExemplar>, Problem> {
    let asked = label_body::read(&app, &headers, body, false).await?;
    let not_found = || Problem::not_found("event");
    let id: EventId = id.ok().and_then(|Path(id)| id.parse().ok()).ok_or_else(not_found)?;
    let found = app.query.event(caller.project(), id).await?.ok_or_else(not_found)?;
    let event = record::decode(&found.stored.bytes).map_err(|_| not_found())?;
    let text = event.content.as_deref().unwrap_or("");
    if text.trim().is_empty() {
        return Err(label_body::no_text());
    }
    let of = (found.stored.receipt.id.to_string(), found.stored.receipt.position);
    add(&app, &caller, &asked, text, Some(of), &headers, &extensions).await
}

/// Labels a text that is no event.
#[utoipa::path(
    post, path = "/v1/exemplars", operation_id = "addExemplar", tag = "screening",
    request_body(content = LabelRequest, description = "As for an event, with `text`"),
    responses(
        (status = 200, description = "The exemplar", body = OneExemplar, links(
            ("exemplar" = (operation_id = "getExemplar", parameters(("id" = "$response.body#/exemplar/id")))),
        )),
        (status = 409, description = "Texts like it were mostly approved: send `confirm: true` if it is so all the same", body = ProblemBody, content_type = "application/problem+json"),
        BodyRefusals,
    ),
    security(("api_key" = []), ("bearer" = []), ("basic" = [])),
)]
pub async fn add_exemplar(
    State(app): State<Arc<App>>,
    caller: Caller<ToWrite>,
    extensions: Extensions,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<OneExemplar>, Problem> {
    let asked = label_body::read(&app, &headers, body, true).await?;
    add(&app, &caller, &asked, &asked.text, None, &headers, &extensions).await
}

async fn add(
    app: &App,
    caller: &Caller<ToWrite>,
    asked: &LabelBody,
    text: &str,
    event: Option<(String, Position)>,
    headers: &HeaderMap,
    extensions: &Extensions,
) -> Result<Json<OneExemplar>, Problem> {
    let door =
        DoorContext::new("label", caller.project(), &app.config.event, app.clock.now(), headers, extensions);
    let label = NewLabel {
        project: caller.project(),
        text,
        category: asked.category,
        event,
        labelled_by: asked.labelled_by.as_deref().unwrap_or(&caller.grant.key_id),
        note: asked.note.as_deref(),
        context: door.json(),
    };
    let until = app.log.tail();
    let exemplar = app.labelling.add(&app.intake, &app.query, &label, until, asked.confirm).await?;
    app.metrics.labelled(asked.category);
    Ok(Json(OneExemplar { exemplar: exemplar.into() }))
}

/// Lists the project's exemplars, newest first; those taken back too.
#[utoipa::path(
    get, path = "/v1/exemplars", operation_id = "listExemplars", tag = "screening",
    params(
        ("limit" = Option<u64>, Query, format = "uint64", description = "1..=1000, default 50", minimum = 1),
        ("cursor" = Option<String>, Query, description = "nextCursor of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = ExemplarsPage, links(
            ("nextPage" = (operation_id = "listExemplars", parameters(("cursor" = "$response.body#/nextCursor")))),
            ("exemplar" = (operation_id = "getExemplar", parameters(("id" = "$response.body#/exemplars/0/id")))),
        )),
        ReadRefusals,
    ),
    security(("api_key" = []), ("bearer" = []), ("basic" = [])),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller<ToRead>,
    uri: Uri,
) -> Result<Json<ExemplarsPage>, Problem> {
    let mut params = Params::of(&uri);
    let (limit, notice) = params.limit(app.config.query.page_default, app.config.query.page_max);
    let from = place(&mut params).unwrap_or(Position::MAX);
    params.finish()?;
    let mut exemplars = app.control.exemplars(caller.project(), None, from, limit + 1).await?;
    let next = (exemplars.len() > limit).then(|| exemplars.split_off(limit)[0].position);
    let exemplars = exemplars.into_iter().map(ExemplarJson::from).collect();
    Ok(Json(ExemplarsPage { exemplars, next_cursor: next.map(|at| cursor(Order::Desc, at)), notice }))
}

/// One exemplar, and the events it touched.
#[utoipa::path(
    get, path = "/v1/exemplars/{id}", operation_id = "getExemplar", tag = "screening",
    params(
        ("id" = String, Path, description = "An exemplar's id"),
        ("limit" = Option<u64>, Query, format = "uint64", description = "Touched events: 1..=1000, default 50", minimum = 1),
        ("cursor" = Option<String>, Query, description = "nextCursor of the page before"),
    ),
    responses(
        (status = 200, description = "The exemplar", body = ExemplarDetail),
        (status = 404, description = "There is none, or it is another project's", body = ProblemBody, content_type = "application/problem+json"),
        ReadRefusals,
    ),
    security(("api_key" = []), ("bearer" = []), ("basic" = [])),
)]
pub async fn one(
    State(app): State<Arc<App>>,
    caller: Caller<ToRead>,
    id: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Json<ExemplarDetail>, Problem> {
    let mut params = Params::of(&uri);
    let (limit, _) = params.limit(app.config.query.page_default, app.config.query.page_max);
    let from = place(&mut params).unwrap_or_default();
    params.finish()?;
    let exemplar = find(&app, caller.project(), id).await?;
    let page = app.views.touched(caller.project(), exemplar.position, from, limit).await?;
    let records = app.log.get(&page.positions).await?;
    Ok(Json(ExemplarDetail {
        exemplar: exemplar.into(),
        touched: records.iter().map(|record| record.receipt.id.to_string()).collect(),
        next_cursor: page.next.map(|at| cursor(Order::Asc, at)),
    }))
}

/// Takes a label back: it counts for no later text. What it touched keeps its assessment.
#[utoipa::path(
    delete, path = "/v1/exemplars/{id}", operation_id = "removeExemplar", tag = "screening",
    params(("id" = String, Path, description = "An exemplar's id")),
    responses(
        (status = 200, description = "The exemplar, removed; the same when it was removed before", body = OneExemplar),
        (status = 404, description = "There is none, or it is another project's", body = ProblemBody, content_type = "application/problem+json"),
        ReadRefusals,
    ),
    security(("api_key" = []), ("bearer" = []), ("basic" = [])),
)]
pub async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller<ToWrite>,
    id: Result<Path<String>, PathRejection>,
    extensions: Extensions,
    headers: HeaderMap,
) -> Result<Json<OneExemplar>, Problem> {
    let exemplar = find(&app, caller.project(), id).await?;
    if exemplar.removed.is_none() {
        let now = app.clock.now();
        let door = DoorContext::new("label", caller.project(), &app.config.event, now, &headers, &extensions);
        app.labelling.remove(&app.intake, &exemplar, &caller.grant.key_id, door.json()).await?;
    }
    let exemplar = ExemplarJson { removed: true, ..exemplar.into() };
    Ok(Json(OneExemplar { exemplar }))
}

/// The project's exemplar of this id.
async fn find(
    app: &App,
    project: &str,
    id: Result<Path<String>, PathRejection>,
) -> Result<Exemplar, Problem> {
    let not_found = || Problem::not_found("exemplar");
    let Path(id) = id.map_err(|_| not_found())?;
    let parsed: EventId = id.parse().map_err(|_| not_found())?;
    let (_, position) = parsed.location();
    let found = app.control.exemplars(project, None, position, 1).await?;
    found.into_iter().find(|exemplar| exemplar.id == parsed.to_string()).ok_or_else(not_found)
}

fn place(params: &mut Params) -> Option<Position> {
    params.parsed("cursor", "the nextCursor of a page", |text| {
        EventCursor::decode(text).map(|cursor| cursor.position)
    })
}

fn cursor(order: Order, position: Position) -> String {
    EventCursor { order, position }.encode()
}
