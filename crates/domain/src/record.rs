//! The bytes the log keeps of an event. Never rewritten, so old versions stay readable for ever.
//!
//! ```text
//! record := version u8 (1) · field*
//! field  := tag u8 · length varint (LEB128) · bytes
//! ```
//! Tags rise strictly. What the sender said has tags below [`CONTEXT`], what the door added has tags from it on;
//! [`Encoded::sender_bytes`] is the first part and is what a retry under the same idempotency key must repeat.
//! Unknown tags are skipped, so an older reader survives a newer field. Strings are UTF-8.

use std::borrow::Cow;

use crate::event::{Event, Reference};
use crate::varint;

/// The version this code writes.
pub const VERSION: u8 = 1;

const PROJECT: u8 = 1;
const SESSION: u8 = 2;
const TYPE: u8 = 3;
const SOURCE: u8 = 4;
const ACTOR_ID: u8 = 5;
const ACTOR_TYPE: u8 = 6;
const TARGET_ID: u8 = 7;
const TARGET_TYPE: u8 = 8;
const OBJECT_ID: u8 = 9;
const OBJECT_TYPE: u8 = 10;
const ROLE: u8 = 11;
const CONTENT: u8 = 12;
const DATA: u8 = 13;
const ATTRIBUTION: u8 = 14;
const IDEMPOTENCY_KEY: u8 = 15;
const CORRELATION_ID: u8 = 16;
const TRACE_ID: u8 = 17;
const SCHEMA_VERSION: u8 = 18;
const OCCURRED_AT: u8 = 19;
const EXTRA: u8 = 20;
/// First tag that the door, not the sender, fills.
pub const CONTEXT: u8 = 64;

/// Where an encoded event lies in a buffer.
#[derive(Clone, Copy, Debug)]
pub struct Encoded {
    /// First byte.
    pub start: usize,
    /// End of what the sender said.
    pub sender_end: usize,
    /// End of the record.
    pub end: usize,
}

impl Encoded {
    /// The part that a retry must repeat.
    pub fn sender_bytes(self, buffer: &[u8]) -> &[u8] {
        &buffer[self.start..self.sender_end]
    }
}

/// Appends the record of `event` to `out`. Cost: one copy of its bytes, no allocation but the buffer's growth.
pub fn encode(event: &Event<'_>, out: &mut Vec<u8>) -> Encoded {
    let start = out.len();
    out.push(VERSION);
    put(out, PROJECT, event.project_id.as_bytes());
    put_text(out, SESSION, event.session_id.as_deref());
    put(out, TYPE, event.event_type.as_bytes());
    put(out, SOURCE, event.source.as_bytes());
    put_reference(out, ACTOR_ID, event.actor.as_ref());
    put_reference(out, TARGET_ID, event.target.as_ref());
    put_reference(out, OBJECT_ID, event.object.as_ref());
    put_text(out, ROLE, event.role.as_deref());
    put_text(out, CONTENT, event.content.as_deref());
    put_text(out, DATA, event.data.as_deref());
    put_text(out, ATTRIBUTION, event.attribution.as_deref());
    put_text(out, IDEMPOTENCY_KEY, event.idempotency_key.as_deref());
    put_text(out, CORRELATION_ID, event.correlation_id.as_deref());
    put_text(out, TRACE_ID, event.trace_id.as_deref());
    if event.schema_version != 1 {
        put(out, SCHEMA_VERSION, &event.schema_version.to_le_bytes());
    }
    if let Some(ms) = event.occurred_at_ms {
        put(out, OCCURRED_AT, &ms.to_le_bytes());
    }
    put_text(out, EXTRA, event.extra.as_deref());
    let sender_end = out.len();
    put(out, CONTEXT, event.context.as_bytes());
    Encoded { start, sender_end, end: out.len() }
}

fn put(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    varint::put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_text(out: &mut Vec<u8>, tag: u8, text: Option<&str>) {
    if let Some(text) = text {
        put(out, tag, text.as_bytes());
    }
}

fn put_reference(out: &mut Vec<u8>, id_tag: u8, reference: Option<&Reference<'_>>) {
    if let Some(reference) = reference {
        put(out, id_tag, reference.id.as_bytes());
        put_text(out, id_tag + 1, reference.kind.as_deref());
    }
}

/// Bytes that are no record of a known version.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DecodeError {
    /// Written by a newer Tidegate.
    #[error("record version {0} is newer than this program knows ({VERSION})")]
    Version(u8),
    /// Not what `encode` writes.
    #[error("malformed record at byte {0}")]
    Malformed(usize),
}

/// Reads a record back, borrowing its strings. Never panics, whatever the bytes. Cost O(fields).
pub fn decode(bytes: &[u8]) -> Result<Event<'_>, DecodeError> {
    match bytes.first() {
        Some(&VERSION) => {}
        Some(&other) => return Err(DecodeError::Version(other)),
        None => return Err(DecodeError::Malformed(0)),
    }
    let mut event = Event { schema_version: 1, ..Event::default() };
    let mut at = 1;
    while at < bytes.len() {
        let (tag, value, next) = field(bytes, at).ok_or(DecodeError::Malformed(at))?;
        set(&mut event, tag, value).ok_or(DecodeError::Malformed(at))?;
        at = next;
    }
    Ok(event)
}

/// The field at `at`: its tag, its bytes, and where the next one starts.
fn field(bytes: &[u8], at: usize) -> Option<(u8, &[u8], usize)> {
    let tag = *bytes.get(at)?;
    let mut length = 0usize;
    let mut cursor = at + 1;
    for shift in (0..35).step_by(7) {
        let byte = *bytes.get(cursor)?;
        cursor += 1;
        length |= ((byte & 0x7f) as usize) << shift;
        if byte < 0x80 {
            let end = cursor.checked_add(length)?;
            return Some((tag, bytes.get(cursor..end)?, end));
        }
    }
    None
}

fn set<'a>(event: &mut Event<'a>, tag: u8, value: &'a [u8]) -> Option<()> {
    let text = || std::str::from_utf8(value).ok().map(Cow::Borrowed);
    let reference = || Some(Some(Reference { id: text()?, kind: None }));
    match tag {
        PROJECT => event.project_id = text()?,
        SESSION => event.session_id = Some(text()?),
        TYPE => event.event_type = text()?,
        SOURCE => event.source = text()?,
        ACTOR_ID => event.actor = reference()?,
        ACTOR_TYPE => event.actor.as_mut()?.kind = Some(text()?),
        TARGET_ID => event.target = reference()?,
        TARGET_TYPE => event.target.as_mut()?.kind = Some(text()?),
        OBJECT_ID => event.object = reference()?,
        OBJECT_TYPE => event.object.as_mut()?.kind = Some(text()?),
        ROLE => event.role = Some(text()?),
        CONTENT => event.content = Some(text()?),
        DATA => event.data = Some(text()?),
        ATTRIBUTION => event.attribution = Some(text()?),
        IDEMPOTENCY_KEY => event.idempotency_key = Some(text()?),
        CORRELATION_ID => event.correlation_id = Some(text()?),
        TRACE_ID => event.trace_id = Some(text()?),
        SCHEMA_VERSION => event.schema_version = u32::from_le_bytes(value.try_into().ok()?),
        OCCURRED_AT => event.occurred_at_ms = Some(i64::from_le_bytes(value.try_into().ok()?)),
        EXTRA => event.extra = Some(text()?),
        CONTEXT => event.context = text()?,
        _ => {}
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text() -> impl Strategy<Value = Cow<'static, str>> {
        "\\PC{0,200}".prop_map(Cow::Owned)
    }

    fn reference() -> impl Strategy<Value = Option<Reference<'static>>> {
        prop::option::of((text(), prop::option::of(text())).prop_map(|(id, kind)| Reference { id, kind }))
    }

    prop_compose! {
        fn any_event()(
            (project_id, event_type, source, context) in (text(), text(), text(), text()),
            (session_id, role, content, data, attribution) in
                (prop::option::of(text()), prop::option::of(text()), prop::option::of(text()), prop::option::of(text()), prop::option::of(text())),
            (actor, target, object) in (reference(), reference(), reference()),
            (idempotency_key, correlation_id, trace_id) in
                (prop::option::of(text()), prop::option::of(text()), prop::option::of(text())),
            schema_version: u32,
            occurred_at_ms: Option<i64>,
            extra in prop::option::of(text()),
        ) -> Event<'static> {
            Event { project_id, session_id, event_type, source, actor, target, object, role, content, data, attribution,
                idempotency_key, correlation_id, trace_id, schema_version, occurred_at_ms, extra, context }
        }
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(event in any_event()) {
            let mut bytes = b"before".to_vec();
            let encoded = encode(&event, &mut bytes);
            prop_assert_eq!(decode(&bytes[encoded.start..encoded.end]).unwrap(), event);
        }

        #[test]
        fn any_bytes_decode_or_fail_without_panic(bytes: Vec<u8>) {
            let _ = decode(&bytes);
            let mut versioned = vec![VERSION];
            versioned.extend(bytes);
            let _ = decode(&versioned);
        }
    }

    #[test]
    fn a_newer_version_is_refused_by_name() {
        assert_eq!(decode(&[2]), Err(DecodeError::Version(2)));
    }

    #[test]
    fn what_the_door_saw_is_not_part_of_what_a_retry_must_repeat() {
        let mut bytes = Vec::new();
        let mut event = Event { context: "{\"ip\":1}".into(), ..Event::default() };
        let first = encode(&event, &mut bytes);
        event.context = "{\"ip\":2}".into();
        let second = encode(&event, &mut bytes);
        assert_eq!(first.sender_bytes(&bytes), second.sender_bytes(&bytes));
    }
}
