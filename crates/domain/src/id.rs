//! Ids and units that must not be swapped by mistake.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use crate::time::UnixMs;

/// Place of a record in its shard: 0, 1, 2, … without holes, in the order of acceptance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(pub u64);

impl Position {
    /// The largest position an [`EventId`] can carry.
    pub const MAX: Self = Self((1 << 48) - 1);

    /// The position after this one.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A part of the log with an order of its own. The embedded store has one, number 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shard(pub u16);

/// One accepted event: a UUIDv7 (RFC 9562) that also says where the event lies.
///
/// ```text
///  48 bits   4    12      2    48 bits    14 bits
///  ms since  ver  shard   var  position   low bits of the
///  epoch     (7)               in shard   record's checksum
/// ```
/// Ids sort by acceptance time, then shard, then position, and finding an event needs no index. The id is
/// not a secret: a reader still needs a key for the event's project (law 6). Source: ADR 0004.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(u128);

impl EventId {
    /// The id of the record at `position`; the low 14 bits of `entropy` and the low 12 of `shard` count.
    pub fn new(recorded_at: UnixMs, shard: Shard, position: Position, entropy: u32) -> Self {
        let ms = (recorded_at.0.max(0) as u128) & 0xffff_ffff_ffff;
        let shard = (shard.0 & 0xfff) as u128;
        let position = (position.0 & Position::MAX.0) as u128;
        let entropy = (entropy & 0x3fff) as u128;
        Self(ms << 80 | 7 << 76 | shard << 64 | 0b10 << 62 | position << 14 | entropy)
    }

    /// The id as a number, for those who carry records on.
    pub fn as_u128(self) -> u128 {
        self.0
    }

    /// The id of [`EventId::as_u128`].
    pub fn from_u128(number: u128) -> Self {
        Self(number)
    }

    /// Room for [`EventId::write_to`].
    pub const fn buffer() -> [u8; Hyphenated::LENGTH] {
        [0; Hyphenated::LENGTH]
    }

    /// The id as text, without an allocation: a batch has many.
    pub fn write_to(self, buffer: &mut [u8; Hyphenated::LENGTH]) -> &str {
        Uuid::from_u128(self.0).hyphenated().encode_lower(buffer)
    }

    /// Where the event lies, if this is an id that a log could have given.
    pub fn location(self) -> (Shard, Position) {
        (Shard((self.0 >> 64) as u16 & 0xfff), Position((self.0 >> 14) as u64 & Position::MAX.0))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Uuid::from_u128(self.0).fmt(f)
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Not the id of an event.
#[derive(Debug, thiserror::Error)]
#[error("not an event id: expected a UUIDv7")]
pub struct NotAnEventId;

impl FromStr for EventId {
    type Err = NotAnEventId;

    fn from_str(text: &str) -> Result<Self, NotAnEventId> {
        let uuid = Uuid::try_parse(text).map_err(|_| NotAnEventId)?;
        if uuid.get_version_num() == 7 { Ok(Self(uuid.as_u128())) } else { Err(NotAnEventId) }
    }
}

impl Serialize for EventId {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

/// Name of a project: the tenant of every key and every query. 1..=64 of `A-Za-z0-9._-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProjectId(std::sync::Arc<str>);

/// Not a name for a project.
#[derive(Debug, thiserror::Error)]
#[error("a project id is 1..=64 characters of A-Za-z0-9._-")]
pub struct NotAProjectId;

impl ProjectId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProjectId {
    type Err = NotAProjectId;

    fn from_str(text: &str) -> Result<Self, NotAProjectId> {
        let fits = (1..=64).contains(&text.len());
        let clean = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        if fits && clean { Ok(Self(text.into())) } else { Err(NotAProjectId) }
    }
}

impl TryFrom<String> for ProjectId {
    type Error = NotAProjectId;

    fn try_from(text: String) -> Result<Self, NotAProjectId> {
        text.parse()
    }
}

impl From<ProjectId> for String {
    fn from(id: ProjectId) -> String {
        id.0.as_ref().into()
    }
}

impl fmt::Display for ProjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_event_id_says_where_its_event_lies(ms in 0..1i64 << 48, shard in 0u16..1 << 12, at in 0u64..1 << 48, e: u32) {
            let id = EventId::new(UnixMs(ms), Shard(shard), Position(at), e);
            prop_assert_eq!(id.location(), (Shard(shard), Position(at)));
            prop_assert_eq!(id.to_string().parse::<EventId>().unwrap(), id);
        }

        #[test]
        fn event_ids_sort_by_time_then_position(a in (0..1i64 << 48, 0u64..1 << 48), b in (0..1i64 << 48, 0u64..1 << 48)) {
            let id = |(ms, at)| EventId::new(UnixMs(ms), Shard(0), Position(at), 0).to_string();
            prop_assert_eq!(id(a).cmp(&id(b)), a.cmp(&b));
        }

        #[test]
        fn an_event_id_is_a_uuid_of_version_7_whatever_it_is_made_of(ms: i64, shard: u16, at: u64, entropy: u32) {
            let id = EventId::new(UnixMs(ms), Shard(shard), Position(at), entropy);
            let text = id.to_string();
            let uuid = Uuid::try_parse(&text).unwrap();
            prop_assert_eq!((uuid.get_version_num(), uuid.get_variant()), (7, uuid::Variant::RFC4122));
            let mut buffer = EventId::buffer();
            prop_assert_eq!(id.write_to(&mut buffer), text.as_str());
            prop_assert_eq!(text.to_uppercase().parse::<EventId>().unwrap(), id);
        }

        #[test]
        fn any_text_is_an_id_that_reads_as_written_or_none(text in "\\PC{0,70}", name in "[A-Za-z0-9._-]{0,70}") {
            for text in [text, name] {
                if let Ok(id) = text.parse::<ProjectId>() {
                    prop_assert_eq!(id.as_str(), text.as_str());
                    let json = serde_json::to_string(&id).unwrap();
                    prop_assert_eq!(serde_json::from_str::<ProjectId>(&json).unwrap(), id);
                }
                prop_assert!(text.parse::<EventId>().is_err());
            }
        }
    }

    #[test]
    fn other_uuids_are_no_event_ids() {
        assert!("b9a3f7a0-5c1e-4b43-9f0e-0f7cbb6b2a10".parse::<EventId>().is_err());
        assert!("nonsense".parse::<EventId>().is_err());
    }

    #[test]
    fn project_ids_are_plain_names() {
        for good in ["proj_dev", "a", "A-1.b"] {
            assert!(good.parse::<ProjectId>().is_ok());
        }
        for bad in ["", "a/b", "a b", "ü", &"x".repeat(65)] {
            assert!(bad.parse::<ProjectId>().is_err(), "{bad}");
        }
    }
}
