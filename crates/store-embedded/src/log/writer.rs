//! The one writer: decides duplicates, writes a group, syncs once, publishes, acknowledges.
//!
//! Group commit is natural: while one group syncs, the next one gathers in the queue. There is no timer on the
//! way to an ack; a timer only leaves a mark after the last group of a busy spell, see [`super`].

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tidegate_domain::ports::{AppendError, Appended, Clock, Entropy};
use tidegate_domain::time::UnixMs;

use super::frame::{HEADER_BYTES, Header, Meta, receipt};
use super::index::{Index, KeyEntry, KeyMap};
use super::queue::{Drained, Pending, Slot};
use super::recent::{Group, RecordAt};
use super::segment::{DATA_START, Segment, SegmentHeader};
use super::shared::{Refusal, Shared};

/// Bytes of one group, unless a single batch is larger.
const GROUP_MAX_BYTES: usize = 4 << 20;
/// Most records of a segment: bounds the memory of its live index.
const SEGMENT_MAX_RECORDS: u64 = 1 << 18;
/// How long after the last group its mark is written.
const MARK_AFTER: Duration = Duration::from_millis(50);

pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) active: Arc<Segment>,
    /// Where the next frame goes.
    pub(super) offset: u64,
    pub(super) next_position: u64,
    pub(super) group: u32,
    pub(super) last_recorded_at: UnixMs,
    pub(super) marked: bool,
}

/// A group that is being put together.
#[derive(Default)]
struct Building {
    recorded_at: UnixMs,
    bytes: Vec<u8>,
    records: Vec<RecordAt>,
    metas: Vec<(u32, Meta)>,
    keys: KeyMap,
    replies: Vec<(tokio::sync::oneshot::Sender<Result<Vec<Appended>, AppendError>>, Vec<Appended>)>,
}

impl Writer {
    /// Runs until the queue is closed and empty.
    pub(super) fn run(mut self) {
        loop {
            let patience = (!self.marked).then_some(MARK_AFTER);
            match self.shared.queue.drain(GROUP_MAX_BYTES, patience) {
                Drained::Batches(batches) => self.append(batches),
                Drained::Idle => self.mark(),
                Drained::Closed => break,
            }
        }
        if !self.marked {
            self.mark();
        }
    }

    fn append(&mut self, batches: Vec<Pending>) {
        let mut building = self.begin();
        for pending in batches {
            if self.shared.refusal() == Refusal::Poisoned {
                let _ = pending.reply.send(Err(AppendError::Poisoned));
                continue;
            }
            if !self.has_room(&building, &pending) {
                self.commit(std::mem::take(&mut building));
                building = self.begin();
            }
            if !self.has_room(&building, &pending)
                && let Err(error) = self.rotate(pending.frames.len() as u64)
            {
                let _ = pending.reply.send(Err(error));
                continue;
            }
            self.add(&mut building, pending);
        }
        self.commit(building);
    }

    fn begin(&self) -> Building {
        Building { recorded_at: self.clock.now().max(self.last_recorded_at), ..Building::default() }
    }

    fn has_room(&self, building: &Building, pending: &Pending) -> bool {
        // The last header's room is kept for a mark.
        let bytes = (building.bytes.len() + pending.frames.len() + HEADER_BYTES) as u64;
        let records = (building.records.len() + pending.slots.len()) as u64;
        let held = self.next_position - self.active.header.first;
        self.offset + bytes <= self.active.header.size && (held == 0 || held + records <= SEGMENT_MAX_RECORDS)
    }

    fn add(&self, building: &mut Building, pending: Pending) {
        let (bytes, records) = (building.bytes.len(), building.records.len());
        let mut outcomes = Vec::with_capacity(pending.slots.len());
        for slot in &pending.slots {
            match self.decide(building, &slot.meta) {
                Ok(Some(duplicate)) => outcomes.push(duplicate),
                Ok(None) => outcomes.push(self.put(building, slot, &pending.frames)),
                Err(error) => {
                    building.undo(bytes, records);
                    let _ = pending.reply.send(Err(AppendError::Unavailable(error.into())));
                    return;
                }
            }
        }
        self.write_headers(building, records);
        building.replies.push((pending.reply, outcomes));
    }

    /// The answer to a record that is in the log already, or in this group.
    fn decide(&self, building: &Building, meta: &Meta) -> io::Result<Option<Appended>> {
        if let Some(key) = meta.key
            && let Some(entry) = self.remembered(building, key.hash, UnixMs(i64::MIN))?
        {
            let receipt = entry.receipt();
            let same = entry.digest == key.digest;
            return Ok(Some(if same { Appended::Duplicate(receipt) } else { Appended::KeyReused(receipt) }));
        }
        if let Some(print) = meta.fingerprint {
            // An event exactly one window after the first is a new one.
            let since = building.recorded_at.plus_ms(1 - i64::from(print.window_ms));
            return Ok(self.remembered(building, print.hash, since)?.map(|e| Appended::Duplicate(e.receipt())));
        }
        Ok(None)
    }

    /// What is remembered of `hash` since a moment; newest first.
    fn remembered(&self, building: &Building, hash: u128, since: UnixMs) -> io::Result<Option<KeyEntry>> {
        let recent = |entry: &KeyEntry| entry.recorded_at >= since;
        if let Some(entry) = building.keys.get(&hash) {
            return Ok(Some(*entry).filter(recent));
        }
        for segment in self.shared.segments().iter().rev() {
            let found = match &*segment.index() {
                Index::Live(live) => live.key(hash),
                Index::Sealed(sealed) if sealed.last_recorded_at() < since => return Ok(None),
                Index::Sealed(sealed) => sealed.key(hash)?,
            };
            if found.is_some() {
                return Ok(found.filter(recent));
            }
        }
        Ok(None)
    }

    fn put(&self, building: &mut Building, slot: &Slot, frames: &[u8]) -> Appended {
        let position = self.next_position + building.records.len() as u64;
        let start = building.bytes.len();
        building.bytes.extend_from_slice(&frames[slot.start..slot.end]);
        let recorded_at = building.recorded_at;
        let body = start + HEADER_BYTES + slot.meta.len();
        building.records.push(RecordAt { start: body as u32, end: building.bytes.len() as u32, crc: slot.crc });
        building.metas.push((start as u32, slot.meta));
        let entry = KeyEntry { digest: 0, position, recorded_at, crc: slot.crc };
        if let Some(key) = slot.meta.key {
            building.keys.insert(key.hash, KeyEntry { digest: key.digest, ..entry });
        }
        if let Some(print) = slot.meta.fingerprint {
            building.keys.insert(print.hash, entry);
        }
        Appended::Stored(receipt(position, recorded_at, slot.crc))
    }

    /// Fills in the headers of the batch whose records start at number `from`; its last stored record ends it.
    fn write_headers(&self, building: &mut Building, from: usize) {
        let (group, recorded_at) = (self.group + 1, building.recorded_at);
        for number in from..building.records.len() {
            let (at, start) = (building.records[number], building.metas[number].0 as usize);
            let header = Header {
                len: (at.end as usize - start - HEADER_BYTES) as u32,
                crc: at.crc,
                position: self.next_position + number as u64,
                recorded_at,
                group,
                batch_end: number + 1 == building.records.len(),
            };
            header.write(&mut building.bytes[start..], self.active.header.salt);
        }
    }

    /// Makes a group durable and visible, then answers its callers; or answers them why not.
    fn commit(&mut self, building: Building) {
        if building.records.is_empty() {
            return building.acknowledge();
        }
        self.group += 1;
        if let Err(error) = self.active.file.write_all_at(&building.bytes, self.offset) {
            return self.write_failed(building, error);
        }
        if let Err(error) = self.active.file.sync_data() {
            self.shared.poison(&error);
            return building.refuse(|| AppendError::Poisoned);
        }
        self.marked = false;
        self.last_recorded_at = building.recorded_at;
        let offset = self.offset;
        self.offset += building.bytes.len() as u64;
        let first = self.next_position;
        self.next_position += building.records.len() as u64;
        self.shared.accept_again();
        self.publish(offset, first, building);
    }

    fn publish(&self, offset: u64, first: u64, mut building: Building) {
        if let Index::Live(live) = &mut *self.active.index_mut() {
            for ((start, meta), at) in building.metas.iter().zip(&building.records) {
                let entry = KeyEntry { digest: 0, position: live.end(), recorded_at: building.recorded_at, crc: at.crc };
                live.push(offset as u32 + start, meta, entry);
            }
        }
        let group = Group {
            first,
            recorded_at: building.recorded_at,
            bytes: Bytes::from(std::mem::take(&mut building.bytes)),
            records: std::mem::take(&mut building.records),
        };
        self.shared.publish(Arc::new(group), self.next_position);
        building.acknowledge();
    }

    /// A full disk is passing: nothing of the group counts, the next one writes to the same place. Any other
    /// failure leaves the file in a state nobody knows.
    fn write_failed(&self, building: Building, error: io::Error) {
        if !is_full(&error) {
            self.shared.poison(&error);
            return building.refuse(|| AppendError::Poisoned);
        }
        // Best effort: without it, a crash now could let unacknowledged records of this group appear.
        if let Err(error) = self.active.file.write_all_at(&[0; HEADER_BYTES], self.offset) {
            tracing::warn!(error = %error, "log: the traces of a refused write could not be wiped");
        }
        self.shared.out_of_space(&error, self.clock.now());
        building.refuse(|| AppendError::NoSpace(io::Error::from(error.kind()).into()));
    }

    /// Goes on in a new segment with room for `need` bytes.
    fn rotate(&mut self, need: u64) -> Result<(), AppendError> {
        let need = need + DATA_START + 2 * HEADER_BYTES as u64;
        let spare = self.shared.take_spare(need, self.active.header.size);
        let adopted = spare.and_then(|(file, size)| {
            let mut salt = [0; 8];
            self.entropy.fill(&mut salt);
            let (first, created_at) = (self.next_position, self.clock.now());
            let header = SegmentHeader { first, salt: u64::from_le_bytes(salt), size, created_at };
            Segment::adopt_spare(self.shared.disk.as_ref(), file, header)
        });
        match adopted {
            Ok(segment) => {
                let full = std::mem::replace(&mut self.active, Arc::new(segment));
                self.offset = DATA_START;
                self.marked = true;
                self.shared.rotated(full, Arc::clone(&self.active));
                Ok(())
            }
            Err(error) if is_full(&error) => {
                self.shared.out_of_space(&error, self.clock.now());
                Err(AppendError::NoSpace(error.into()))
            }
            Err(error) => {
                self.shared.poison(&error);
                Err(AppendError::Poisoned)
            }
        }
    }

    /// Proves on disk that the last group was synced.
    fn mark(&mut self) {
        self.marked = true;
        if self.shared.refusal() != Refusal::None || self.offset + HEADER_BYTES as u64 > self.active.header.size {
            return;
        }
        self.group += 1;
        let mut frame = [0; HEADER_BYTES];
        let (position, recorded_at, group) = (self.next_position, self.last_recorded_at, self.group);
        Header { len: 0, crc: 0, position, recorded_at, group, batch_end: false }.write(&mut frame, self.active.header.salt);
        let file = &self.active.file;
        match file.write_all_at(&frame, self.offset).and_then(|()| file.sync_data()) {
            Ok(()) => self.offset += HEADER_BYTES as u64,
            Err(error) => self.shared.poison(&error),
        }
    }
}

impl Building {
    /// Takes back the records of a batch that cannot be decided.
    fn undo(&mut self, bytes: usize, records: usize) {
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

    /// Acknowledges every caller of a durable group.
    fn acknowledge(self) {
        for (reply, outcomes) in self.replies {
            // A caller that went away gets no answer, but its events are durable all the same.
            let _ = reply.send(Ok(outcomes));
        }
    }

    fn refuse(self, error: impl Fn() -> AppendError) {
        for (reply, _) in self.replies {
            let _ = reply.send(Err(error()));
        }
    }
}

/// True if the disk, a quota or a file size limit is used up: errors that pass.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}
