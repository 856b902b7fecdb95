//! The fields of the moderation door.

use std::borrow::Cow;

use serde_json::value::RawValue;
use tidegate_domain::draft::{FieldReader, RawFields};
use tidegate_domain::event::{Event, Reference};
use tidegate_engine::intake::FingerprintRule;

use crate::app::App;
use crate::doors::DoorContext;

const REQUIRED: [&str; 5] = ["event_id", "event_type", "platform", "content", "user_id"];

/// Reads one event.
pub(in crate::doors) fn parse<'a>(
    app: &App,
    door: &'a DoorContext<'_>,
    fields: &RawFields<'a>,
    reader: &mut FieldReader<'_>,
) -> Option<(Event<'a>, FingerprintRule)> {
    let mut event = Event { schema_version: 1, ..Event::default() };
    let mut seen: Vec<&str> = Vec::new();
    let mut channel = None;
    for (name, raw) in &fields.members {
        if seen.contains(&name.as_ref()) && is_known(name) {
            reader.refuse(name, "repeated", format!("{name} is given more than once"));
            continue;
        }
        match name.as_ref() {
            "event_id" => event.idempotency_key = reader.id(name, raw),
            "event_type" => {
                event.event_type = reader.type_name(name, raw).map(lower_case).unwrap_or_default();
            }
            "platform" => event.source = reader.type_name(name, raw).map(lower_case).unwrap_or_default(),
            "user_id" => event.target = reference(name, raw, reader),
            "author_id" => event.actor = reference(name, raw, reader),
            "channel_id" => channel = reader.id(name, raw),
            "session_id" => event.session_id = reader.session_id(name, raw),
            "content" => event.content = content(app, name, raw, reader),
            "metadata" => event.data = reader.object(name, raw),
            "created_at" => event.occurred_at_ms = reader.time(name, raw, true),
            _ => {
                reader.keep_unknown(name, raw);
                continue;
            }
        }
        seen.push(name);
    }
    require(app, &seen, reader);
    event.project_id = door.project.into();
    place(&mut event, channel);
    event.extra = reader.take_extra().map(Cow::Owned);
    event.context = door.json().into();
    Some((event, rule(app)))
}

fn is_known(name: &str) -> bool {
    REQUIRED.contains(&name)
        || matches!(name, "author_id" | "channel_id" | "session_id" | "metadata" | "created_at")
}

fn require(app: &App, seen: &[&str], reader: &mut FieldReader<'_>) {
    let author = app.config.intake.moderation_require_author.then_some("author_id");
    for name in REQUIRED.into_iter().chain(author) {
        if !seen.contains(&name) {
            reader.refuse_missing(name);
        }
    }
}

fn rule(app: &App) -> FingerprintRule {
    match u32::try_from(app.config.intake.dedup_window_s.saturating_mul(1000)) {
        Ok(0) => FingerprintRule::Off,
        Ok(window_ms) => FingerprintRule::Moderation { window_ms },
        Err(_) => FingerprintRule::Moderation { window_ms: u32::MAX },
    }
}

/// A message's channel is its object, and a session of its own unless the connector names one.
fn place<'a>(event: &mut Event<'a>, channel: Option<Cow<'a, str>>) {
    let Some(id) = channel else { return };
    let session = format!("{}:{id}", event.source);
    let fits = session.len() <= tidegate_domain::limits::SESSION_ID_MAX_CHARS
        && session.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:-".contains(&b));
    if event.session_id.is_none() && fits {
        event.session_id = Some(session.into());
    }
    event.object = Some(Reference { id, kind: Some("channel".into()) });
}

fn reference<'a>(name: &str, raw: &'a RawValue, reader: &mut FieldReader<'_>) -> Option<Reference<'a>> {
    Some(Reference { id: reader.id(name, raw)?, kind: Some("user".into()) })
}

fn content<'a>(
    app: &App,
    name: &str,
    raw: &'a RawValue,
    reader: &mut FieldReader<'_>,
) -> Option<Cow<'a, str>> {
    let limits = reader.limits();
    let text = reader.trimmed_content(name, raw, limits.moderation_content_max_chars)?;
    let (min, chars) = (app.config.intake.moderation_content_min_chars, text.chars().count());
    if chars < min {
        reader.refuse(name, "too_short", format!("at least {min} characters after trimming, got {chars}"));
        return None;
    }
    Some(text)
}

fn lower_case(name: Cow<'_, str>) -> Cow<'_, str> {
    if name.bytes().any(|b| b.is_ascii_uppercase()) { Cow::Owned(name.to_ascii_lowercase()) } else { name }
}
