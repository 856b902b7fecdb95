//! The one writer: decides duplicates, writes a group, syncs once, publishes, acknowledges.
//!
//! Group commit is natural: while one group syncs, the next one gathers in the queue. There is no timer on the
//! way to an ack; a timer only leaves a mark after the last group of a busy spell, see [`super`].

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tidegate_domain::dedup::decide;
use tidegate_domain::ports::{AppendError, Clock, Entropy};
use tidegate_domain::time::UnixMs;

use super::building::Building;
use super::frame::{HEADER_BYTES, Header};
use super::index::{Index, KeyEntry};
use super::queue::{Drained, Pending};
use super::recall::{Recalled, recall};
use super::segment::{DATA_START, Segment, SegmentHeader};
use super::shared::{Refusal, Shared};

/// Bytes of one group, unless a single batch is larger.
const GROUP_MAX_BYTES: usize = 4 << 20;
/// What the system's cache is made of.
pub(super) const PAGE_BYTES: u64 = 4096;
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
    pub(super) last_recorded_at: UnixMs,
    /// True if the bytes at `offset` are zeros and all before is known to be synced.
    pub(super) marked: bool,
    /// True if the next segment was asked for.
    pub(super) spare_asked: bool,
}

/// What is remembered while some batches are decided.
struct Memory {
    /// Of segments that were full before.
    recalled: Recalled,
    /// The segment that was active then, and those begun since.
    growing: Vec<Arc<Segment>>,
}

impl Writer {
    /// Runs until the queue is closed and empty.
    pub(super) fn run(mut self) {
        let _guard = PanicGuard(Arc::clone(&self.shared));
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

    /// Appends what waits now, if anything; false if there was nothing.
    pub(super) fn step(&mut self) -> bool {
        let batches = self.shared.queue.take(GROUP_MAX_BYTES);
        let found = !batches.is_empty();
        if found {
            self.append(batches);
        }
        found
    }

    /// What is done after a moment without batches; false if there was nothing to do.
    pub(super) fn rest(&mut self) -> bool {
        let wanted = !self.marked;
        if wanted {
            self.mark();
        }
        wanted
    }

    fn append(&mut self, batches: Vec<Pending>) {
        let now = self.clock.now().max(self.last_recorded_at);
        let mut memory = self.remember(&batches, now);
        let bytes = batches.iter().map(|pending| pending.frames.len()).sum();
        let mut building = Building::new(self.next_position, now, bytes);
        for pending in batches {
            if !self.has_room(&building, &pending) {
                self.commit(building);
                building = self.begin(now);
            }
            if !self.has_room(&building, &pending) {
                if let Err(error) = self.rotate(pending.frames.len() as u64) {
                    let _ = pending.reply.send(Err(error));
                    continue;
                }
                memory.growing.push(Arc::clone(&self.active));
            }
            self.add(&mut building, pending, &memory);
        }
        self.commit(building);
    }

    fn remember(&self, batches: &[Pending], now: UnixMs) -> Memory {
        let segments = self.shared.segments();
        let full = segments.len() - 1;
        Memory { recalled: recall(&segments[..full], batches, now), growing: vec![Arc::clone(&self.active)] }
    }

    fn begin(&self, now: UnixMs) -> Building {
        Building::new(self.next_position, now.max(self.last_recorded_at), 0)
    }

    fn has_room(&self, building: &Building, pending: &Pending) -> bool {
        // The last header's room is kept for a mark.
        let bytes = (building.bytes.len() + pending.frames.len() + HEADER_BYTES) as u64;
        let held = self.next_position - self.active.header.first + building.len() as u64;
        let fits = held + pending.slots.len() as u64 <= self.shared.config.segment_max_records;
        self.offset + bytes <= self.active.header.size && (fits || held == 0)
    }

    fn add(&self, building: &mut Building, pending: Pending, memory: &Memory) {
        let (bytes, records) = (building.bytes.len(), building.len());
        let mut outcomes = Vec::with_capacity(pending.slots.len());
        for slot in &pending.slots {
            let newest = |hash| memory.newest(building, hash).map(|entry| entry.map(|entry| entry.seen()));
            match decide(slot.meta.key, slot.meta.fingerprint, building.recorded_at, newest) {
                Ok(Some(duplicate)) => outcomes.push(duplicate),
                Ok(None) => outcomes.push(building.put(slot, &pending.frames)),
                Err(error) => {
                    building.undo(bytes, records);
                    let _ = pending.reply.send(Err(AppendError::Unavailable(error.into())));
                    return;
                }
            }
        }
        building.promise(pending, outcomes);
    }

    /// Makes a group durable and visible, then answers its callers; or answers them why not.
    fn commit(&mut self, mut building: Building) {
        if self.shared.refusal() == Refusal::Poisoned {
            return building.refuse(|| AppendError::Poisoned);
        }
        if building.is_empty() {
            return building.acknowledge();
        }
        building.write_headers(&self.active.header, self.offset);
        if let Err(error) = self.write(&mut building) {
            return self.write_failed(building, &error);
        }
        if let Err(error) = self.active.file.sync_data() {
            self.shared.poison(&error);
            return building.refuse(|| AppendError::Poisoned);
        }
        self.marked = false;
        self.last_recorded_at = building.recorded_at;
        let group_start = self.offset;
        self.offset += building.bytes.len() as u64;
        self.next_position += building.len() as u64;
        self.shared.accept_again();
        if let Index::Live(live) = &mut *self.active.index_mut() {
            building.enter(live, group_start);
        }
        self.shared.publish(building.take_group(), self.next_position);
        building.acknowledge();
        self.ask_for_spare();
    }

    /// Writes the group and zeros to the end of its last page: pages written whole need not be read first.
    fn write(&self, building: &mut Building) -> io::Result<()> {
        let len = building.bytes.len();
        let end = (self.offset + len as u64).next_multiple_of(PAGE_BYTES).min(self.active.header.size);
        building.bytes.resize((end - self.offset) as usize, 0);
        let written = self.active.file.write_all_at(&building.bytes, self.offset);
        building.bytes.truncate(len);
        written
    }

    /// A full disk is passing: nothing of the group counts. Any other failure leaves the file in a state nobody knows.
    fn write_failed(&mut self, building: Building, error: &io::Error) {
        if !is_full(error) {
            self.shared.poison(error);
            return building.refuse(|| AppendError::Poisoned);
        }
        self.shared.out_of_space(error, self.clock.now());
        // A mark over its first frame, now or as soon as it can be written, undoes the traces. Until then they are
        // told apart by their time: no later group carries the same.
        self.last_recorded_at = building.recorded_at.plus_ms(1);
        self.marked = false;
        self.mark();
        building.refuse(|| AppendError::NoSpace(io::Error::from(error.kind()).into()));
    }

    /// Goes on in a new segment with room for `need` bytes.
    fn rotate(&mut self, need: u64) -> Result<(), AppendError> {
        if self.shared.refusal() == Refusal::Poisoned {
            return Err(AppendError::Poisoned);
        }
        let need = need + DATA_START + 2 * HEADER_BYTES as u64;
        let mut salt = [0; 8];
        self.entropy.fill(&mut salt);
        let (first, salt, created_at) = (self.next_position, u64::from_le_bytes(salt), self.clock.now());
        let header = |size| SegmentHeader { first, salt, size, created_at };
        match self.shared.next_segment(need, self.active.header.size, header) {
            Ok(segment) => {
                self.active = Arc::new(segment);
                self.offset = DATA_START;
                (self.marked, self.spare_asked) = (true, false);
                self.shared.rotated(Arc::clone(&self.active));
                Ok(())
            }
            Err(error) if is_full(&error) => {
                self.shared.out_of_space(&error, self.clock.now());
                Err(AppendError::NoSpace(error.into()))
            }
            // Nothing was changed yet, and somebody will close a file: the next batch tries again.
            Err(error) if lacks_files(&error) => Err(AppendError::Unavailable(error.into())),
            Err(error) => {
                self.shared.poison(&error);
                Err(AppendError::Poisoned)
            }
        }
    }

    fn ask_for_spare(&mut self) {
        let size = self.active.header.size;
        if !self.spare_asked && self.offset > size / self.shared.config.spare_asked_at_part.max(1) {
            self.spare_asked = true;
            self.shared.ask_for_spare(size);
        }
    }

    /// Proves on disk that all before was synced.
    fn mark(&mut self) {
        let room = self.offset + HEADER_BYTES as u64 <= self.active.header.size;
        if self.shared.refusal() == Refusal::Poisoned || !room {
            self.marked = true;
            return;
        }
        let (position, recorded_at, group_start) =
            (self.next_position, self.last_recorded_at, self.offset as u32);
        let header = Header { len: 0, crc: 0, position, recorded_at, group_start, group_end: true };
        let mut frame = [0; HEADER_BYTES];
        header.write(&mut frame, self.active.header.salt);
        match self.active.file.write_all_at(&frame, self.offset) {
            // It is tried again after a while.
            Err(error) if is_full(&error) => return,
            Err(error) => return self.shared.poison(&error),
            Ok(()) => {}
        }
        if let Err(error) = self.active.file.sync_data() {
            return self.shared.poison(&error);
        }
        self.offset += HEADER_BYTES as u64;
        self.marked = true;
    }
}

impl Memory {
    fn newest(&self, building: &Building, hash: u128) -> Result<Option<KeyEntry>, Arc<io::Error>> {
        if let Some(entry) = building.key(hash) {
            return Ok(Some(entry));
        }
        for segment in self.growing.iter().rev() {
            if let Some(entry) = segment.index().key(hash).map_err(Arc::new)? {
                return Ok(Some(entry));
            }
        }
        self.recalled.get(hash)
    }
}

/// A writer that panics must leave nobody waiting.
struct PanicGuard(Arc<Shared>);

impl Drop for PanicGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.poison(&io::Error::other("the log's writer panicked"));
            self.0.queue.abandon();
        }
    }
}

/// True if no further file can be opened for now, by this process or by any.
fn lacks_files(error: &io::Error) -> bool {
    let errno = rustix::io::Errno::from_io_error(error);
    matches!(errno, Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE))
}

/// True if the disk, a quota or a file size limit is used up: errors that pass.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}
