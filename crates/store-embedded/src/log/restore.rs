//! A log written anew from the entries of another one: what `tidegate restore` does.
//!
//! Positions, times and ids stay as they were. Positions that the other log had lost are a gap between two segments,
//! which a start reports as missing. Nothing is safe before [`Restore::finish`]: until then whoever restores must see to
//! it that nobody opens the log.

use std::io;
use std::sync::Arc;

use tidegate_domain::dedup::Fingerprint;
use tidegate_domain::entry::Entry;
use tidegate_domain::id::Position;
use tidegate_domain::ports::{Clock, Entropy};
use tidegate_domain::time::UnixMs;

use super::LogConfig;
use super::building::Building;
use super::frame::{HEADER_BYTES, Meta, prepare_as};
use super::queue::Slot;
use super::segment::{DATA_START, Segment, SegmentHeader, mark_name, prepare_spare};
use crate::disk::Disk;

/// Bytes of one write.
const GROUP_MAX_BYTES: usize = 1 << 20;

/// A log in the making.
pub struct Restore {
    disk: Box<dyn Disk>,
    config: LogConfig,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    active: Option<Segment>,
    /// Where the next group goes.
    offset: u64,
    group: Building,
    next: u64,
    frame: Vec<u8>,
}

impl Restore {
    /// Begins a log at `first` in `disk`'s directory, which must be empty. Errors: those of the disk.
    pub fn begin(
        disk: Box<dyn Disk>,
        config: LogConfig,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        first: Position,
    ) -> io::Result<Self> {
        if first > Position(0) {
            disk.create(&mark_name(first.0))?;
        }
        let (config, next) = (config.within_limits(), first.0);
        let (group, frame) = (Building::default(), Vec::new());
        Ok(Self { disk, config, clock, entropy, active: None, offset: 0, group, next, frame })
    }

    /// Takes in the next record; its position must be above those before. Errors: those of the disk.
    pub fn add(&mut self, entry: &Entry) -> io::Result<()> {
        let meta = Meta {
            project: entry.project,
            session: entry.session,
            key: entry.key,
            // How long it is recognised, its repetition says.
            fingerprint: entry.fingerprint.map(|hash| Fingerprint { hash, window_ms: 0 }),
        };
        let mut frame = std::mem::take(&mut self.frame);
        frame.clear();
        prepare_as(&meta, &entry.record, entry.checksum, &mut frame);
        if self.must_rotate(entry.position.0, frame.len()) {
            self.rotate(entry.position.0, frame.len() as u64)?;
        } else if self.group.bytes.len() + frame.len() > GROUP_MAX_BYTES
            || self.group.recorded_at != entry.recorded_at
        {
            self.flush()?;
        }
        if self.group.is_empty() {
            self.group = Building::new(self.next, entry.recorded_at, 0);
        }
        self.group.put(&Slot { start: 0, end: frame.len(), crc: entry.checksum, meta }, &frame);
        self.next += 1;
        self.frame = frame;
        Ok(())
    }

    /// Makes the log durable. It ends at `tail`, which is at least one past the last record.
    pub fn finish(mut self, tail: Position) -> io::Result<()> {
        if self.active.is_none() || self.next < tail.0 {
            self.rotate(tail.0.max(self.next), 0)?;
        }
        self.close()?;
        self.disk.sync_dir()
    }

    fn must_rotate(&self, position: u64, frame_bytes: usize) -> bool {
        self.active.as_ref().is_none_or(|active| {
            // The last header's room is kept for a mark.
            let end = self.offset + (self.group.bytes.len() + frame_bytes + HEADER_BYTES) as u64;
            let is_full = self.next - active.header.first >= self.config.segment_max_records;
            position != self.next || is_full || end > active.header.size
        })
    }

    /// Goes on at `position` in a new segment with room for a frame of `frame_bytes`.
    fn rotate(&mut self, position: u64, frame_bytes: u64) -> io::Result<()> {
        self.close()?;
        let (least, most) = (self.config.segment_first_bytes, self.config.segment_max_bytes);
        let wanted = self.active.as_ref().map_or(least, |last| last.header.size * 2).clamp(least, most);
        let size = wanted.max(frame_bytes + DATA_START + 2 * HEADER_BYTES as u64);
        let mut salt = [0; 8];
        self.entropy.fill(&mut salt);
        let (first, salt, created_at) = (position, u64::from_le_bytes(salt), self.clock.now());
        let file = prepare_spare(self.disk.as_ref(), size)?;
        let header = SegmentHeader { first, salt, size, created_at };
        self.active = Some(Segment::adopt_spare(self.disk.as_ref(), file, header)?);
        (self.offset, self.next) = (DATA_START, position);
        Ok(())
    }

    /// Writes the group that gathered.
    fn flush(&mut self) -> io::Result<()> {
        let mut group = std::mem::replace(&mut self.group, Building::new(self.next, UnixMs(i64::MIN), 0));
        if let Some(active) = self.active.as_ref().filter(|_| !group.is_empty()) {
            group.write_headers(&active.header, self.offset);
            active.file.write_all_at(&group.bytes, self.offset)?;
            self.offset += group.bytes.len() as u64;
        }
        Ok(())
    }

    fn close(&mut self) -> io::Result<()> {
        self.flush()?;
        self.active.as_ref().map_or(Ok(()), |active| active.file.sync_data())
    }
}
