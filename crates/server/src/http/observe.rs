//! Around every request: an id, the trace it belongs to, a time limit, metrics, one log line, and the writing out
//! of problems. Neither query strings nor bodies nor keys are ever logged.

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use futures_util::future::{Either, ready};
use tower::{Layer, Service};
use uuid::Uuid;

use super::problem::STORE_UNAVAILABLE;
use super::rates::Told;
use super::{Problem, strict};
use crate::app::App;
use crate::otlp::{self, OpenSpan, TraceId, TraceParent};

/// Carries a request's id in both directions.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id that is taken from a client.
const REQUEST_ID_MAX_BYTES: usize = 128;

/// What is known of a request before it is answered.
struct Seen {
    started: Instant,
    /// The client's `x-request-id`, or a new one.
    id: String,
    /// The trace it belongs to.
    trace_id: Option<TraceId>,
    /// Its span, if it is traced.
    span: Option<OpenSpan>,
    method: Method,
    /// The route that will answer.
    route: Option<MatchedPath>,
    /// What the caller is told of its rate limits, if there are any.
    told: Option<Told>,
}

/// The middleware, as a layer. Cheaper by three boxes a request than a handler-like function would be.
#[derive(Clone)]
pub struct Observe(pub Arc<App>);

/// A route under observation.
#[derive(Clone)]
pub struct Observed<S> {
    route: S,
    app: Arc<App>,
}

impl<S> Layer<S> for Observe {
    type Service = Observed<S>;

    fn layer(&self, route: S) -> Observed<S> {
        Observed { route, app: Arc::clone(&self.0) }
    }
}

impl<S> Service<Request> for Observed<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.route.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let seen = Seen::of(&self.app, &request);
        if let Some(span) = seen.span {
            request.extensions_mut().insert(span);
        }
        if let Some(told) = &seen.told {
            request.extensions_mut().insert(told.clone());
        }
        let answer = match strict::refusal(&request) {
            Some(problem) => Either::Left(ready(Ok(problem.into_response()))),
            None => Either::Right(self.route.call(request)),
        };
        Box::pin(seen.observe(Arc::clone(&self.app), answer))
    }
}

impl Seen {
    fn of(app: &App, request: &Request) -> Self {
        let started = Instant::now();
        let id = request_id(app, request.headers());
        let caller = TraceParent::of(request.headers());
        let span = app.tracer.as_ref().and_then(|tracer| tracer.request(caller));
        let trace_id = span.map(|span| span.trace_id()).or(caller.map(|caller| caller.trace_id));
        let route = request.extensions().get::<MatchedPath>().cloned();
        let (method, told) = (request.method().clone(), app.rates.told());
        Self { started, id, trace_id, span, method, route, told }
    }

    async fn observe(
        self,
        app: Arc<App>,
        answer: impl Future<Output = Result<Response, Infallible>> + Send,
    ) -> Result<Response, Infallible> {
        let route = self.route.as_ref().map_or("unmatched", MatchedPath::as_str);
        let limit = Duration::from_millis(app.config.server.request_timeout_ms);
        let answered = tokio::time::timeout(limit, AssertUnwindSafe(answer).catch_unwind()).await;
        let mut response = match answered {
            Ok(Ok(Ok(response))) => response,
            Ok(Err(_)) => {
                tracing::error!(request_id = self.id, route, "a handler panicked");
                let detail = "the request failed; the operator's log says why";
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail).into_response()
            }
            Err(_) => timed_out(limit),
        };
        if let Some(problem) = response.extensions_mut().remove::<Problem>() {
            if problem.kind == STORE_UNAVAILABLE {
                app.metrics.store_failed();
            }
            response = problem.render(&self.id);
        }
        if let Ok(id) = HeaderValue::from_str(&self.id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        if let Some(told) = &self.told {
            told.write(response.headers_mut());
        }
        harden(response.headers_mut());
        self.log(&app, route, response.status());
        Ok(response)
    }

    fn log(&self, app: &App, route: &str, status: StatusCode) {
        let Self { started, id, trace_id, method, .. } = self;
        if let Some((tracer, span)) = app.tracer.as_ref().zip(self.span.as_ref()) {
            let route = self.route.as_ref().map(MatchedPath::as_str);
            tracer.answered(span, &otlp::Request { method, route, status, id });
        }
        app.metrics.answered(route, status.as_u16(), started.elapsed());
        let (duration_ms, trace_id) =
            (started.elapsed().as_secs_f64() * 1e3, trace_id.map(tracing::field::display));
        if status.is_server_error() {
            tracing::warn!(request_id = id, trace_id, %method, route, status = status.as_u16(), duration_ms, "request");
        } else {
            tracing::debug!(request_id = id, trace_id, %method, route, status = status.as_u16(), duration_ms, "request");
        }
    }
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
