//! Around every request: an id, the trace it belongs to, a time limit, metrics, one log line, and the writing out
//! of problems. Neither query strings nor bodies nor keys are ever logged.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use uuid::Uuid;

use super::Problem;
use crate::app::App;

/// Carries a request's id in both directions.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id that is taken from a client.
const REQUEST_ID_MAX_BYTES: usize = 128;

/// Who a request is, for its log line and its answer.
struct RequestMeta {
    /// The client's `x-request-id`, or a new one.
    id: String,
    /// The trace id of an inbound `traceparent`.
    trace_id: Option<String>,
}

/// The middleware.
pub async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let meta = RequestMeta { id: request_id(&app, request.headers()), trace_id: trace_id(request.headers()) };
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    let limit = Duration::from_millis(app.config.server.request_timeout_ms);
    let answered = tokio::time::timeout(limit, AssertUnwindSafe(next.run(request)).catch_unwind()).await;
    let mut response = match answered {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => {
            tracing::error!(request_id = meta.id, route, "a handler panicked");
            let detail = "the request failed; the operator's log says why";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail).into_response()
        }
        Err(_) => timed_out(limit),
    };
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = problem.render(&meta.id);
    }
    if let Ok(id) = HeaderValue::from_str(&meta.id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    harden(response.headers_mut());
    let status = response.status();
    app.metrics.answered(route, status.as_u16(), started.elapsed());
    let (duration_ms, trace_id) = (started.elapsed().as_secs_f64() * 1e3, meta.trace_id.as_deref());
    if status.is_server_error() {
        tracing::warn!(request_id = meta.id, trace_id, %method, route, status = status.as_u16(), duration_ms, "request");
    } else {
        tracing::debug!(request_id = meta.id, trace_id, %method, route, status = status.as_u16(), duration_ms, "request");
    }
    response
}

/// Headers that keep a browser from guessing or framing what we answer.
fn harden(headers: &mut HeaderMap) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}

fn timed_out(limit: Duration) -> Response {
    let detail = format!(
        "no answer within server.request_timeout_ms, {}; an event may have been stored: retry with its idempotency key",
        limit.as_millis()
    );
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "request-timeout", detail).retry_after(1).into_response()
}

/// The client's id, if it is short and harmless in a log line; else a new one.
fn request_id(app: &App, headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let harmless = |id: &&str| {
        (1..=REQUEST_ID_MAX_BYTES).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:-".contains(&b))
    };
    given.filter(harmless).map_or_else(|| app.request_ids.next(), str::to_owned)
}

/// The trace id of a valid W3C `traceparent`.
fn trace_id(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("traceparent")?.to_str().ok()?;
    let mut parts = value.split('-');
    let (version, trace, parent) = (parts.next()?, parts.next()?, parts.next()?);
    let hex =
        |text: &str, len| text.len() == len && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let nonzero = |text: &str| text.bytes().any(|b| b != b'0');
    let valid = hex(version, 2)
        && version != "ff"
        && hex(trace, 32)
        && hex(parent, 16)
        && nonzero(trace)
        && nonzero(parent);
    valid.then(|| trace.to_owned())
}

/// Makes request ids: a random start, then counting. Unique in practice, and cheaper than randomness each time.
pub struct RequestIds {
    start: u128,
    count: std::sync::atomic::AtomicU64,
}

impl RequestIds {
    /// Ids that start from `seed`.
    pub fn new(seed: [u8; 16]) -> Self {
        Self { start: u128::from_le_bytes(seed), count: std::sync::atomic::AtomicU64::new(0) }
    }

    fn next(&self) -> String {
        let number = self.count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Uuid::from_u128(self.start.wrapping_add(u128::from(number))).simple().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace_of(value: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", value.parse().unwrap());
        trace_id(&headers)
    }

    #[test]
    fn only_a_valid_traceparent_is_honoured() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(trace_of(&format!("00-{trace}-00f067aa0ba902b7-01")), Some(trace.into()));
        for bad in [
            "",
            "00-1-2-3",
            &format!("ff-{trace}-00f067aa0ba902b7-01"),
            &format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
        ] {
            assert_eq!(trace_of(bad), None, "{bad}");
        }
    }
}
