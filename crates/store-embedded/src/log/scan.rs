//! Reading a whole segment frame by frame: what recovery and `doctor` stand on.
//!
//! A frame counts only if its header's salted checksum holds, its position follows, its group does not fall, and
//! its payload's checksum holds. What does not count is **damage**. The groups tell two kinds apart: a write of
//! group n starts only after group n-1 was synced, so damage before a frame of a later group hit bytes that
//! were durable (quarantined), while damage in the last group is a write that never finished (a torn tail).

use std::io;

use tidegate_domain::time::UnixMs;

use super::frame::{HEADER_BYTES, Header, Meta};
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
    /// Largest group seen, in torn frames too.
    pub(crate) group: u32,
    /// The tail that was torn, if it was.
    pub(crate) torn: Option<Torn>,
    /// True if the last group is known to be synced.
    pub(crate) marked: bool,
    pub(crate) last_recorded_at: UnixMs,
}

/// A write that never finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Torn {
    pub(crate) from_byte: u64,
    /// End of the last byte that is not zero.
    pub(crate) to_byte: u64,
    /// Whole records among the torn bytes: never acknowledged, but worth keeping aside.
    pub(crate) whole_records: u64,
}

#[derive(Clone, Copy)]
struct Found {
    header: Header,
    offset: u64,
    /// `None` for a mark.
    meta: Option<Meta>,
}

/// Scans the segment of `header` in `file`. `is_last` says that no later segment proves this one's last group.
///
/// Reads the file once, into memory. Errors: only those of reading the file.
pub(crate) fn scan(file: &dyn DiskFile, header: &SegmentHeader, is_last: bool) -> io::Result<Scan> {
    let size = file.size()?.max(DATA_START);
    let mut bytes = vec![0; size as usize];
    file.read_exact_at(&mut bytes, 0)?;
    let used = bytes.iter().rposition(|b| *b != 0).map_or(DATA_START, |last| (last as u64 + 1).max(DATA_START));
    let (frames, holes) = walk(&bytes, used, header);
    Ok(assemble(header, &frames, holes, used, is_last))
}

/// All valid frames in order, and the damaged stretches between them (the last may reach to `used`).
fn walk(bytes: &[u8], used: u64, segment: &SegmentHeader) -> (Vec<Found>, Vec<Damage>) {
    let (mut frames, mut holes) = (Vec::new(), Vec::<Damage>::new());
    let (mut at, mut expected, mut group) = (DATA_START, segment.first, 0);
    while at < used {
        match valid_frame(bytes, at, segment, expected, group) {
            Some(found) => {
                group = found.header.group;
                at += (HEADER_BYTES + found.header.len as usize) as u64;
                expected += u64::from(found.meta.is_some());
                frames.push(found);
            }
            None => {
                let next = next_frame(bytes, at + 1, used, segment, expected, group);
                let (to_byte, to_position) = next.map_or((used, expected), |f| (f.offset, f.header.position));
                holes.push(Damage { from_byte: at, to_byte, from_position: expected, to_position });
                at = to_byte;
                expected = to_position;
            }
        }
    }
    (frames, holes)
}

fn valid_frame(bytes: &[u8], at: u64, segment: &SegmentHeader, expected: u64, group: u32) -> Option<Found> {
    let header = Header::read(bytes.get(at as usize..)?, segment.salt)?;
    (header.position == expected && header.group >= group).then_some(())?;
    let start = at as usize + HEADER_BYTES;
    let payload = bytes.get(start..start + header.len as usize)?;
    (crc32c::crc32c(payload) == header.crc).then_some(())?;
    let meta = if payload.is_empty() { None } else { Some(Meta::read(payload)?.0) };
    Some(Found { header, offset: at, meta })
}

fn next_frame(bytes: &[u8], from: u64, used: u64, segment: &SegmentHeader, expected: u64, group: u32) -> Option<Found> {
    (from..used).find_map(|at| {
        // The position is checked first: it is wrong at nearly every byte, and a checksum is dear.
        let at_position = bytes.get(at as usize + 8..at as usize + 16)?;
        let position = super::frame::u64_at(at_position, 0);
        let plausible = (expected..expected + GAP_MAX_POSITIONS).contains(&position);
        plausible.then(|| valid_frame(bytes, at, segment, position, group))?
    })
}

fn assemble(segment: &SegmentHeader, frames: &[Found], holes: Vec<Damage>, used: u64, is_last: bool) -> Scan {
    let last_group = frames.last().map_or(0, |f| f.header.group);
    let torn_from = if is_last { torn_start(frames, &holes, last_group) } else { None };
    let cut = torn_from.unwrap_or(used);
    let mut scan = Scan {
        index: LiveIndex::new(segment.first),
        damage: holes.into_iter().filter(|hole| hole.from_byte < cut).collect(),
        end_byte: DATA_START,
        group: last_group,
        torn: None,
        marked: true,
        last_recorded_at: UnixMs(i64::MIN),
    };
    for found in frames.iter().filter(|f| f.offset < cut) {
        scan.take(found);
    }
    if !is_last {
        // Damage at the very end of a full segment: the next segment says how many positions it hid.
        scan.end_byte = used;
    }
    scan.torn = torn_from.map(|from_byte| Torn {
        from_byte,
        to_byte: used,
        whole_records: frames.iter().filter(|f| f.offset >= cut && f.meta.is_some()).count() as u64,
    });
    scan
}

/// Where the torn tail starts: back from the first damage of the last group to the end of a whole batch.
fn torn_start(frames: &[Found], holes: &[Damage], last_group: u32) -> Option<u64> {
    let proven = |hole: &Damage| {
        let after = frames.iter().find(|f| f.offset >= hole.to_byte);
        after.is_some_and(|f| f.meta.is_none() || f.header.group < last_group)
    };
    let hole = holes.iter().find(|hole| !proven(hole));
    let limit = hole.map_or(u64::MAX, |hole| hole.from_byte);
    // A batch is whole up to its last record; what follows the last whole batch was never acknowledged.
    let mut end = DATA_START;
    let mut open = None;
    for found in frames.iter().filter(|f| f.offset < limit) {
        match found.meta {
            Some(_) if !found.header.batch_end => open = open.or(Some(found.offset)),
            _ => {
                open = None;
                end = found.offset + HEADER_BYTES as u64 + u64::from(found.header.len);
            }
        }
    }
    match (hole, open) {
        (_, Some(_)) => Some(end),
        (Some(hole), None) => Some(hole.from_byte),
        (None, None) => None,
    }
}

impl Scan {
    fn take(&mut self, found: &Found) {
        self.end_byte = found.offset + HEADER_BYTES as u64 + u64::from(found.header.len);
        self.last_recorded_at = self.last_recorded_at.max(found.header.recorded_at);
        self.marked = found.meta.is_none();
        let missing = found.header.position.saturating_sub(self.index.end());
        self.index.skip(missing);
        if let Some(meta) = &found.meta {
            let Header { position, recorded_at, crc, .. } = found.header;
            self.index.push(found.offset as u32, meta, KeyEntry { digest: 0, position, recorded_at, crc });
        }
    }
}
