//! The envelope: what is encoded is decoded, any bytes are a record or none, and raw JSON keeps its meaning.

use serde_json::Value;
use serde_json::value::RawValue;
use tidegate_domain::event::{Event, Reference};
use tidegate_domain::{json, record};

use crate::place::Choices;

/// The first byte chooses: the input is a record, JSON, or what an event is made of.
pub fn envelope(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    match kind % 3 {
        0 => any_bytes(rest),
        1 => {
            if let Ok(text) = std::str::from_utf8(rest) {
                any_json(text);
            }
        }
        _ => round_trip(&event(&mut Choices(rest))),
    }
}

/// Bytes that are a record say the same after they are written anew.
fn any_bytes(bytes: &[u8]) {
    if let Ok(event) = record::decode(bytes) {
        round_trip(&event);
    }
    let versioned = [&[record::VERSION], bytes].concat();
    if let Ok(event) = record::decode(&versioned) {
        round_trip(&event);
    }
}

fn round_trip(event: &Event<'_>) {
    let mut bytes = b"before".to_vec();
    let encoded = record::encode(event, &mut bytes);
    assert_eq!(record::decode(&bytes[encoded.start..encoded.end]).as_ref(), Ok(event));
    let mut other = Vec::new();
    let context = "{\"door\":\"other\"}".into();
    let elsewhere = record::encode(&Event { context, ..event.clone() }, &mut other);
    assert_eq!(
        encoded.sender_bytes(&bytes),
        elsewhere.sender_bytes(&other),
        "the door adds, and changes nothing"
    );
}

/// An event of the input's bytes.
fn event(from: &mut Choices<'_>) -> Event<'static> {
    let present = from.word();
    let mut part = |bit: u16| (present & 1 << bit != 0).then(|| from.text().into());
    let mut named = |id, kind| part(id).map(|id| Reference { id, kind: part(kind) });
    let (actor, target, object) = (named(0, 1), named(2, 3), named(4, 5));
    Event {
        session_id: part(6),
        role: part(7),
        content: part(8),
        data: part(9),
        attribution: part(10),
        idempotency_key: part(11),
        correlation_id: part(12),
        trace_id: part(13),
        extra: part(14),
        project_id: part(15).unwrap_or_default(),
        actor,
        target,
        object,
        event_type: from.text().into(),
        source: from.text().into(),
        context: from.text().into(),
        schema_version: u32::from(from.word()) << 16 | u32::from(from.word()),
        occurred_at_ms: (from.byte() & 1 == 1).then(|| i64::from_le_bytes([(); 8].map(|()| from.byte()))),
    }
}

/// The promises of the raw JSON helpers, which hold for valid JSON.
fn any_json(text: &str) {
    let Ok(raw) = serde_json::from_str::<&RawValue>(text) else { return };
    let raw = raw.get();
    if json::check(raw, 64).is_ok() {
        // What is kept must be readable for everybody.
        assert!(serde_json::from_str::<Value>(raw).is_ok(), "checked, and not readable: {raw}");
    } else {
        assert!(
            json::check(raw, usize::MAX).is_err() || raw.bytes().filter(|b| b"[{".contains(b)).count() > 64
        );
    }
    let compact = json::compact(raw);
    assert_eq!(json::compact(&compact), compact, "compact once is compact");
    assert!(!compact.contains(['\n', '\r', '\t']), "one line: {compact}");
    assert_eq!(meaning(&compact), meaning(raw), "the same value");
    assert_eq!(json::check(&compact, 8).is_ok(), json::check(raw, 8).is_ok());
    let longer = json::change_strings(raw, |text| Some(format!("{text}!")));
    if let (Some(longer), Some(value)) = (longer, meaning(raw)) {
        let back = json::change_strings(&longer, |text| text.strip_suffix('!').map(str::to_owned));
        assert_eq!(back.and_then(|back| meaning(&back)), Some(value), "changed and changed back");
    }
}

fn meaning(raw: &str) -> Option<Value> {
    serde_json::from_str(raw).ok()
}
