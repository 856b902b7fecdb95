//! A group that is being put together: the records that will be one write.

use std::sync::Arc;

use bytes::Bytes;
use tidegate_domain::ports::{AppendError, Appended};
use tidegate_domain::time::UnixMs;

use super::frame::{HEADER_BYTES, Header, Meta, receipt};
use super::index::{KeyEntry, KeyMap, LiveIndex};
use super::queue::{Pending, Reply, Slot};
use super::recent::{Group, RecordAt};
use super::segment::SegmentHeader;
use super::writer::PAGE_BYTES;

#[derive(Default)]
pub(super) struct Building {
    pub(super) recorded_at: UnixMs,
    /// Position of its first record.
    first: u64,
    pub(super) bytes: Vec<u8>,
    records: Vec<RecordAt>,
    metas: Vec<(u32, Meta)>,
    keys: KeyMap,
    replies: Vec<(Reply, Vec<Appended>)>,
}

impl Building {
    /// An empty group whose first record gets position `first`, with room for `bytes` bytes.
    pub(super) fn new(first: u64, recorded_at: UnixMs, bytes: usize) -> Self {
        Self { first, recorded_at, bytes: Vec::with_capacity(bytes + PAGE_BYTES as usize), ..Self::default() }
    }

    /// Number of its records.
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// True if nothing would be written.
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// What this group remembers of a key or fingerprint.
    pub(super) fn key(&self, hash: u128) -> Option<KeyEntry> {
        self.keys.get(&hash).copied()
    }

    /// Takes in a record of `frames`.
    pub(super) fn put(&mut self, slot: &Slot, frames: &[u8]) -> Appended {
        let (recorded_at, position) = (self.recorded_at, self.first + self.records.len() as u64);
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&frames[slot.start..slot.end]);
        let body = start + HEADER_BYTES + slot.meta.len();
        self.records.push(RecordAt { start: body as u32, end: self.bytes.len() as u32, crc: slot.crc });
        self.metas.push((start as u32, slot.meta));
        let entry = KeyEntry { digest: 0, position, recorded_at, crc: slot.crc };
        if let Some(key) = slot.meta.key {
            self.keys.insert(key.hash, KeyEntry { digest: key.digest, ..entry });
        }
        if let Some(print) = slot.meta.fingerprint {
            self.keys.insert(print.hash, entry);
        }
        Appended::Stored(receipt(position, recorded_at, slot.crc))
    }

    /// Answers `pending`'s caller with `outcomes` once the group is durable.
    pub(super) fn promise(&mut self, pending: Pending, outcomes: Vec<Appended>) {
        self.replies.push((pending.reply, outcomes));
    }

    /// Takes back the records from number `records` on, which begin at byte `bytes`: their batch cannot be decided.
    pub(super) fn undo(&mut self, bytes: usize, records: usize) {
        for (_, meta) in self.metas.drain(records..) {
            if let Some(key) = meta.key {
                self.keys.remove(&key.hash);
            }
            if let Some(print) = meta.fingerprint {
                self.keys.remove(&print.hash);
            }
        }
        self.bytes.truncate(bytes);
        self.records.truncate(records);
    }

    /// Fills in the headers of a group that will be written at byte `group_start` of the segment.
    pub(super) fn write_headers(&mut self, segment: &SegmentHeader, group_start: u64) {
        for (number, (at, (start, _))) in self.records.iter().zip(&self.metas).enumerate() {
            let header = Header {
                len: at.end - start - HEADER_BYTES as u32,
                crc: at.crc,
                position: self.first + number as u64,
                recorded_at: self.recorded_at,
                group_start: group_start as u32,
                group_end: number + 1 == self.records.len(),
            };
            header.write(&mut self.bytes[*start as usize..], segment.salt);
        }
    }

    /// Enters its records, written at byte `group_start`, in the segment's index.
    pub(super) fn enter(&self, live: &mut LiveIndex, group_start: u64) {
        for (number, (at, (start, meta))) in self.records.iter().zip(&self.metas).enumerate() {
            let position = self.first + number as u64;
            let entry = KeyEntry { digest: 0, position, recorded_at: self.recorded_at, crc: at.crc };
            live.push(group_start as u32 + start, meta, entry);
        }
    }

    /// Its records, for readers.
    pub(super) fn take_group(&mut self) -> Arc<Group> {
        Arc::new(Group {
            first: self.first,
            recorded_at: self.recorded_at,
            bytes: Bytes::from(std::mem::take(&mut self.bytes)),
            records: std::mem::take(&mut self.records),
        })
    }

    /// Answers every caller of a durable group.
    pub(super) fn acknowledge(self) {
        for (reply, outcomes) in self.replies {
            // A caller that went away gets no answer, but its events are durable all the same.
            let _ = reply.send(Ok(outcomes));
        }
    }

    /// Answers every caller of a group that was not written.
    pub(super) fn refuse(self, error: impl Fn() -> AppendError) {
        for (reply, _) in self.replies {
            let _ = reply.send(Err(error()));
        }
    }
}
