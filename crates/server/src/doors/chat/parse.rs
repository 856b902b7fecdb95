//! The fields of the native door.

use std::borrow::Cow;

use tidegate_domain::draft::{FieldReader, RawFields};
use tidegate_domain::event::Event;
use tidegate_engine::intake::FingerprintRule;

use crate::app::App;
use crate::doors::DoorContext;
use crate::doors::judge::OTHER_PROJECT;

/// Where an event comes from unless it says so.
const DEFAULT_SOURCE: &str = "api";
/// What `role` may be.
const ROLES: [&str; 4] = ["user", "assistant", "system", "tool"];

/// Reads one event.
pub(in crate::doors) fn parse<'a>(
    _app: &App,
    door: &DoorContext<'_>,
    fields: &RawFields<'a>,
    reader: &mut FieldReader<'_>,
) -> Option<(Event<'a>, FingerprintRule)> {
    let mut event = Event { schema_version: 1, ..Event::default() };
    let mut seen: Vec<&'static str> = Vec::new();
    for (name, raw) in &fields.members {
        let Some(field) = known(name) else {
            reader.keep_unknown(name, raw);
            continue;
        };
        if seen.contains(&field) {
            reader.refuse(name, "repeated", format!("{field} is given more than once"));
            continue;
        }
        seen.push(field);
        match field {
            "projectId" => check_project(door, name, raw, reader),
            "sessionId" => event.session_id = reader.session_id(name, raw),
            "type" => event.event_type = reader.type_name(name, raw).unwrap_or_default(),
            "source" => event.source = reader.type_name(name, raw).unwrap_or_default(),
            "actor" => event.actor = reader.reference(name, raw),
            "target" => event.target = reader.reference(name, raw),
            "object" => event.object = reader.reference(name, raw),
            "role" => event.role = role(name, raw, reader),
            "content" => event.content = reader.content(name, raw, reader.limits().content_max_chars),
            "data" => event.data = reader.object(name, raw),
            "attribution" => event.attribution = reader.object(name, raw),
            "idempotencyKey" => event.idempotency_key = reader.id(name, raw),
            "correlationId" => event.correlation_id = reader.id(name, raw),
            "traceId" => event.trace_id = reader.id(name, raw),
            "schemaVersion" => event.schema_version = reader.version(name, raw).unwrap_or(1),
            _ => event.occurred_at_ms = reader.time(name, raw, false),
        }
    }
    if !seen.contains(&"type") {
        reader.refuse_missing("type");
    }
    Some((complete(event, door, reader), FingerprintRule::Off))
}

/// The envelope's field of a member; seed 000 says `metadata` for `data`, and a client's own `id` is its key.
fn known(name: &str) -> Option<&'static str> {
    Some(match name {
        "projectId" => "projectId",
        "sessionId" => "sessionId",
        "type" => "type",
        "source" => "source",
        "actor" => "actor",
        "target" => "target",
        "object" => "object",
        "role" => "role",
        "content" => "content",
        "data" | "metadata" => "data",
        "attribution" => "attribution",
        "idempotencyKey" | "id" => "idempotencyKey",
        "correlationId" => "correlationId",
        "traceId" => "traceId",
        "schemaVersion" => "schemaVersion",
        "occurredAt" => "occurredAt",
        _ => return None,
    })
}

fn complete<'a>(mut event: Event<'a>, door: &DoorContext<'_>, reader: &mut FieldReader<'_>) -> Event<'a> {
    event.project_id = door.project.to_owned().into();
    if event.source.is_empty() {
        event.source = DEFAULT_SOURCE.into();
    }
    if event.role.is_none() {
        event.role = implied_role(&event.event_type).map(Cow::Borrowed);
    }
    if event.idempotency_key.is_none() {
        event.idempotency_key = door.idempotency_key.clone().map(Cow::Owned);
    }
    event.extra = reader.take_extra().map(Cow::Owned);
    event.context = door.json().to_owned().into();
    event
}

fn implied_role(event_type: &str) -> Option<&'static str> {
    let role = event_type.strip_prefix("message.")?;
    ROLES.into_iter().find(|known| *known == role)
}

fn check_project(
    door: &DoorContext<'_>,
    name: &str,
    raw: &serde_json::value::RawValue,
    reader: &mut FieldReader<'_>,
) {
    if let Some(project) = reader.string(name, raw)
        && project != door.project
    {
        reader.refuse(name, OTHER_PROJECT, format!("this key acts for project {}", door.project));
    }
}

fn role<'a>(
    name: &str,
    raw: &'a serde_json::value::RawValue,
    reader: &mut FieldReader<'_>,
) -> Option<Cow<'a, str>> {
    let role = reader.string(name, raw)?;
    if !ROLES.contains(&role.as_ref()) {
        reader.refuse(name, "unknown_value", format!("expected one of {}", ROLES.join(", ")));
        return None;
    }
    Some(role)
}
