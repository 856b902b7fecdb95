//! The native door: `POST /v1/events`. One event, an array, `{events: […]}` or NDJSON; gzip, deflate, zstd or br.

mod answer;
mod parse;
mod split;

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use crate::analysis::Waiting;
use crate::app::App;
use crate::http::Problem;
use crate::http::auth::{Caller, ToIngest};
use crate::http::body::{self, Media};
use crate::http::params::Params;
use crate::http::problem::BodyRefusals;

use super::judge::judge;
use super::{DoorContext, judge};
use answer::BatchReceipt;
pub use answer::{EventReceipt, EventVerdict, EventsAnswer};
use split::Events;

/// Accepts events: 200 once they are durable.
///
/// One event is answered with its receipt, several with one verdict each: a bad event never sinks its neighbours.
/// `?wait=screened` answers after the events were screened, `?wait=analyzed` after their sessions were analysed, or says
/// `pending` when that takes too long.
#[utoipa::path(
    post, path = "/v1/events", operation_id = "postEvents", tag = "events",
    params(("wait" = Option<String>, Query, description = "`screened`: answer after screening; `analyzed`: after the \
        analysis of the session; `no`: at once, whatever `analysis.strategy` says")),
    request_body(content((answer::NewEvents = "application/json"), (String = "application/x-ndjson")),
        description = "One event, an array of events, `{events: […]}`, or one event a line"),
    responses(
        (status = 200, description = "Durable. One event: its receipt; several: a verdict each",
            body = EventsAnswer, links(
                ("event" = (operation_id = "getEvent", parameters(("id" = "$response.body#/eventId")))),
                ("session" = (operation_id = "getSession", parameters(("id" = "$request.body#/sessionId")))),
            )),
        BodyRefusals,
    ),
    security(("api_key" = []), ("bearer" = []), ("basic" = [])),
)]
pub async fn post_events(
    State(app): State<Arc<App>>,
    caller: Caller<ToIngest>,
    request: Request,
) -> Result<Response, Problem> {
    let started = Instant::now();
    let (Parts { uri, headers, extensions, .. }, body) = request.into_parts();
    let waiting = waiting(&app, caller.project(), &uri)?;
    let media = body::media(&headers, &[Media::Json, Media::Ndjson])?;
    let payload = app.bodies.read(&headers, body).await?;
    let admitted = app.admission.admit()?;
    let text = body::text(&payload.bytes)?;
    let max = app.config.intake.batch_max_events;
    let events = split::split(text, media, max).map_err(|error| judge::problem(vec![error]))?;
    if events.len() > max {
        let detail = format!("at most intake.batch_max_events, {max}, events at once, got {}", events.len());
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "batch-too-large", detail));
    }
    let now = app.clock.now();
    let mut door = DoorContext::new("chat", caller.project(), &app.config.event, now, &headers, &extensions);
    let response = match events {
        Events::One(event) => {
            door.idempotency_key = idempotency_key(&headers)?;
            let verdict = judge(&app, &door, &[event], text.len(), parse::parse, admitted).await?.pop();
            answer::one(&app, caller.project(), verdict, waiting).await?
        }
        Events::Many(events) => {
            let verdicts = judge(&app, &door, &events.candidates, text.len(), parse::parse, admitted).await?;
            answer::wait(&app, caller.project(), &verdicts, waiting).await?;
            BatchReceipt(&verdicts).into_response()
        }
    };
    app.metrics.ingested(started.elapsed());
    Ok(response)
}

fn waiting(app: &App, project: &str, uri: &Uri) -> Result<Waiting, Problem> {
    if uri.query().is_none() {
        return Ok(Waiting::by_default(app, project));
    }
    let mut params = Params::of(uri);
    let waiting = params.parsed("wait", "no, screened or analyzed", |text| match text {
        "no" => Some(Waiting::No),
        "screened" => Some(Waiting::Screened),
        "analyzed" => Some(Waiting::Analyzed),
        _ => None,
    });
    params.finish()?;
    let waiting = waiting.unwrap_or_else(|| Waiting::by_default(app, project));
    waiting.check(app, project)?;
    Ok(waiting)
}

/// The `Idempotency-Key` header, quoted or not; for a single event without a key in its body.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let text = value.to_str().ok().map(|text| text.trim().trim_matches('"'));
    let max = tidegate_domain::limits::ID_MAX_BYTES;
    match text {
        Some(key) if (1..=max).contains(&key.len()) => Ok(Some(key.to_owned())),
        _ => {
            let detail = format!("the Idempotency-Key header must be 1 to {max} visible characters");
            Err(Problem::new(StatusCode::BAD_REQUEST, "invalid-idempotency-key", detail))
        }
    }
}
