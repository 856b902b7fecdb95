//! The bytes of an entry: what one group appended to one shard.
//!
//! ```text
//! fields  := log (the name of the log), from, to (decimal positions: every record of the shard in from..to is here), records
//! records := (position u64 · recorded_at ms i64 · shard u16 · id u128 · length u32 · bytes)*    little endian
//! ```
//! An entry whose `from` is not the `to` of the one before does not follow on: a reader goes to the log.

use std::collections::HashMap;

use bytes::Bytes;
use redis::Value;
use tidegate_domain::id::{EventId, Position, Shard};
use tidegate_domain::ports::{Receipt, Stored};
use tidegate_domain::time::UnixMs;

const HEAD_BYTES: usize = 8 + 8 + 2 + 16 + 4;

/// What one group appended to one shard.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) from: Position,
    pub(crate) to: Position,
    pub(crate) records: Vec<Stored>,
}

/// An entry that is none of ours, or damaged.
#[derive(Debug, thiserror::Error)]
#[error("not an entry of this version: {0}")]
pub(crate) struct NotAnEntry(&'static str);

/// The bytes of `records`.
pub(crate) fn encode<'a>(records: impl Iterator<Item = &'a Stored>) -> Vec<u8> {
    let mut out = Vec::new();
    for Stored { receipt, bytes } in records {
        out.extend_from_slice(&receipt.position.0.to_le_bytes());
        out.extend_from_slice(&receipt.recorded_at.0.to_le_bytes());
        out.extend_from_slice(&receipt.shard.0.to_le_bytes());
        out.extend_from_slice(&receipt.id.as_u128().to_le_bytes());
        out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        out.extend_from_slice(bytes);
    }
    out
}

/// Reads the fields of an entry of `log`.
pub(crate) fn decode(fields: &HashMap<String, Value>, log: &str) -> Result<Entry, NotAnEntry> {
    if bytes(fields.get("log")) != Some(log.as_bytes()) {
        return Err(NotAnEntry("log"));
    }
    let position = |name| {
        let text = bytes(fields.get(name))?;
        std::str::from_utf8(text).ok()?.parse().ok().map(Position)
    };
    let from = position("from").ok_or(NotAnEntry("from"))?;
    let to = position("to").ok_or(NotAnEntry("to"))?;
    let raw = bytes(fields.get("records")).ok_or(NotAnEntry("records"))?;
    let mut rest = Bytes::copy_from_slice(raw);
    let mut records = Vec::new();
    while !rest.is_empty() {
        let record = take(&mut rest).ok_or(NotAnEntry("records"))?;
        let position = record.receipt.position;
        let is_next = records.last().is_none_or(|last: &Stored| last.receipt.position < position);
        if !(from..to).contains(&position) || !is_next {
            return Err(NotAnEntry("positions"));
        }
        records.push(record);
    }
    Ok(Entry { from, to, records })
}

fn bytes(value: Option<&Value>) -> Option<&[u8]> {
    match value? {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.as_bytes()),
        _ => None,
    }
}

fn take(rest: &mut Bytes) -> Option<Stored> {
    if rest.len() < HEAD_BYTES {
        return None;
    }
    let head = rest.split_to(HEAD_BYTES);
    let position = Position(u64::from_le_bytes(*head[..8].first_chunk()?));
    let recorded_at = UnixMs(i64::from_le_bytes(*head[8..16].first_chunk()?));
    let shard = Shard(u16::from_le_bytes(*head[16..18].first_chunk()?));
    let id = EventId::from_u128(u128::from_le_bytes(*head[18..34].first_chunk()?));
    let length = u32::from_le_bytes(*head[34..38].first_chunk()?) as usize;
    let bytes = (length <= rest.len()).then(|| rest.split_to(length))?;
    Some(Stored { receipt: Receipt { id, shard, position, recorded_at }, bytes })
}
