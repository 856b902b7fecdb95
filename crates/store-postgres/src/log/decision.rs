//! What becomes of each record of a group: pure, from what the log remembers.

use std::collections::HashMap;
use std::convert::Infallible;

use bytes::Bytes;
use tidegate_domain::dedup::{Seen, decide};
use tidegate_domain::id::{Position, Shard};
use tidegate_domain::ports::{Appended, NewRecord, Stored};
use tidegate_domain::time::UnixMs;

use super::queue::Pending;
use crate::value::receipt;

/// The rows that a group adds, column by column, and its answers.
#[derive(Default)]
pub(super) struct Decision<'a> {
    pub(super) shard: Vec<i16>,
    pub(super) project: Vec<i64>,
    pub(super) session: Vec<Option<i64>>,
    pub(super) checksum: Vec<i32>,
    pub(super) record: Vec<&'a [u8]>,
    /// New keys and fingerprints, some in place of outdated ones.
    pub(super) keys: HashMap<u128, Seen>,
    /// For each batch, an answer a record.
    pub(super) answers: Vec<Vec<Appended>>,
}

/// All keys and fingerprints of `group`.
pub(super) fn hashes(group: &[Pending]) -> Vec<u128> {
    let records = group.iter().flat_map(|pending| &pending.batch.records);
    records
        .flat_map(|r| r.key.map(|key| key.hash).into_iter().chain(r.fingerprint.map(|print| print.hash)))
        .collect()
}

/// The shard of a record: that of its session, or of its project.
pub(super) fn shard_of(project: u64, session: Option<u64>, shards: u16) -> Shard {
    Shard((session.unwrap_or(project) % u64::from(shards.max(1))) as u16)
}

/// Where a group begins.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) shards: u16,
    pub(super) tail: u64,
    pub(super) recorded_at: UnixMs,
}

/// Decides each record of `group`, which begins at `place`, given what is remembered of its hashes.
pub(super) fn decide_group<'a>(
    group: &'a [Pending],
    place: Place,
    known: &HashMap<u128, Seen>,
) -> Decision<'a> {
    let mut decision = Decision::default();
    for pending in group {
        let mut answers = Vec::with_capacity(pending.batch.records.len());
        for record in &pending.batch.records {
            let newest = |hash: u128| {
                Ok::<_, Infallible>(decision.keys.get(&hash).or_else(|| known.get(&hash)).copied())
            };
            let Ok(decided) = decide(record.key, record.fingerprint, place.recorded_at, newest);
            let bytes = &pending.batch.bytes[record.start..record.end];
            answers.push(decided.unwrap_or_else(|| decision.add(record, bytes, place)));
        }
        decision.answers.push(answers);
    }
    decision
}

impl<'a> Decision<'a> {
    /// Number of new records.
    pub(super) fn len(&self) -> usize {
        self.record.len()
    }

    /// The new records, for those who carry them on.
    pub(super) fn stored(&self) -> Vec<Stored> {
        let receipts = self.answers.iter().flatten().filter_map(|answer| match answer {
            Appended::Stored(receipt) => Some(*receipt),
            Appended::Duplicate(_) | Appended::KeyReused(_) => None,
        });
        let records = receipts.zip(&self.record);
        records.map(|(receipt, bytes)| Stored { receipt, bytes: Bytes::copy_from_slice(bytes) }).collect()
    }

    fn add(&mut self, record: &NewRecord, bytes: &'a [u8], place: Place) -> Appended {
        let crc = crc32c::crc32c(bytes);
        let position = Position(place.tail + self.len() as u64);
        let shard = shard_of(record.project, record.session, place.shards);
        let receipt = receipt(shard, position, place.recorded_at, crc);
        self.shard.push(shard.0 as i16);
        self.project.push(record.project as i64);
        self.session.push(record.session.map(|session| session as i64));
        self.checksum.push(crc as i32);
        self.record.push(bytes);
        if let Some(key) = record.key {
            self.keys.insert(key.hash, Seen { digest: key.digest, receipt });
        }
        if let Some(print) = record.fingerprint {
            self.keys.insert(print.hash, Seen { digest: 0, receipt });
        }
        Appended::Stored(receipt)
    }
}
