//! An entry of a log: a record with all that the log keeps of it. What a backup carries from one store to another.

use bytes::Bytes;

use crate::dedup::Key;
use crate::id::{Position, Shard};
use crate::ports::Receipt;
use crate::time::UnixMs;

/// One record of a log, and what another log must keep of it to answer as this one does.
///
/// No shard: it follows from the hashes and from the number of shards. No window of the fingerprint: whoever repeats the
/// event brings it along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it lies.
    pub position: Position,
    /// When it was recorded.
    pub recorded_at: UnixMs,
    /// The checksum that its id shows.
    pub checksum: u32,
    /// [`crate::dedup::stream_hash`] of its project.
    pub project: u64,
    /// [`crate::dedup::stream_hash`] of its session, if it has one.
    pub session: Option<u64>,
    /// Its idempotency key, if it has one.
    pub key: Option<Key>,
    /// Hash of its fingerprint, if it has one that may still be asked for.
    pub fingerprint: Option<u128>,
    /// Its bytes, as [`crate::record`] wrote them.
    pub record: Bytes,
}

impl Entry {
    /// What its sender was told.
    pub fn receipt(&self) -> Receipt {
        Receipt::new(Shard::default(), self.position, self.recorded_at, self.checksum)
    }
}
