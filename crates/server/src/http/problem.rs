//! The one place where failures become HTTP: RFC 9457 `application/problem+json`.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tidegate_domain::fault::FieldError;
use tidegate_domain::ports::{AppendError, ControlError, JobsError, LogError, ViewsError};
use tidegate_engine::labelling::LabellingError;
use tidegate_engine::labels::LabelsError;
use tidegate_engine::query::QueryError;
use tidegate_engine::similar::SimilarEvent;
use utoipa::{IntoResponses, ToSchema};

/// The kind of a problem whose cause is a store.
pub(super) const STORE_UNAVAILABLE: &str = "store-unavailable";

/// A failure as a client sees it. The middleware in [`super::observe`] writes it out with the request's id.
#[derive(Clone, Debug)]
pub struct Problem {
    /// HTTP status.
    pub status: StatusCode,
    /// Last part of the problem's `type`, for example `invalid-event`.
    pub kind: &'static str,
    /// What happened, for whoever sent the request.
    pub detail: String,
    /// The fields that were wrong.
    pub errors: Vec<FieldError>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// A problem as JSON.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProblemBody {
    /// URI reference that names the kind of problem, for example `/problems/invalid-event`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same for every problem of this type.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time.
    pub detail: String,
    /// The request's id, also in the `x-request-id` header.
    pub request_id: String,
    /// The fields that were wrong, each with an RFC 6901 pointer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<FieldErrorBody>)]
    pub errors: Vec<FieldError>,
}

/// What every reading route may refuse, for the OpenAPI document.
#[derive(IntoResponses)]
pub enum ReadRefusals {
    /// No key, or no live one
    #[response(status = 401, content_type = "application/problem+json")]
    NoKey(#[to_schema] ProblemBody),
    /// The key may not do this
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(#[to_schema] ProblemBody),
    /// A parameter is wrong, and named
    #[response(status = 422, content_type = "application/problem+json")]
    Invalid(#[to_schema] ProblemBody),
    /// A rate limit is used up: see Retry-After
    #[response(status = 429, content_type = "application/problem+json")]
    RateLimited(#[to_schema] ProblemBody),
    /// A store is unavailable, or the request took too long: see Retry-After
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(#[to_schema] ProblemBody),
}

/// What every route with a body may refuse, for the OpenAPI document.
#[derive(IntoResponses)]
pub enum BodyRefusals {
    /// Not JSON, not UTF-8, or not decompressible
    #[response(status = 400, content_type = "application/problem+json")]
    Broken(#[to_schema] ProblemBody),
    /// No key, or no live one
    #[response(status = 401, content_type = "application/problem+json")]
    NoKey(#[to_schema] ProblemBody),
    /// The key may not do this, or not for this project
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(#[to_schema] ProblemBody),
    /// Too many events, or too large a body
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(#[to_schema] ProblemBody),
    /// Unknown content type or encoding
    #[response(status = 415, content_type = "application/problem+json")]
    Unsupported(#[to_schema] ProblemBody),
    /// A field breaks a rule; every field is named
    #[response(status = 422, content_type = "application/problem+json")]
    Invalid(#[to_schema] ProblemBody),
    /// A rate limit is used up: see Retry-After
    #[response(status = 429, content_type = "application/problem+json")]
    RateLimited(#[to_schema] ProblemBody),
    /// Overloaded, or closed to writes: see Retry-After
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(#[to_schema] ProblemBody),
    /// The disk is full: see Retry-After
    #[response(status = 507, content_type = "application/problem+json")]
    NoSpace(#[to_schema] ProblemBody),
}

/// One wrong field.
#[derive(Serialize, ToSchema)]
pub struct FieldErrorBody {
    /// RFC 6901 JSON pointer into the body, or the name of a query parameter after a slash.
    pub pointer: String,
    /// Stable code, for example `too_long`.
    pub code: String,
    /// The reason, with the limit and the value's measure.
    pub detail: String,
}

impl Problem {
    /// A problem of this kind.
    pub fn new(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Self {
        Self { status, kind, detail: detail.into(), errors: Vec::new(), headers: Vec::new() }
    }

    /// The same problem under another status.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The same problem, with the fields that were wrong.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.errors = errors;
        self
    }

    /// The same problem, with a header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same problem, with the time after which to try again.
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        self.with_header(header::RETRY_AFTER, seconds.max(1).into())
    }

    /// One wrong field, as 422.
    pub fn field(error: FieldError) -> Self {
        Self::invalid("invalid-request", vec![error])
    }

    /// Wrong fields, as 422.
    pub fn invalid(kind: &'static str, errors: Vec<FieldError>) -> Self {
        let detail = errors.first().map_or_else(String::new, |e| {
            let place = if e.pointer.is_empty() { "the request" } else { &e.pointer };
            format!("{place}: {}", e.detail)
        });
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, kind, detail).with_errors(errors)
    }

    /// 404 for what is not there, and for what is another project's: the two look alike (law 6).
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", format!("there is no such {what}"))
    }

    /// 500; the cause goes to the log, not to the client.
    pub fn internal(cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error = cause, "request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the request failed; the operator's log says why",
        )
    }

    /// 503 for what may be sent again after `retry_after_s` seconds: there is too much to do now.
    pub fn overloaded(detail: impl Into<String>, retry_after_s: u32) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail).retry_after(retry_after_s)
    }

    fn unavailable(cause: &(dyn std::error::Error + 'static), detail: &str) -> Self {
        tracing::error!(error = cause, "a store is unavailable");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, STORE_UNAVAILABLE, detail).retry_after(1)
    }

    /// The title of a problem: its kind in words.
    fn title(&self) -> String {
        let mut words = self.kind.replace('-', " ");
        if let Some(first) = words.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        words
    }

    /// The response of this problem, for the request of this id.
    pub fn render(&self, request_id: &str) -> Response {
        let body = ProblemBody {
            kind: format!("/problems/{}", self.kind),
            title: self.title(),
            status: self.status.as_u16(),
            detail: self.detail.clone(),
            request_id: request_id.to_owned(),
            errors: self.errors.clone(),
        };
        let json = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = (self.status, Body::from(json)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.extend(self.headers.iter().cloned());
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<AppendError> for Problem {
    fn from(error: AppendError) -> Self {
        let detail = error.to_string();
        match error {
            AppendError::Overloaded { retry_after_s, .. } => {
                Self::overloaded(format!("Queue full: {detail}"), retry_after_s)
            }
            AppendError::TooLarge { .. } => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "batch-too-large", detail)
            }
            AppendError::NoSpace(_) => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "no-space", detail).retry_after(5)
            }
            AppendError::Unavailable(ref cause) => Self::unavailable(cause.as_ref(), &detail),
            AppendError::Poisoned => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "log-closed", detail).retry_after(30)
            }
            AppendError::Closed => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "shutting-down", detail).retry_after(5)
            }
        }
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        match &error {
            QueryError::Log(cause) => Self::unavailable(cause, "the log could not be read"),
            QueryError::Views(cause) => Self::unavailable(cause, "the views could not be read"),
        }
    }
}

impl From<LabellingError> for Problem {
    fn from(error: LabellingError) -> Self {
        let detail = error.to_string();
        match error {
            LabellingError::NeedsConfirmation { neighbours, .. } => {
                let near = |near: &SimilarEvent| near.found.stored.receipt.id.to_string();
                let near: Vec<_> = neighbours.iter().map(near).collect();
                let detail =
                    format!("{detail}: {}; send confirm: true to label it all the same", near.join(", "));
                Self::new(StatusCode::CONFLICT, "label-needs-confirmation", detail)
            }
            LabellingError::Append(error) => error.into(),
            LabellingError::Query(error) => error.into(),
            LabellingError::Labels(error) => error.into(),
            LabellingError::Control(error) => error.into(),
            LabellingError::NoReceipt => Self::internal(&error),
        }
    }
}

impl From<LabelsError> for Problem {
    fn from(error: LabelsError) -> Self {
        match error {
            LabelsError::Log(error) => error.into(),
            LabelsError::Control(error) => error.into(),
            LabelsError::Screener(error) => Self::internal(&error),
        }
    }
}

impl From<LogError> for Problem {
    fn from(error: LogError) -> Self {
        QueryError::from(error).into()
    }
}

impl From<ViewsError> for Problem {
    fn from(error: ViewsError) -> Self {
        QueryError::from(error).into()
    }
}

impl From<JobsError> for Problem {
    fn from(error: JobsError) -> Self {
        Self::unavailable(error.0.as_ref(), "the jobs' store is unavailable")
    }
}

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Self {
        match &error {
            ControlError::Conflict => Self::new(StatusCode::CONFLICT, "conflict", error.to_string()),
            ControlError::Unavailable(cause) => Self::unavailable(cause.as_ref(), "control is unavailable"),
        }
    }
}
