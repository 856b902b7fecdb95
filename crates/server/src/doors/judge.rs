//! What every door does with a body: split it into events, judge each, append the good ones in one batch.

use axum::http::StatusCode;
use tidegate_domain::analysis;
use tidegate_domain::draft::{FieldReader, MEMBERS_MAX, RawFields};
use tidegate_domain::event::Event;
use tidegate_domain::fault::FieldError;
use tidegate_domain::label;
use tidegate_domain::ports::{AppendBatch, AppendError, Appended, Receipt};
use tidegate_engine::intake::FingerprintRule;

use crate::app::App;
use crate::http::Problem;
use crate::http::admission::Admitted;
use crate::metrics::Received;

use super::DoorContext;

/// A door's reading of one event's fields. `None` if anything was refused; the reader holds the reasons.
pub(super) type Parse = for<'a> fn(
    &App,
    &'a DoorContext<'_>,
    &RawFields<'a>,
    &mut FieldReader<'_>,
) -> Option<(Event<'a>, FingerprintRule)>;

/// What became of one event of a request.
#[derive(Debug)]
pub(crate) enum Verdict {
    Stored(Receipt),
    Duplicate(Receipt),
    Refused(Vec<FieldError>),
}

/// One event as it came: its fields, or what is wrong with its JSON.
pub(super) type Candidate<'a> = Result<RawFields<'a>, FieldError>;

/// Judges and appends `candidates`; one verdict each, in order. Nothing is appended if the log refuses. The work of
/// `admitted` ends with the append, whatever the caller waits for then.
pub(super) async fn judge(
    app: &App,
    door: &DoorContext<'_>,
    candidates: &[Candidate<'_>],
    bytes: usize,
    parse: Parse,
    admitted: Admitted,
) -> Result<Vec<Verdict>, Problem> {
    let mut batch = app.intake.batch(bytes + candidates.len() * 128);
    let mut refused = Vec::new();
    let mut received = Received::new(&app.metrics);
    for (index, candidate) in candidates.iter().enumerate() {
        match read(app, door, candidate, parse) {
            Ok((event, rule)) => {
                received.count(&event.source, &event.event_type);
                batch.push(event, rule);
            }
            Err(errors) => refused.push((index, errors)),
        }
    }
    drop(received);
    app.metrics.refused(&refused);
    let appended = append(app, door, batch.finish()).await?;
    drop(admitted);
    Ok(merge(app, door, candidates.len(), appended, refused))
}

/// Appends `batch`, and traces it.
async fn append(app: &App, door: &DoorContext<'_>, batch: AppendBatch) -> Result<Vec<Appended>, AppendError> {
    let Some((tracer, request)) = app.tracer.as_ref().zip(door.span.as_ref()) else {
        return app.intake.append(batch).await;
    };
    let span = tracer.child(request);
    let answer = app.intake.append(batch).await;
    tracer.appended(request, &span, answer.as_deref());
    answer
}

fn read<'a>(
    app: &App,
    door: &'a DoorContext<'_>,
    candidate: &Candidate<'a>,
    parse: Parse,
) -> Result<(Event<'a>, FingerprintRule), Vec<FieldError>> {
    let fields = candidate.as_ref().map_err(|error| vec![error.clone()])?;
    if !fields.is_object {
        return Err(vec![FieldError::new("", "wrong_type", "expected an object")]);
    }
    if fields.has_broken_name {
        let detail = "a member's name holds half of a UTF-16 surrogate pair";
        return Err(vec![FieldError::new("", "lone_surrogate", detail)]);
    }
    if fields.is_cut {
        let detail = format!("at most {MEMBERS_MAX} members of one event");
        return Err(vec![FieldError::new("", "too_many_members", detail)]);
    }
    let mut reader = FieldReader::new(door.limits, door.now);
    let parsed = parse(app, door, fields, &mut reader);
    match parsed {
        Some((event, _)) if label::is_reserved(&event.event_type) => {
            let detail = "this type is the server's own: label an event with POST /v1/events/{id}/label";
            Err(vec![FieldError::new("/type", "reserved", detail)])
        }
        Some((event, _)) if analysis::is_reserved(&event.event_type) => {
            let detail = "this type is the server's own: it holds what an analysis found";
            Err(vec![FieldError::new("/type", "reserved", detail)])
        }
        Some(parsed) if reader.errors.is_empty() => Ok(parsed),
        _ => Err(reader.errors),
    }
}

/// Puts the answers of the log and the refusals back into the order of the request.
fn merge(
    app: &App,
    door: &DoorContext<'_>,
    count: usize,
    appended: Vec<Appended>,
    refused: Vec<(usize, Vec<FieldError>)>,
) -> Vec<Verdict> {
    let (mut appended, mut refused) = (appended.into_iter(), refused.into_iter().peekable());
    let mut verdicts = Vec::with_capacity(count);
    for index in 0..count {
        if let Some((_, errors)) = refused.next_if(|(at, _)| *at == index) {
            verdicts.push(Verdict::Refused(errors));
            continue;
        }
        match appended.next() {
            Some(Appended::Stored(receipt)) => verdicts.push(Verdict::Stored(receipt)),
            Some(Appended::Duplicate(receipt)) => verdicts.push(Verdict::Duplicate(receipt)),
            Some(Appended::KeyReused(_)) => verdicts.push(Verdict::Refused(vec![key_reused(door)])),
            None => {}
        }
    }
    app.metrics.judged(&verdicts);
    verdicts
}

/// The code of an idempotency key that came with another body.
pub(super) const KEY_REUSED: &str = "idempotency-key-reused";
/// The code of an event for a project the key may not act for.
pub(super) const OTHER_PROJECT: &str = "other_project";

fn key_reused(door: &DoorContext<'_>) -> FieldError {
    FieldError::new(door.key_pointer, KEY_REUSED, "this key was used for an event with another body")
}

/// A refused single event as an HTTP problem.
pub(super) fn problem(errors: Vec<FieldError>) -> Problem {
    match errors.first().map(|error| error.code) {
        Some(KEY_REUSED) => Problem::invalid(KEY_REUSED, errors),
        Some("invalid_json") => Problem::invalid("invalid-json", errors).with_status(StatusCode::BAD_REQUEST),
        _ if errors.iter().any(|error| error.code == OTHER_PROJECT) => {
            Problem::invalid("other-project", errors).with_status(StatusCode::FORBIDDEN)
        }
        _ => Problem::invalid("invalid-event", errors),
    }
}

/// What is wrong with JSON that cannot be parsed.
pub(super) fn invalid_json(error: &serde_json::Error) -> FieldError {
    // serde_json's message names the place and the rule, never the content.
    FieldError::new("", "invalid_json", error.to_string())
}
