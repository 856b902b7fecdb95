//! What each kind of span says, as an OTLP message.

use axum::http::{Method, StatusCode};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::span::{Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as SpanStatus;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use tidegate_domain::ports::{AppendError, Appended, Deleted};
use tidegate_engine::analysis::Report as AnalysisReport;
use tidegate_engine::pipeline::BatchReport;

use super::{OpenSpan, SpanContext, nanoseconds};

/// What a request's span says of it. Neither path nor query: they hold names that clients chose.
pub struct Request<'a> {
    /// Its method.
    pub method: &'a Method,
    /// The route that answered, if any did.
    pub route: Option<&'a str>,
    /// The answer's status.
    pub status: StatusCode,
    /// Its id, which log lines have too.
    pub id: &'a str,
}

/// An attribute.
pub(super) fn text(key: &str, value: impl Into<String>) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

fn number(key: &str, value: u64) -> KeyValue {
    attribute(key, Value::IntValue(i64::try_from(value).unwrap_or(i64::MAX)))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

/// A span that ends now.
fn ended(open: &OpenSpan, name: impl Into<String>, kind: SpanKind, attributes: Vec<KeyValue>) -> Span {
    Span {
        trace_id: open.context.trace_id.0.to_vec(),
        span_id: open.context.span_id.0.to_vec(),
        parent_span_id: open.parent.map(|parent| parent.0.to_vec()).unwrap_or_default(),
        // The trace is sampled.
        flags: 1,
        name: name.into(),
        kind: kind.into(),
        start_time_unix_nano: open.start_unix_ns,
        end_time_unix_nano: open.start_unix_ns.saturating_add(nanoseconds(open.since.elapsed())),
        attributes,
        ..Span::default()
    }
}

/// The same span, failed for this reason.
fn failed(mut span: Span, reason: impl Into<String>) -> Span {
    span.attributes.push(text("error.type", reason));
    span.status = Some(Status { code: SpanStatus::Error.into(), ..Status::default() });
    span
}

/// Methods that HTTP defines; any other text may be a client's invention.
fn method_name(method: &Method) -> &str {
    const KNOWN: [Method; 9] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::CONNECT,
        Method::OPTIONS,
        Method::TRACE,
        Method::PATCH,
    ];
    if KNOWN.contains(method) { method.as_str() } else { "_OTHER" }
}

pub(super) fn of_request(open: &OpenSpan, request: &Request<'_>) -> Span {
    let method = method_name(request.method);
    let mut attributes = vec![
        text("http.request.method", method),
        number("http.response.status_code", request.status.as_u16().into()),
        text("url.scheme", "http"),
        text("tidegate.request.id", request.id),
    ];
    attributes.extend(request.route.map(|route| text("http.route", route)));
    let name = request.route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"));
    let span = ended(open, name, SpanKind::Server, attributes);
    if request.status.is_server_error() { failed(span, request.status.as_str()) } else { span }
}

pub(super) fn of_append(open: &OpenSpan, answer: Result<&[Appended], &AppendError>) -> Span {
    let span = |attributes| ended(open, "log.append", SpanKind::Internal, attributes);
    match answer {
        Ok(appended) => {
            let stored = appended.iter().filter(|one| matches!(one, Appended::Stored(_))).count();
            span(vec![
                number("tidegate.batch.events", appended.len() as u64),
                number("tidegate.batch.stored", stored as u64),
            ])
        }
        Err(error) => failed(span(Vec::new()), error.to_string()),
    }
}

pub(super) fn of_batch(open: &OpenSpan, report: &BatchReport, links: &[SpanContext]) -> Span {
    let attributes = vec![
        number("tidegate.batch.events", report.events as u64),
        number("tidegate.batch.screened", report.screened as u64),
        number("tidegate.batch.parked", report.parked as u64),
        number("tidegate.batch.position", report.from.0),
    ];
    let link = |context: &SpanContext| Link {
        trace_id: context.trace_id.0.to_vec(),
        span_id: context.span_id.0.to_vec(),
        flags: 1,
        ..Link::default()
    };
    let links = links.iter().map(link).collect();
    Span { links, ..ended(open, "pipeline.batch", SpanKind::Internal, attributes) }
}

pub(super) fn of_analysis(open: &OpenSpan, report: &AnalysisReport<'_>) -> Span {
    let attributes = vec![
        text("gen_ai.provider.name", report.provider),
        text("gen_ai.response.model", report.model),
        number("gen_ai.usage.input_tokens", report.usage.input_tokens),
        number("gen_ai.usage.output_tokens", report.usage.output_tokens),
        text("tidegate.analysis.outcome", report.outcome),
        number("tidegate.analysis.cost_microusd", report.usage.cost_microusd),
    ];
    let span = ended(open, format!("analysis.{}", report.kind.name()), SpanKind::Internal, attributes);
    if matches!(report.outcome, "failed" | "refused") { failed(span, report.outcome) } else { span }
}

pub(super) fn of_retention(open: &OpenSpan, deleted: &Deleted) -> Span {
    let attributes = vec![
        number("tidegate.retention.segments", deleted.segments as u64),
        number("tidegate.retention.bytes", deleted.bytes),
    ];
    ended(open, "log.retention", SpanKind::Internal, attributes)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use tidegate_domain::analysis::{AnalysisKind, Usage};

    use super::super::{SpanId, TraceId};
    use super::*;

    #[test]
    fn an_analysis_says_who_answered_at_what_price_and_busy_is_no_error() {
        let context = SpanContext { trace_id: TraceId([1; 16]), span_id: SpanId([2; 8]) };
        let open = OpenSpan { context, parent: None, start_unix_ns: 5, since: Instant::now() };
        let span = |outcome| {
            let usage = Usage { input_tokens: 900, output_tokens: 80, cost_microusd: 77 };
            let (provider, model, took) = ("openai", "rules-1", Duration::from_millis(3));
            of_analysis(
                &open,
                &AnalysisReport { kind: AnalysisKind::Cot, provider, model, outcome, took, usage },
            )
        };
        let answered = span("fallback");
        assert_eq!((answered.name.as_str(), &answered.status), ("analysis.cot", &None));
        for attribute in [
            text("gen_ai.provider.name", "openai"),
            text("gen_ai.response.model", "rules-1"),
            number("gen_ai.usage.input_tokens", 900),
            number("gen_ai.usage.output_tokens", 80),
            text("tidegate.analysis.outcome", "fallback"),
            number("tidegate.analysis.cost_microusd", 77),
        ] {
            assert!(answered.attributes.contains(&attribute), "{attribute:?}");
        }
        assert!(span("failed").status.is_some() && span("refused").status.is_some());
        assert_eq!(span("busy").status, None);
    }

    #[test]
    fn only_our_own_failures_are_errors_and_no_method_is_a_clients_invention() {
        let context = SpanContext { trace_id: TraceId([1; 16]), span_id: SpanId([2; 8]) };
        let open = OpenSpan { context, parent: None, start_unix_ns: 5, since: Instant::now() };
        let span =
            |method: &Method, status| of_request(&open, &Request { method, route: None, status, id: "r" });
        let failed = span(&Method::GET, StatusCode::SERVICE_UNAVAILABLE);
        assert!(failed.status.is_some() && failed.attributes.contains(&text("error.type", "503")));
        let refused = span(&"SECRET".parse().unwrap(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!((refused.status, refused.name.as_str()), (None, "_OTHER"));
    }
}
