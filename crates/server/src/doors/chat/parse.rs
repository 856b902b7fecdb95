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
    door: &'a DoorContext<'_>,
    fields: &RawFields<'a>,
    reader: &mut FieldReader<'_>,
) -> Option<(Event<'a>, FingerprintRule)> {
    let mut event = Event { schema_version: 1, ..Event::default() };
    let mut seen = 0u32;
    for (name, raw) in &fields.members {
        let Some(field) = known(name) else {
            reader.keep_unknown(name, raw);
            continue;
        };
        if seen & field.bit() != 0 {
            reader.refuse(name, "repeated", format!("{} is given more than once", field.name()));
            continue;
        }
        seen |= field.bit();
        match field {
            Field::Project => check_project(door, name, raw, reader),
            Field::Session => event.session_id = reader.session_id(name, raw),
            Field::Type => event.event_type = reader.type_name(name, raw).unwrap_or_default(),
            Field::Source => event.source = reader.type_name(name, raw).unwrap_or_default(),
            Field::Actor => event.actor = reader.reference(name, raw),
            Field::Target => event.target = reader.reference(name, raw),
            Field::Object => event.object = reader.reference(name, raw),
            Field::Role => event.role = role(name, raw, reader),
            Field::Content => {
                event.content = reader.content(name, raw, reader.limits().content_max_chars);
            }
            Field::Data => event.data = reader.object(name, raw),
            Field::Attribution => event.attribution = reader.object(name, raw),
            Field::IdempotencyKey => event.idempotency_key = reader.id(name, raw),
            Field::Correlation => event.correlation_id = reader.id(name, raw),
            Field::Trace => event.trace_id = reader.id(name, raw),
            Field::SchemaVersion => event.schema_version = reader.version(name, raw).unwrap_or(1),
            Field::OccurredAt => event.occurred_at_ms = reader.time(name, raw, false),
        }
    }
    if seen & Field::Type.bit() == 0 {
        reader.refuse_missing("type");
    }
    Some((complete(event, door, reader), FingerprintRule::Off))
}

/// What a member of the object says.
#[derive(Clone, Copy)]
enum Field {
    Project,
    Session,
    Type,
    Source,
    Actor,
    Target,
    Object,
    Role,
    Content,
    Data,
    Attribution,
    IdempotencyKey,
    Correlation,
    Trace,
    SchemaVersion,
    OccurredAt,
}

impl Field {
    /// Its place in a set of fields.
    fn bit(self) -> u32 {
        1 << self as u32
    }

    /// Its name in the envelope.
    fn name(self) -> &'static str {
        match self {
            Self::Project => "projectId",
            Self::Session => "sessionId",
            Self::Type => "type",
            Self::Source => "source",
            Self::Actor => "actor",
            Self::Target => "target",
            Self::Object => "object",
            Self::Role => "role",
            Self::Content => "content",
            Self::Data => "data",
            Self::Attribution => "attribution",
            Self::IdempotencyKey => "idempotencyKey",
            Self::Correlation => "correlationId",
            Self::Trace => "traceId",
            Self::SchemaVersion => "schemaVersion",
            Self::OccurredAt => "occurredAt",
        }
    }
}

/// The field that a member names; seed 000 says `metadata` for `data`, and a client's own `id` is its key.
fn known(name: &str) -> Option<Field> {
    Some(match name {
        "projectId" => Field::Project,
        "sessionId" => Field::Session,
        "type" => Field::Type,
        "source" => Field::Source,
        "actor" => Field::Actor,
        "target" => Field::Target,
        "object" => Field::Object,
        "role" => Field::Role,
        "content" => Field::Content,
        "data" | "metadata" => Field::Data,
        "attribution" => Field::Attribution,
        "idempotencyKey" | "id" => Field::IdempotencyKey,
        "correlationId" => Field::Correlation,
        "traceId" => Field::Trace,
        "schemaVersion" => Field::SchemaVersion,
        "occurredAt" => Field::OccurredAt,
        _ => return None,
    })
}

fn complete<'a>(mut event: Event<'a>, door: &'a DoorContext<'_>, reader: &mut FieldReader<'_>) -> Event<'a> {
    event.project_id = door.project.into();
    if event.source.is_empty() {
        event.source = DEFAULT_SOURCE.into();
    }
    if event.role.is_none() {
        event.role = implied_role(&event.event_type).map(Cow::Borrowed);
    }
    if event.idempotency_key.is_none() {
        event.idempotency_key = door.idempotency_key.as_deref().map(Cow::Borrowed);
    }
    event.extra = reader.take_extra().map(Cow::Owned);
    event.context = door.json().into();
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
