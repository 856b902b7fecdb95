//! `GET /v1/events/stream`: the live tail as server-sent events, with resume and a bounded cost per reader.
//!
//! Frames: `event: event` (data: one event), `event: gap` (data: `{from, to}`, positions that were left out because
//! the reader was too slow). `id` is the position to resume from: send it back as `Last-Event-ID`, or as `?from=`.
//! A frame of an `id` alone comes first, and as heartbeat: it dispatches nothing and moves the place to resume.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tidegate_domain::id::Position;
use tidegate_engine::live::{Live, LiveReader};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::event_json;
use super::events::filter;
use crate::app::App;
use crate::http::Problem;
use crate::http::auth::{Caller, ToRead};
use crate::http::params::Params;
use crate::http::problem::ReadRefusals;

/// How often an open stream asks whether its key still holds.
const KEY_CHECK: Duration = Duration::from_millis(500);

/// Follows the project's events as they are screened. The filter parameters are those of `GET /v1/events`.
#[utoipa::path(
    get, path = "/v1/events/stream", operation_id = "followEvents", tag = "events",
    params(
        ("from" = Option<u64>, Query, description = "Start at this position; without it and without Last-Event-ID, with what comes next"),
        ("sessionId" = Option<String>, Query, description = "Only this session's"),
        ("type" = Option<String>, Query, description = "Only this type"),
        ("actor" = Option<String>, Query, description = "Only by this actor id"),
        ("source" = Option<String>, Query, description = "Only from this source"),
        ("category" = Option<String>, Query, description = "Only with this category"),
        ("minRisk" = Option<f64>, Query, description = "Only with at least this risk score", minimum = 0, maximum = 1),
        ("after" = Option<String>, Query, description = "Only that occurred after this time"),
        ("before" = Option<String>, Query, description = "Only that occurred before this time"),
        ("Last-Event-ID" = Option<String>, Header, description = "Resume after the frame of this id"),
    ),
    responses(
        (status = 200,
            description = "Frames: `event` (one event), `gap` (`{from, to}`: left out, for falling behind or no longer kept), ids alone",
            content_type = "text/event-stream"),
        ReadRefusals,
    ),
    security(("api_key" = []), ("bearer" = []), ("basic" = [])),
)]
pub async fn follow(
    State(app): State<Arc<App>>,
    caller: Caller<ToRead>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut params = Params::of(&uri);
    let filter = filter(&mut params);
    let position = |text: &str| text.parse().ok().map(Position).filter(|position| *position <= Position::MAX);
    let from = params.parsed("from", "a position", position);
    // What is no text is no id either: ignoring it would quietly skip what the reader has missed.
    let resumed = headers.get("last-event-id").map(|value| value.to_str().unwrap_or("no text"));
    let resumed = resumed.filter(|id| !id.is_empty()).map(|id| position(id).ok_or(()));
    if resumed == Some(Err(())) {
        params.refuse("Last-Event-ID", "invalid", "expected the id of a frame of this stream");
    }
    params.finish()?;
    let permit = Arc::clone(&app.stream_readers).try_acquire_owned().map_err(|_| too_many(&app))?;
    let from = resumed.and_then(Result::ok).or(from).map(|from| from.min(app.log.tail()));
    let reader =
        LiveReader::new(&app.query, caller.project(), filter, from, app.config.stream.lag_max_events);
    let start = Follow {
        reader,
        app,
        credential: caller.credential,
        last_frame: Instant::now(),
        started: false,
        _permit: permit,
    };
    let body = Body::from_stream(stream::unfold(start, Follow::next));
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache, no-transform"),
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, body).into_response())
}

fn too_many(app: &App) -> Problem {
    let detail = format!("stream.readers_max, {}, readers are open", app.config.stream.readers_max);
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too-many-readers", detail).retry_after(5)
}

struct Follow {
    reader: LiveReader,
    app: Arc<App>,
    credential: Option<Arc<str>>,
    last_frame: Instant,
    started: bool,
    _permit: OwnedSemaphorePermit,
}

type Frame = Result<Bytes, std::convert::Infallible>;

impl Follow {
    /// The next bytes of the stream; `None` ends it: the server stops, the key was revoked, or a store failed.
    async fn next(mut self) -> Option<(Frame, Self)> {
        let heartbeat = Duration::from_millis(self.app.config.stream.heartbeat_ms);
        loop {
            if !std::mem::replace(&mut self.started, true) {
                return Some((Ok(self.place().into()), self));
            }
            let wake = (self.last_frame + heartbeat).min(Instant::now() + KEY_CHECK);
            let is_ready = tokio::select! {
                () = self.app.stop.cancelled() => return None,
                () = self.reader.ready() => true,
                () = tokio::time::sleep_until(wake) => false,
            };
            if self.credential.as_deref().is_some_and(|key| self.app.access.authenticate(key).is_none()) {
                return None;
            }
            let mut frames = if is_ready { self.news().await? } else { String::new() };
            // Events of others make a reader busy and still leave it silent.
            if frames.is_empty() && self.last_frame.elapsed() >= heartbeat {
                frames = self.place();
            }
            if !frames.is_empty() {
                self.last_frame = Instant::now();
                return Some((Ok(frames.into()), self));
            }
        }
    }

    /// A frame that only says where to resume.
    fn place(&self) -> String {
        format!("id: {}\n\n", self.reader.position())
    }

    /// The frames of what has come; perhaps none. `None` if a store failed.
    async fn news(&mut self) -> Option<String> {
        match self.reader.read(&self.app.query).await {
            Ok(live) => Some(self.frames(&live)),
            Err(error) => {
                let cause: &dyn std::error::Error = &error;
                tracing::warn!(error = cause, "a live reader was cut off");
                None
            }
        }
    }

    fn frames(&self, live: &Live) -> String {
        let mut out = String::new();
        match live {
            Live::Gap { from, to } => {
                out.push_str(&format!("id: {to}\nevent: gap\ndata: {{\"from\":{from},\"to\":{to}}}\n\n"));
            }
            Live::Events(events) => {
                for found in events {
                    let Some(json) = event_json::render(found, self.app.screener.version()) else { continue };
                    let id = found.stored.receipt.position.next();
                    out.push_str(&format!("id: {id}\nevent: event\ndata: {}\n\n", json.get()));
                }
            }
        }
        out
    }
}
