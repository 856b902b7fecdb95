//! `POST /v1/risk/screen-batch`: many texts in one request; a bad one never sinks its neighbours.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Extensions, HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use tidegate_domain::draft::RawFields;
use tidegate_domain::fault::FieldError;
use utoipa::ToSchema;

use super::answer::{ScreenAnswer, milliseconds};
use super::request::{self, ScreenBatchRequest};
use crate::app::App;
use crate::doors::DoorContext;
use crate::http::Problem;
use crate::http::auth::{Caller, ToRead};
use crate::http::body::{self, Media};
use crate::http::problem::{BodyRefusals, FieldErrorBody};

/// The body, as far as it is read at once.
#[derive(Deserialize)]
struct Texts<'a> {
    #[serde(borrow)]
    events: Vec<RawFields<'a>>,
}

/// One answer for each text, in order.
#[derive(Serialize, ToSchema)]
pub struct ScreenBatchAnswer {
    results: Vec<ScreenVerdict>,
    screening_time_ms: f64,
}

/// What became of one text.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum ScreenVerdict {
    /// It was screened.
    Screened(Box<ScreenAnswer>),
    /// Its fields break rules.
    Refused {
        /// Each of them.
        #[schema(value_type = Vec<FieldErrorBody>)]
        errors: Vec<FieldError>,
    },
}

/// Screens many texts.
#[utoipa::path(
    post, path = "/v1/risk/screen-batch", operation_id = "screenTexts", tag = "screening",
    request_body(content = ScreenBatchRequest),
    responses((status = 200, description = "An answer for each", body = ScreenBatchAnswer), BodyRefusals),
    security(("api_key" = []), ("bearer" = []), ("basic" = [])),
)]
pub async fn screen_batch(
    State(app): State<Arc<App>>,
    caller: Caller<ToRead>,
    extensions: Extensions,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ScreenBatchAnswer>, Problem> {
    let payload = app.bodies.read(&headers, body).await?;
    body::media(&headers, &[Media::Json])?;
    let text = body::text(&payload.bytes)?;
    let texts: Texts<'_> = serde_json::from_str(text)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "invalid-json", error.to_string()))?;
    let max = app.config.intake.batch_max_events;
    if texts.events.len() > max {
        let detail =
            format!("at most intake.batch_max_events, {max}, texts at once, got {}", texts.events.len());
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "batch-too-large", detail));
    }
    let door = DoorContext::new(
        "screen",
        caller.project(),
        &app.config.event,
        app.clock.now(),
        &headers,
        &extensions,
    );
    let started = Instant::now();
    let read: Vec<_> = texts.events.iter().map(|fields| request::from_fields(fields, &app)).collect();
    let good = read.iter().filter_map(|read| read.as_ref().ok()).collect();
    let mut assessed = super::assess(&app, &caller, &door, good).await?.into_iter();
    let mut results = Vec::with_capacity(read.len());
    for read in read {
        results.push(match read {
            Ok(text) => {
                let Some(screened) = assessed.next() else { break };
                ScreenVerdict::Screened(Box::new(screened.answer(&app, text)))
            }
            Err(errors) => ScreenVerdict::Refused { errors },
        });
    }
    Ok(Json(ScreenBatchAnswer { results, screening_time_ms: milliseconds(started.elapsed()) }))
}
