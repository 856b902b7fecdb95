//! Reading a whole segment frame by frame: what recovery and `doctor` stand on.
//!
//! A frame counts only if its header's salted checksum and its payload's hold, its position follows, and it goes on
//! with the group before it or begins one where that group ended. What does not count is **damage**. Each frame says
//! where its group begins, and a group is written only after all before it was synced. So what is damaged before
//! the last group was durable (quarantined), and a last group that is not whole is a write that never finished.

use std::io;
use std::ops::Range;

use tidegate_domain::time::UnixMs;

use super::frame::{HEADER_BYTES, Header, Meta, u32_at, u64_at};
use super::index::{KeyEntry, LiveIndex};
use super::segment::{DATA_START, SegmentHeader};
use crate::disk::DiskFile;

/// Positions that a damaged stretch may cover when a valid frame follows it: no more fit in a segment.
const GAP_MAX_POSITIONS: u64 = 1 << 24;

/// A stretch of a segment that holds no valid frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    pub(crate) from_byte: u64,
    pub(crate) to_byte: u64,
    pub(crate) from_position: u64,
    /// First good position after it.
    pub(crate) to_position: u64,
}

/// What a scan found.
pub(crate) struct Scan {
    /// Every good frame, damaged positions skipped.
    pub(crate) index: LiveIndex,
    /// Damage that hit durable bytes.
    pub(crate) damage: Vec<Damage>,
    /// Where the next frame goes.
    pub(crate) end_byte: u64,
    /// The tail that was torn, if it was.
    pub(crate) torn: Option<Torn>,
    /// A last group that is whole, but perhaps in memory only: nothing after it proves that it was synced.
    pub(crate) unproven: Option<Range<u64>>,
    pub(crate) last_recorded_at: UnixMs,
}

/// A write that never finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Torn {
    pub(crate) from_byte: u64,
    /// End of the last byte that is not zero.
    pub(crate) to_byte: u64,
    /// Whole records among the torn bytes.
    pub(crate) whole_records: usize,
}

/// Scans the segment of `header` in `file`. `next_first` is where the segment after it begins, which proves that
/// this one's records before that position were synced; `None` for the last segment.
///
/// Reads the file once, into memory. Errors: only those of reading the file.
pub(crate) fn scan(file: &dyn DiskFile, header: &SegmentHeader, next_first: Option<u64>) -> io::Result<Scan> {
    Ok(scan_bytes(&read_whole(file)?, header, next_first))
}

/// All bytes of a segment.
pub(crate) fn read_whole(file: &dyn DiskFile) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; file.size()?.max(DATA_START) as usize];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

/// As [`scan`], of a segment whose bytes are at hand.
pub(crate) fn scan_bytes(bytes: &[u8], header: &SegmentHeader, next_first: Option<u64>) -> Scan {
    let used = bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1).max(DATA_START as usize);
    let mut walk = Walk::new(bytes, used as u64, header);
    walk.run();
    match next_first {
        Some(next_first) => walk.finish_full(next_first),
        None => walk.finish_last(),
    }
}

#[derive(Clone, Copy)]
struct Found {
    header: Header,
    offset: u64,
    /// `None` for a mark.
    meta: Option<Meta>,
}

/// The last group seen: not in the index yet, for it may turn out torn.
#[derive(Default)]
struct Group {
    start: u64,
    recorded_at: UnixMs,
    frames: Vec<Found>,
    holes: Vec<Damage>,
    /// Its last frame was there: nothing goes on with it.
    closed: bool,
}

impl Group {
    fn is_whole(&self) -> bool {
        self.closed && self.holes.is_empty() && self.frames.first().is_some_and(|f| f.offset == self.start)
    }

    fn records(&self) -> usize {
        self.frames.iter().filter(|f| f.meta.is_some()).count()
    }
}

struct Walk<'a> {
    bytes: &'a [u8],
    /// End of the last byte that is not zero. The last frame may end in zeros, so it may reach further.
    used: u64,
    salt: u64,
    at: u64,
    expected: u64,
    group: Group,
    scan: Scan,
    /// Damage after the last frame.
    tail: Option<Damage>,
}

impl<'a> Walk<'a> {
    fn new(bytes: &'a [u8], used: u64, header: &SegmentHeader) -> Self {
        let scan = Scan {
            index: LiveIndex::new(header.first),
            damage: Vec::new(),
            end_byte: DATA_START,
            torn: None,
            unproven: None,
            last_recorded_at: UnixMs(i64::MIN),
        };
        let group = Group { start: DATA_START, closed: true, ..Group::default() };
        Self {
            bytes,
            used,
            salt: header.salt,
            at: DATA_START,
            expected: header.first,
            group,
            scan,
            tail: None,
        }
    }

    fn run(&mut self) {
        while self.at < self.used {
            match self.frame(self.at) {
                Some(found) => self.take(found, None),
                None => {
                    let (from_byte, from_position) = (self.at, self.expected);
                    let hole =
                        Damage { from_byte, to_byte: self.used, from_position, to_position: from_position };
                    match (self.at + 1..self.used).find_map(|at| self.frame(at)) {
                        Some(found) => self.take(found, Some(hole)),
                        None => return self.tail = Some(hole),
                    }
                }
            }
        }
    }

    /// The frame at byte `at`, if there is a valid one: at the next byte, or further on, after a hole.
    fn frame(&self, at: u64) -> Option<Found> {
        let bytes = self.bytes.get(at as usize..at as usize + HEADER_BYTES)?;
        // What is wrong at nearly every byte is looked at first: a checksum is dear.
        let (position, start) = (u64_at(bytes, 8), u64::from(u32_at(bytes, 24)));
        let positions = if at == self.at { 1 } else { GAP_MAX_POSITIONS };
        // Traces of a refused write may begin at the same byte, but never carry the same time.
        let same_write = start == self.group.start && u64_at(bytes, 16) as i64 == self.group.recorded_at.0;
        let goes_on = same_write && !self.group.closed;
        let begins = (self.at..=at).contains(&start);
        if !(self.expected..self.expected + positions).contains(&position) || !(goes_on || begins) {
            return None;
        }
        let header = Header::read(bytes, self.salt)?;
        let payload = self.bytes.get(at as usize + HEADER_BYTES..(at + header.frame_bytes()) as usize)?;
        if header.is_mark() {
            return (start == at).then_some(Found { header, offset: at, meta: None });
        }
        let (meta, _) = Meta::read(payload).filter(|_| crc32c::crc32c(payload) == header.crc)?;
        Some(Found { header, offset: at, meta: Some(meta) })
    }

    /// Goes on after `found`, which follows a hole or the frame before it.
    fn take(&mut self, found: Found, hole: Option<Damage>) {
        let (start, position) = (u64::from(found.header.group_start), found.header.position);
        let hole = hole.map(|hole| Damage { to_byte: found.offset, to_position: position, ..hole });
        let begins = start != self.group.start || self.group.frames.is_empty();
        if begins {
            // The hole may reach from the group before into this one.
            let before = hole.filter(|hole| hole.from_byte < start);
            self.group.holes.extend(before.map(|hole| Damage { to_byte: start, ..hole }));
            self.prove_group();
            self.group = Group { start, recorded_at: found.header.recorded_at, ..Group::default() };
        }
        let inside = hole.map(|hole| Damage { from_byte: hole.from_byte.max(start), ..hole });
        self.group.holes.extend(inside.filter(|hole| hole.from_byte < hole.to_byte));
        self.group.closed = found.header.group_end || found.meta.is_none();
        self.at = found.offset + found.header.frame_bytes();
        self.expected = position + u64::from(found.meta.is_some());
        self.group.frames.push(found);
    }

    /// The last group was synced: what is there of it counts, what is not is damage.
    fn prove_group(&mut self) {
        for found in &self.group.frames {
            self.scan.take(found);
        }
        self.scan.damage.append(&mut self.group.holes);
    }

    /// Ends the scan of a segment that another one follows.
    fn finish_full(mut self, next_first: u64) -> Scan {
        // A group beyond that position was refused (the disk was full) before the log went on in the next segment.
        let refused = self.group.frames.iter().all(|f| f.meta.is_some() && f.header.position >= next_first);
        if !refused {
            self.prove_group();
        }
        let hidden = next_first.saturating_sub(self.expected);
        let tail = self.tail.filter(|_| hidden < GAP_MAX_POSITIONS);
        self.scan.damage.extend(tail.map(|tail| Damage { to_position: self.expected + hidden, ..tail }));
        for damage in &mut self.scan.damage {
            damage.to_position = damage.to_position.min(next_first);
        }
        self.end()
    }

    /// Ends the scan of the last segment: its last group counts only if it is whole.
    fn finish_last(mut self) -> Scan {
        let (start, end, records) = (self.group.start, self.at, self.group.records());
        let mut whole_records = records;
        self.scan.end_byte = start;
        if self.group.is_whole() {
            self.prove_group();
            self.scan.unproven = (records > 0).then_some(start..end);
            whole_records = 0;
        }
        let (from_byte, to_byte) = (self.scan.end_byte, self.used);
        self.scan.torn = (from_byte < to_byte).then_some(Torn { from_byte, to_byte, whole_records });
        self.end()
    }

    fn end(mut self) -> Scan {
        let known = self.scan.damage.iter().map(|d| d.to_position).max().unwrap_or(0);
        self.scan.index.skip(known.saturating_sub(self.scan.index.end()));
        self.scan
    }
}

impl Scan {
    fn take(&mut self, found: &Found) {
        self.end_byte = found.offset + found.header.frame_bytes();
        self.last_recorded_at = self.last_recorded_at.max(found.header.recorded_at);
        let Header { position, recorded_at, crc, .. } = found.header;
        self.index.skip(position.saturating_sub(self.index.end()));
        if let Some(meta) = &found.meta {
            self.index.push(found.offset as u32, meta, KeyEntry { digest: 0, position, recorded_at, crc });
        }
    }
}
