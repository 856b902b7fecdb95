//! `POST /v1/risk/screen`: an assessment of a text, without storing it. JSON, form or query, as seed 002's clients
//! send it.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use serde::Serialize;
use tidegate_domain::assessment::{Embedded, Input};
use tidegate_domain::author::Facts;
use tidegate_domain::draft::{FieldReader, RawFields};
use utoipa::ToSchema;

use super::event_json::{AssessmentJson, FlagJson};
use crate::app::App;
use crate::http::Problem;
use crate::http::auth::{Caller, ToRead};
use crate::http::body::{self, Media};
use crate::http::params::Params;
use crate::http::problem::BodyRefusals;

/// A text to screen.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the request in the OpenAPI document; the route reads raw fields")]
pub struct ScreenRequest {
    /// Given back in the answer.
    event_id: Option<String>,
    /// The text.
    content: String,
}

/// The assessment of a text.
#[derive(Serialize, ToSchema)]
pub struct ScreenAnswer {
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<String>,
    /// 0..1.
    risk_score: f64,
    /// `LOW_RISK`, `SPAM`, `TOXIC`, `TARGETED_HARASSMENT`, …
    risk_category: &'static str,
    /// 0..1.
    confidence: f64,
    /// Names of the rules that fired.
    flags: Vec<String>,
    details: ScreenDetails,
    model_version: String,
    screening_time_ms: f64,
}

/// Where the score comes from.
#[derive(Serialize, ToSchema)]
pub struct ScreenDetails {
    /// What the rules say.
    heuristic_score: f64,
    /// What similar texts say; `null` while no embedding model is loaded.
    embedding_score: Option<f64>,
    /// Similar labelled texts; empty while no embedding model is loaded.
    #[schema(value_type = Vec<Object>)]
    similar_events: Vec<()>,
    /// The rules that fired, with places.
    flags: Vec<FlagJson>,
}

/// Screens one text. Stores nothing.
#[utoipa::path(
    post, path = "/v1/risk/screen", operation_id = "screenText", tag = "screening",
    params(
        ("event_id" = Option<String>, Query, description = "Given back in the answer"),
        ("content" = Option<String>, Query, description = "The text, if there is no body"),
    ),
    request_body(content((ScreenRequest = "application/json"), (ScreenRequest = "application/x-www-form-urlencoded"))),
    responses(
        (status = 200, description = "The assessment", body = ScreenAnswer),
        BodyRefusals,
    ),
    security(("api_key" = []), ("bearer" = []), ("basic" = [])),
)]
pub async fn screen(
    State(app): State<Arc<App>>,
    caller: Caller<ToRead>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ScreenAnswer>, Problem> {
    let payload = app.bodies.read(&headers, body).await?;
    let text = body::text(&payload.bytes)?;
    let (event_id, content) = if text.trim().is_empty() {
        from_pairs(Params::of(&uri), &app)?
    } else if body::media(&headers, &[Media::Json, Media::Form])? == Media::Form {
        from_pairs(Params::parse(text), &app)?
    } else {
        from_json(text, &app)?
    };
    let (facts, embedded, position) = (&Facts::default(), &Embedded::Off, app.log.tail());
    let input = Input { project: caller.project(), text: &content, facts, embedded, position };
    let started = Instant::now();
    let assessment = app.screener.screen(&input);
    let elapsed = started.elapsed();
    app.metrics.screened(assessment.risk_score.get(), elapsed);
    let shown = AssessmentJson::new(&assessment, &content, app.screener.version());
    Ok(Json(ScreenAnswer {
        event_id,
        risk_score: shown.risk_score,
        risk_category: shown.category,
        confidence: shown.confidence,
        flags: shown.flags.iter().map(|flag| flag.code.clone()).collect(),
        details: ScreenDetails {
            heuristic_score: shown.risk_score,
            embedding_score: None,
            similar_events: Vec::new(),
            flags: shown.flags,
        },
        model_version: shown.model_version,
        screening_time_ms: (elapsed.as_secs_f64() * 1e6).round() / 1e3,
    }))
}

/// Reads form or query pairs. Content is not bounded by a parameter's size but by an event's.
fn from_pairs(mut params: Params, app: &App) -> Result<(Option<String>, String), Problem> {
    let content = params.take_long("content", app.config.event.content_max_chars);
    let event_id = params.take("event_id");
    if content.is_none() {
        params.refuse("content", "required", "content is required");
    }
    params.finish()?;
    Ok((event_id, content.unwrap_or_default()))
}

fn from_json(text: &str, app: &App) -> Result<(Option<String>, String), Problem> {
    let fields: RawFields<'_> = serde_json::from_str(text).map_err(|error| {
        Problem::new(axum::http::StatusCode::BAD_REQUEST, "invalid-json", error.to_string())
    })?;
    let mut reader = FieldReader::new(&app.config.event, app.clock.now());
    let (mut event_id, mut content, mut given) = (None, None, false);
    for (name, raw) in &fields.members {
        match name.as_ref() {
            "event_id" => event_id = reader.id(name, raw),
            "content" => {
                given = true;
                content = reader.content(name, raw, app.config.event.content_max_chars);
            }
            _ => {}
        }
    }
    if !given {
        reader.refuse_missing("content");
    }
    if !reader.errors.is_empty() {
        return Err(Problem::invalid("invalid-request", reader.errors));
    }
    Ok((event_id.map(Into::into), content.unwrap_or_default().into_owned()))
}
