//! The index of a full segment: a file, with a filter and fences of it in memory.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use tidegate_domain::filter::Order;
use tidegate_domain::time::UnixMs;

use super::epoch::{Epoch, Epochs};
use super::filter::Filter;
use super::live::LiveIndex;
use super::table::Table;
use super::{KEY_BYTES, KeyEntry};
use crate::disk::{Disk, DiskFile};
use crate::log::frame::{u32_at, u64_at};
use crate::log::segment::{SegmentHeader, index_name, remove_if_there};

const MAGIC: [u8; 8] = *b"TGIDX\0\0\x02";
const HEADER_BYTES: usize = 4096;
const SECTIONS: usize = 5;
const STREAM_BYTES: usize = 16;
/// Where the sections' places stand in the header.
const SECTIONS_AT: usize = 36;
/// A list of so many postings is read rather than searched: 4 kB.
const POSTINGS_AT_ONCE: u32 = 1024;
const CRC_AT: usize = SECTIONS_AT + SECTIONS * 20;

/// The index of a sealed segment.
pub(crate) struct SealedIndex {
    first: u64,
    count: u32,
    last_recorded_at: UnixMs,
    /// Positions without a record: their bytes were found damaged before the index was written.
    holes: Vec<Range<u64>>,
    file: Box<dyn DiskFile>,
    disk_bytes: u64,
    offsets_at: u64,
    postings_at: u64,
    streams: Table,
    keys: Table,
    /// Over its streams and keys.
    filter: Filter,
    epoch: Arc<Epoch>,
}

impl SealedIndex {
    /// Writes the index of a full segment. Durable under its name when this returns; a crash before leaves none.
    pub(crate) fn write(disk: &dyn Disk, segment: &SegmentHeader, live: &LiveIndex) -> io::Result<()> {
        let sections = sections_of(live);
        let mut bytes = vec![0; HEADER_BYTES];
        bytes[0..8].copy_from_slice(&MAGIC);
        bytes[8..16].copy_from_slice(&live.first().to_le_bytes());
        bytes[16..20].copy_from_slice(&(live.offsets.len() as u32).to_le_bytes());
        bytes[20..28].copy_from_slice(&live.last_recorded_at.0.to_le_bytes());
        bytes[28..36].copy_from_slice(&segment.salt.to_le_bytes());
        for (number, section) in sections.iter().enumerate() {
            let at = SECTIONS_AT + number * 20;
            let offset = bytes.len() as u64;
            bytes[at..at + 8].copy_from_slice(&offset.to_le_bytes());
            bytes[at + 8..at + 16].copy_from_slice(&(section.len() as u64).to_le_bytes());
            bytes[at + 16..at + 20].copy_from_slice(&crc32c::crc32c(section).to_le_bytes());
            bytes.extend_from_slice(section);
        }
        let sum = crc32c::crc32c(&bytes[..CRC_AT]);
        bytes[CRC_AT..CRC_AT + 4].copy_from_slice(&sum.to_le_bytes());

        let (name, draft) = (index_name(live.first()), format!("{}.tmp", index_name(live.first())));
        remove_if_there(disk, &draft)?;
        let file = disk.create(&draft)?;
        file.write_all_at(&bytes, 0)?;
        file.sync_data()?;
        disk.rename(&draft, &name)?;
        disk.sync_dir()
    }

    /// Opens the index of `segment`, checking every byte, and enters it in `epochs`; `None` if it is missing, damaged or
    /// another segment's.
    pub(crate) fn open(
        disk: &dyn Disk,
        segment: &SegmentHeader,
        epochs: &Epochs,
    ) -> io::Result<Option<Self>> {
        let file = match disk.open(&index_name(segment.first)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let size = file.size()? as usize;
        if size < HEADER_BYTES {
            return Ok(None);
        }
        let mut bytes = vec![0; size];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(Self::parse(file, &bytes, segment, epochs))
    }

    fn parse(
        file: Box<dyn DiskFile>,
        bytes: &[u8],
        segment: &SegmentHeader,
        epochs: &Epochs,
    ) -> Option<Self> {
        let fits = bytes[0..8] == MAGIC
            && u32_at(bytes, CRC_AT) == crc32c::crc32c(&bytes[..CRC_AT])
            && u64_at(bytes, 8) == segment.first
            && u64_at(bytes, 28) == segment.salt;
        let place = |number: usize| {
            let at = SECTIONS_AT + number * 20;
            let (offset, len) = (u64_at(bytes, at), u64_at(bytes, at + 8));
            let section = bytes.get(offset as usize..(offset + len) as usize)?;
            (crc32c::crc32c(section) == u32_at(bytes, at + 16)).then_some((offset, section))
        };
        if !fits {
            return None;
        }
        let (offsets, streams, postings, keys, filter) =
            (place(0)?, place(1)?, place(2)?, place(3)?, place(4)?);
        Some(Self {
            first: segment.first,
            count: u32_at(bytes, 16),
            last_recorded_at: UnixMs(u64_at(bytes, 20) as i64),
            holes: holes(segment.first, offsets.1),
            file,
            disk_bytes: bytes.len() as u64,
            offsets_at: offsets.0,
            postings_at: postings.0,
            streams: Table::new(streams.0, streams.1, STREAM_BYTES, 0),
            keys: Table::new(keys.0, keys.1, KEY_BYTES, 8),
            filter: Filter::from_bytes(filter.1),
            epoch: epochs.enter(key_hashes(keys.1)),
        })
    }

    pub(crate) fn end(&self) -> u64 {
        self.first + u64::from(self.count)
    }

    pub(crate) fn disk_bytes(&self) -> u64 {
        self.disk_bytes
    }

    pub(crate) fn last_recorded_at(&self) -> UnixMs {
        self.last_recorded_at
    }

    /// The ranges of positions that are damaged and have no frame.
    pub(crate) fn holes(&self) -> &[Range<u64>] {
        &self.holes
    }

    /// The bytes in the segment of the frames at `from..to`; 0 for damaged ones.
    pub(crate) fn offsets(&self, from: u64, to: u64) -> io::Result<Vec<u32>> {
        let (from, to) = (from.clamp(self.first, self.end()), to.clamp(self.first, self.end()));
        let mut bytes = vec![0; to.saturating_sub(from) as usize * 4];
        self.file.read_exact_at(&mut bytes, self.offsets_at + (from - self.first) * 4)?;
        Ok(bytes.chunks_exact(4).map(|chunk| u32_at(chunk, 0)).collect())
    }

    /// What is remembered of a key or fingerprint. Cost: one cache line for a stranger, one small read for a member.
    pub(crate) fn key(&self, hash: u128) -> io::Result<Option<KeyEntry>> {
        if !self.filter.may_hold(hash as u64) {
            return Ok(None);
        }
        self.keys.find(self.file.as_ref(), (hash >> 64) as u64, |bytes| {
            let (found, entry) = KeyEntry::read(bytes);
            (found == hash).then_some(entry)
        })
    }

    /// The epoch that it was entered in.
    pub(crate) fn epoch(&self) -> &Arc<Epoch> {
        &self.epoch
    }

    /// At most `max` positions of `stream` from `from` on in direction `order`. Cost: one cache line if it has none.
    pub(crate) fn find(&self, stream: u64, from: u64, order: Order, max: usize) -> io::Result<Vec<u64>> {
        if !self.filter.may_hold(stream) {
            return Ok(Vec::new());
        }
        let list = self
            .streams
            .find(self.file.as_ref(), stream, |bytes| Some((u32_at(bytes, 8), u32_at(bytes, 12))))?;
        let Some((start, count)) = list else { return Ok(Vec::new()) };
        let (start, end) = match order {
            Order::Asc => (self.partition(start, count, |p| p < from)?, start + count),
            Order::Desc => (start, self.partition(start, count, |p| p <= from)?),
        };
        let wanted = ((end - start) as usize).min(max) as u32;
        match order {
            Order::Asc => self.postings(start, wanted),
            Order::Desc => {
                let mut positions = self.postings(end - wanted, wanted)?;
                positions.reverse();
                Ok(positions)
            }
        }
    }

    /// Number of the first of `count` postings from `start` on that is not `below`, which holds up to there.
    fn partition(&self, start: u32, count: u32, below: impl Fn(u64) -> bool) -> io::Result<u32> {
        let (mut low, mut high) = (start, start + count);
        while high - low > POSTINGS_AT_ONCE {
            let middle = low + (high - low) / 2;
            if below(self.postings(middle, 1)?[0]) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low + self.postings(low, high - low)?.partition_point(|position| below(*position)) as u32)
    }

    fn postings(&self, start: u32, count: u32) -> io::Result<Vec<u64>> {
        let mut bytes = vec![0; count as usize * 4];
        self.file.read_exact_at(&mut bytes, self.postings_at + u64::from(start) * 4)?;
        Ok(bytes.chunks_exact(4).map(|chunk| self.first + u64::from(u32_at(chunk, 0))).collect())
    }
}

/// Ranges of positions from `first` on whose offset is 0.
fn holes(first: u64, offsets: &[u8]) -> Vec<Range<u64>> {
    let mut holes: Vec<Range<u64>> = Vec::new();
    let missing = (first..).zip(offsets.chunks_exact(4)).filter(|(_, offset)| *offset == [0; 4]);
    for (position, _) in missing {
        match holes.last_mut() {
            Some(hole) if hole.end == position => hole.end += 1,
            _ => holes.push(position..position + 1),
        }
    }
    holes
}

fn sections_of(live: &LiveIndex) -> [Vec<u8>; SECTIONS] {
    let offsets = live.offsets.iter().flat_map(|offset| offset.to_le_bytes()).collect();
    let mut lists: Vec<_> = live.postings.iter().collect();
    lists.sort_unstable_by_key(|(stream, _)| **stream);
    let (mut streams, mut postings) = (Vec::new(), Vec::new());
    for (stream, list) in lists {
        streams.extend_from_slice(&stream.to_le_bytes());
        streams.extend_from_slice(&((postings.len() / 4) as u32).to_le_bytes());
        streams.extend_from_slice(&(list.len() as u32).to_le_bytes());
        postings.extend(list.iter().flat_map(|position| position.to_le_bytes()));
    }
    let sorted = live.keys.sorted();
    let mut keys = Vec::with_capacity(sorted.len() * KEY_BYTES);
    for (hash, entry) in &sorted {
        entry.write(*hash, &mut keys);
    }
    let filter = Filter::with_room((streams.len() / STREAM_BYTES) + sorted.len());
    streams.chunks_exact(STREAM_BYTES).for_each(|entry| filter.insert(u64_at(entry, 0)));
    key_hashes(&keys).for_each(|hash| filter.insert(hash));
    [offsets, streams, postings, keys, filter.to_bytes()]
}

/// What filters hold of the keys: the lower half of each hash.
fn key_hashes(keys: &[u8]) -> impl ExactSizeIterator<Item = u64> {
    keys.chunks_exact(KEY_BYTES).map(|entry| u64_at(entry, 0))
}
