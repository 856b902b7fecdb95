//! What the native door answers.

use std::collections::HashMap;

use axum::Json;
use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tidegate_domain::id::{EventId, Position};
use tidegate_domain::ports::Receipt;
use utoipa::ToSchema;

use crate::analysis::{self, Waited, Waiting};
use crate::app::App;
use crate::doors::judge::{self, Verdict};
use crate::http::Problem;

/// What a client sends: one event, several, or several under `events`.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the request in the OpenAPI document; the door reads raw fields")]
pub(super) enum NewEvents {
    One(Box<NewEvent>),
    Many(Vec<NewEvent>),
    Wrapped { events: Vec<NewEvent> },
}

/// An event as a client sends it. Fields that are not listed are kept in the event's `context.extra`.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the request in the OpenAPI document; the door reads raw fields")]
pub(super) struct NewEvent {
    /// What happened: 1..=100 of `A-Za-z0-9._:-`, for example `message.user`, `cot`, `tool_call`.
    #[schema(example = "message.user", min_length = 1, max_length = 100, pattern = "^[A-Za-z0-9._:-]+$")]
    r#type: String,
    /// The conversation or visit: 1..=255 of `A-Za-z0-9._:-`.
    #[schema(min_length = 1, max_length = 255, pattern = "^[A-Za-z0-9._:-]+$")]
    session_id: Option<String>,
    /// Must be the key's project, if given.
    project_id: Option<String>,
    /// Where it came from; `api` if absent.
    source: Option<String>,
    /// Who did it: `{id, type}`.
    #[schema(value_type = Option<Object>)]
    actor: Option<()>,
    /// Whom it was done to: `{id, type}`.
    #[schema(value_type = Option<Object>)]
    target: Option<()>,
    /// What it was done to: `{type, id}`.
    #[schema(value_type = Option<Object>)]
    object: Option<()>,
    /// `user`, `assistant`, `system` or `tool`.
    role: Option<String>,
    /// The text that is screened.
    content: Option<String>,
    /// Free data (also accepted as `metadata`).
    #[schema(value_type = Option<Object>)]
    data: Option<()>,
    /// Campaign and referrer.
    #[schema(value_type = Option<Object>)]
    attribution: Option<()>,
    /// The same key is accepted once; a repeat gets the first receipt.
    idempotency_key: Option<String>,
    /// Ties events of one operation together.
    correlation_id: Option<String>,
    /// W3C trace id, or your own.
    trace_id: Option<String>,
    /// Version of the type's schema; 1 if absent.
    #[schema(minimum = 1)]
    schema_version: Option<u32>,
    /// When it happened: RFC 3339, or Unix milliseconds.
    #[schema(format = DateTime)]
    occurred_at: Option<String>,
}

/// The receipt of one durable event.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventReceipt {
    /// Always true.
    ok: bool,
    /// The event's id.
    event_id: String,
    /// Its place in the log.
    position: u64,
    /// True if it was there before; then this is the first one's receipt.
    duplicate: bool,
    /// With `wait`: true if that stage was not reached in time; the event is safe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pending: Option<bool>,
    /// With `wait=screened` the event's risk, with `wait=analyzed` its session's as the analysis says, 0..1.
    #[serde(skip_serializing_if = "Option::is_none")]
    risk_score: Option<f64>,
    /// With `wait`: the event's category.
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'static str>,
    /// With `wait=screened` codes of the flags that fired, with `wait=analyzed` the session's patterns.
    #[serde(skip_serializing_if = "Option::is_none")]
    patterns: Option<Vec<String>>,
}

impl EventReceipt {
    fn new(receipt: &Receipt, duplicate: bool) -> Self {
        let (event_id, position) = (receipt.id.to_string(), receipt.position.0);
        Self {
            ok: true,
            event_id,
            position,
            duplicate,
            pending: None,
            risk_score: None,
            category: None,
            patterns: None,
        }
    }
}

/// What a request is answered: one event its receipt, several a verdict each.
#[derive(ToSchema)]
#[serde(untagged)]
pub enum EventsAnswer {
    /// To one event.
    One(EventReceipt),
    /// To several.
    Several(EventVerdicts),
}

/// The answer to several events. Written by [`BatchReceipt`].
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the answer in the OpenAPI document")]
pub struct EventVerdicts {
    /// True if none was rejected.
    ok: bool,
    /// Stored now.
    accepted: usize,
    /// Stored before.
    duplicates: usize,
    /// Refused.
    rejected: usize,
    /// One verdict per event, in order.
    results: Vec<EventVerdict>,
}

/// What became of one event of several. Written by [`write`].
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the answer in the OpenAPI document")]
pub struct EventVerdict {
    /// Its place in the request.
    index: usize,
    /// `accepted`, `duplicate` or `rejected`.
    status: &'static str,
    /// Its id, unless rejected.
    event_id: Option<String>,
    /// Its place in the log, unless rejected.
    position: Option<u64>,
    /// Why it was rejected, every field by its pointer.
    error: Option<Vec<crate::http::problem::FieldErrorBody>>,
}

/// Answers a request of one event.
pub(super) async fn one(
    app: &App,
    project: &str,
    verdict: Option<Verdict>,
    waiting: Waiting,
) -> Result<Response, Problem> {
    let (receipt, duplicate) = match verdict {
        Some(Verdict::Stored(receipt)) => (receipt, false),
        Some(Verdict::Duplicate(receipt)) => (receipt, true),
        Some(Verdict::Refused(errors)) => return Err(judge::problem(errors)),
        None => return Err(judge::problem(Vec::new())),
    };
    let mut answer = EventReceipt::new(&receipt, duplicate);
    if waiting != Waiting::No {
        let mut session = None;
        if waiting == Waiting::Analyzed {
            session = analysis::sessions_of(app, project, vec![receipt.position]).await?.pop();
        }
        let waited =
            analysis::wait(app, waiting, session.as_ref().map(|(key, _)| key), receipt.position).await?;
        answer.pending = Some(waited == Waited::Pending);
        if waited != Waited::Pending {
            let assessed = app.views.assessments(project, &[receipt.position]).await?;
            fill(&mut answer, assessed);
        }
        if let Waited::Analyzed(verdict) = waited {
            answer.risk_score = Some(verdict.risk_score.get());
            answer.patterns =
                Some(verdict.patterns.iter().map(|pattern| pattern.name().to_owned()).collect());
        }
    }
    Ok(Json(answer).into_response())
}

fn fill(answer: &mut EventReceipt, mut assessed: HashMap<Position, tidegate_domain::ports::Assessed>) {
    let assessment = assessed.remove(&Position(answer.position)).map(|a| a.assessment).unwrap_or_default();
    answer.risk_score = Some(assessment.risk_score.get());
    answer.category = Some(assessment.category.name());
    answer.patterns = Some(assessment.flags.into_iter().map(|flag| flag.code.into_owned()).collect());
}

/// Waits until all stored events of `verdicts` have passed `stage`, or the patience ends.
pub(super) async fn wait(
    app: &App,
    project: &str,
    verdicts: &[Verdict],
    stage: Waiting,
) -> Result<(), Problem> {
    let stored = verdicts.iter().filter_map(|verdict| match verdict {
        Verdict::Stored(receipt) | Verdict::Duplicate(receipt) => Some(receipt.position),
        Verdict::Refused(_) => None,
    });
    let Some(last) = stored.clone().max().filter(|_| stage != Waiting::No) else { return Ok(()) };
    analysis::wait(app, Waiting::Screened, None, last).await?;
    if stage == Waiting::Analyzed {
        let sessions = analysis::sessions_of(app, project, stored.collect()).await?;
        analysis::wait_for_all(app, sessions).await?;
    }
    Ok(())
}

/// Answers a request of several events. Written by hand into one string: it may hold a thousand verdicts.
pub(super) struct BatchReceipt<'v>(pub(super) &'v [Verdict]);

impl IntoResponse for BatchReceipt<'_> {
    fn into_response(self) -> Response {
        let count = |of: fn(&Verdict) -> bool| self.0.iter().filter(|verdict| of(verdict)).count();
        let accepted = count(|v| matches!(v, Verdict::Stored(_)));
        let duplicates = count(|v| matches!(v, Verdict::Duplicate(_)));
        let rejected = count(|v| matches!(v, Verdict::Refused(_)));
        let mut out = String::with_capacity(128 + self.0.len() * 112);
        let ok = rejected == 0;
        let counts = format!(
            "{{\"ok\":{ok},\"accepted\":{accepted},\"duplicates\":{duplicates},\"rejected\":{rejected},\"results\":["
        );
        out.push_str(&counts);
        for (index, verdict) in self.0.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            write(&mut out, index, verdict);
        }
        out.push_str("]}");
        let json = HeaderValue::from_static("application/json");
        ([(header::CONTENT_TYPE, json)], Body::from(out)).into_response()
    }
}

/// Writes one [`EventVerdict`].
fn write(out: &mut String, index: usize, verdict: &Verdict) {
    let (status, receipt) = match verdict {
        Verdict::Stored(receipt) => ("accepted", receipt),
        Verdict::Duplicate(receipt) => ("duplicate", receipt),
        Verdict::Refused(errors) => {
            // The types hold nothing that JSON cannot.
            let errors = serde_json::to_string(errors).unwrap_or_default();
            return out
                .push_str(&format!("{{\"index\":{index},\"status\":\"rejected\",\"error\":{errors}}}"));
        }
    };
    let mut digits = itoa::Buffer::new();
    out.push_str("{\"index\":");
    out.push_str(digits.format(index));
    out.push_str(",\"status\":\"");
    out.push_str(status);
    out.push_str("\",\"eventId\":\"");
    out.push_str(receipt.id.write_to(&mut EventId::buffer()));
    out.push_str("\",\"position\":");
    out.push_str(digits.format(receipt.position.0));
    out.push('}');
}
