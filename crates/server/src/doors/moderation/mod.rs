//! The moderation door of seed 002: `POST /v1/events/ingest` and `/v1/events/ingest-batch`, its shapes on our log.
//!
//! | its field | the envelope's |
//! |---|---|
//! | `event_id` | `idempotencyKey` |
//! | `event_type`, `platform` | `type`, `source` |
//! | `author_id` | `actor` |
//! | `user_id` | `target` |
//! | `channel_id` | `object` of type `channel`, and the session `platform:channel_id` unless `session_id` says otherwise |
//! | `content`, `metadata`, `created_at` | `content`, `data`, `occurredAt` |
//!
//! The same text by the same author on the same platform within `intake.dedup_window_s` is a duplicate.

mod parse;

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::Serialize;
use tidegate_domain::draft::RawFields;
use utoipa::ToSchema;

use super::DoorContext;
use super::elements::{Elements, elements, wrapped};
use super::judge::{self, Verdict, judge};
use crate::app::App;
use crate::http::Problem;
use crate::http::auth::{Caller, ToIngest};
use crate::http::body::{self, Media};
use crate::http::problem::BodyRefusals;

/// A moderation event as a platform connector sends it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the request in the OpenAPI document; the door reads raw fields")]
pub struct ModerationEvent {
    /// The connector's own id; the same id is accepted once.
    #[schema(min_length = 1, max_length = 255)]
    event_id: String,
    /// For example `message_created`.
    #[schema(min_length = 1, max_length = 100, pattern = "^[A-Za-z0-9._:-]+$")]
    event_type: String,
    /// `discord`, `slack`, `web_chat`, …
    #[schema(min_length = 1, max_length = 100, pattern = "^[A-Za-z0-9._:-]+$")]
    platform: String,
    /// Whom it was sent to.
    #[schema(min_length = 1, max_length = 255)]
    user_id: String,
    /// Who wrote it.
    #[schema(min_length = 1, max_length = 255)]
    author_id: String,
    /// The text: 1..=10 000 characters, trimmed.
    #[schema(min_length = 1, max_length = 10_000)]
    content: String,
    /// Where it was written.
    channel_id: Option<String>,
    /// The session it belongs to; else one is made of platform and channel.
    #[schema(min_length = 1, max_length = 255, pattern = "^[A-Za-z0-9._:-]+$")]
    session_id: Option<String>,
    /// When; RFC 3339, UTC if without an offset.
    #[schema(format = DateTime)]
    created_at: Option<String>,
    /// Free data, for example `user_reputation`.
    #[schema(value_type = Option<Object>)]
    metadata: Option<()>,
}

/// Several moderation events.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the request in the OpenAPI document; the door reads raw fields")]
pub struct ModerationBatch {
    /// Each is answered for itself.
    events: Vec<ModerationEvent>,
}

/// The answer to one moderation event.
#[derive(Serialize, ToSchema)]
pub struct IngestReceipt {
    /// The connector's id of the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<String>,
    /// `queued`: durable, screening follows; `duplicate`: was there before; `error`: refused.
    status: &'static str,
    /// Its place in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<String>,
    /// Time from request to durability, in milliseconds.
    ingestion_time_ms: f64,
    /// Why it was refused, every field by its pointer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<crate::http::problem::FieldErrorBody>)]
    errors: Vec<tidegate_domain::fault::FieldError>,
}

/// The answer to a batch of moderation events.
#[derive(Serialize, ToSchema)]
pub struct IngestBatchReceipt {
    /// Events in the request.
    total: usize,
    /// Stored now.
    queued: usize,
    /// Stored before.
    duplicates: usize,
    /// Refused.
    errors: usize,
    /// One answer per event, in order.
    results: Vec<IngestReceipt>,
    /// Time from request to durability, in milliseconds.
    batch_time_ms: f64,
}

/// Takes one moderation event: 200 once it is durable.
#[utoipa::path(
    post, path = "/v1/events/ingest", operation_id = "ingestEvent", tag = "moderation",
    request_body = ModerationEvent,
    responses(
        (status = 200, description = "Durable, or a duplicate", body = IngestReceipt),
        BodyRefusals,
    ),
    security(("api_key" = []), ("bearer" = []), ("basic" = [])),
)]
pub async fn ingest(
    State(app): State<Arc<App>>,
    caller: Caller<ToIngest>,
    request: Request,
) -> Result<Json<IngestReceipt>, Problem> {
    let started = Instant::now();
    let (Parts { headers, extensions, .. }, body) = request.into_parts();
    body::media(&headers, &[Media::Json])?;
    let payload = app.bodies.read(&headers, body).await?;
    let admitted = app.admission.admit()?;
    let text = body::text(&payload.bytes)?;
    let fields: RawFields<'_> = parse_json(text)?;
    let now = app.clock.now();
    let door =
        DoorContext::new("moderation", caller.project(), &app.config.event, now, &headers, &extensions);
    let id = event_id(&fields);
    let verdict = judge(&app, &door, &[Ok(fields)], text.len(), parse::parse, admitted).await?.pop();
    app.metrics.ingested(started.elapsed());
    match verdict {
        Some(Verdict::Refused(errors)) => Err(judge::problem(errors)),
        Some(verdict) => Ok(Json(IngestReceipt::new(id, verdict, started))),
        None => Err(judge::problem(Vec::new())),
    }
}

/// Takes up to 500 moderation events: 200 with an answer each; a bad event never sinks its neighbours.
#[utoipa::path(
    post, path = "/v1/events/ingest-batch", operation_id = "ingestEvents", tag = "moderation",
    request_body = ModerationBatch,
    responses(
        (status = 200, description = "An answer per event", body = IngestBatchReceipt),
        BodyRefusals,
    ),
    security(("api_key" = []), ("bearer" = []), ("basic" = [])),
)]
pub async fn ingest_batch(
    State(app): State<Arc<App>>,
    caller: Caller<ToIngest>,
    request: Request,
) -> Result<Json<IngestBatchReceipt>, Problem> {
    let started = Instant::now();
    let (Parts { headers, extensions, .. }, body) = request.into_parts();
    body::media(&headers, &[Media::Json])?;
    let payload = app.bodies.read(&headers, body).await?;
    let admitted = app.admission.admit()?;
    let text = body::text(&payload.bytes)?;
    let max = app.config.intake.moderation_batch_max_events;
    let Elements { candidates: events, count } = batch_events(text, max)?;
    if count > max {
        let detail =
            format!("at most intake.moderation_batch_max_events, {max}, events at once, got {count}");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "batch-too-large", detail));
    }
    let now = app.clock.now();
    let door =
        DoorContext::new("moderation", caller.project(), &app.config.event, now, &headers, &extensions);
    let ids: Vec<_> = events.iter().map(|event| event.as_ref().ok().and_then(event_id)).collect();
    let verdicts = judge(&app, &door, &events, text.len(), parse::parse, admitted).await?;
    app.metrics.ingested(started.elapsed());
    Ok(Json(IngestBatchReceipt::new(ids, verdicts, started)))
}

fn parse_json<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<T, Problem> {
    serde_json::from_str(text).map_err(|error| judge::problem(vec![judge::invalid_json(&error)]))
}

fn batch_events(text: &str, max: usize) -> Result<Elements<'_>, Problem> {
    if let Some(events) = wrapped(text, max) {
        return Ok(events);
    }
    let fields: RawFields<'_> = parse_json(text)?;
    let missing =
        |code, detail| judge::problem(vec![tidegate_domain::fault::FieldError::new("/events", code, detail)]);
    let list = fields.members.iter().find(|(name, _)| name == "events").map(|(_, value)| *value);
    let list = list.ok_or_else(|| missing("required", "events is required"))?;
    if !list.get().starts_with('[') {
        return Err(missing("wrong_type", "expected an array"));
    }
    elements(list.get(), max).map_err(|error| judge::problem(vec![error]))
}

/// The connector's id, to be given back; whatever else is wrong with the event.
fn event_id(fields: &RawFields<'_>) -> Option<String> {
    let raw = fields.members.iter().find(|(name, _)| name == "event_id").map(|(_, value)| *value)?;
    serde_json::from_str::<String>(raw.get())
        .ok()
        .filter(|id| id.len() <= tidegate_domain::limits::ID_MAX_BYTES)
}

impl IngestReceipt {
    fn new(event_id: Option<String>, verdict: Verdict, started: Instant) -> Self {
        let (status, receipt, errors) = match verdict {
            Verdict::Stored(receipt) => ("queued", Some(receipt), Vec::new()),
            Verdict::Duplicate(receipt) => ("duplicate", Some(receipt), Vec::new()),
            Verdict::Refused(errors) => ("error", None, errors),
        };
        let position = receipt.map(|receipt| receipt.position.to_string());
        Self { event_id, status, position, ingestion_time_ms: elapsed_ms(started), errors }
    }
}

impl IngestBatchReceipt {
    fn new(ids: Vec<Option<String>>, verdicts: Vec<Verdict>, started: Instant) -> Self {
        let results: Vec<_> = ids
            .into_iter()
            .zip(verdicts)
            .map(|(id, verdict)| IngestReceipt::new(id, verdict, started))
            .collect();
        let count = |status| results.iter().filter(|result| result.status == status).count();
        Self {
            total: results.len(),
            queued: count("queued"),
            duplicates: count("duplicate"),
            errors: count("error"),
            batch_time_ms: elapsed_ms(started),
            results,
        }
    }
}

fn elapsed_ms(started: Instant) -> f64 {
    (started.elapsed().as_secs_f64() * 1e5).round() / 1e2
}
