//! Opening a log: find its segments, check the chain, cut a torn tail, report damage. Nothing is deleted on doubt.

use std::io;
use std::sync::Arc;

use tidegate_domain::id::Position;
use tidegate_domain::ports::{Clock, Entropy, QuarantinedRange};
use tidegate_domain::time::UnixMs;

use super::index::{Index, SealedIndex};
use super::scan::{Damage, Scan, Torn, scan};
use super::segment::{Segment, SegmentHeader, parse_segment_name, prepare_spare, segment_name};
use super::shared::SEGMENT_FIRST_BYTES;
use crate::disk::{Disk, DiskFile};

/// Why a log cannot be opened. Each says what to do; none is repaired by itself.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Both copies of a segment's header are unreadable.
    #[error("segment {0} has no readable header: restore it from a backup, or move it away and lose its events")]
    NoHeader(String),
    /// A file carries another segment's header.
    #[error("segment {name} says it starts at {found}: it was renamed or copied; move it away")]
    Misnamed {
        /// The file.
        name: String,
        /// What its header says.
        found: u64,
    },
    /// Two segments claim the same positions.
    #[error("segment {name} starts at {first}, but the one before it already reaches {end}: one of them is a copy from another time; move the wrong one away")]
    Overlap {
        /// The later file.
        name: String,
        /// Where it starts.
        first: u64,
        /// Where the one before ends.
        end: u64,
    },
    /// The disk could not be read or written.
    #[error("the log's directory cannot be used")]
    Io(#[from] io::Error),
}

/// An opened log, ready to append.
pub(super) struct Opened {
    pub(super) segments: Vec<Arc<Segment>>,
    pub(super) active: Arc<Segment>,
    pub(super) quarantined: Vec<QuarantinedRange>,
    pub(super) offset: u64,
    pub(super) group: u32,
    pub(super) last_recorded_at: UnixMs,
    pub(super) marked: bool,
}

/// Opens the log on `disk`, making an empty one if there is none.
pub(super) fn open(disk: &dyn Disk, clock: &dyn Clock, entropy: &dyn Entropy) -> Result<Opened, OpenError> {
    let mut firsts: Vec<u64> = disk.list()?.iter().filter_map(|name| parse_segment_name(name)).collect();
    firsts.sort_unstable();
    let Some((last, sealed)) = firsts.split_last() else { return create(disk, clock, entropy) };
    let mut opened = Builder::default();
    for first in sealed {
        opened.add_sealed(disk, *first)?;
    }
    opened.finish(disk, *last)
}

fn create(disk: &dyn Disk, clock: &dyn Clock, entropy: &dyn Entropy) -> Result<Opened, OpenError> {
    let mut salt = [0; 8];
    entropy.fill(&mut salt);
    let file = prepare_spare(disk, SEGMENT_FIRST_BYTES)?;
    let (salt, created_at) = (u64::from_le_bytes(salt), clock.now());
    let header = SegmentHeader { first: 0, salt, size: SEGMENT_FIRST_BYTES, created_at };
    let active = Arc::new(Segment::adopt_spare(disk, file, header)?);
    Ok(Opened {
        segments: vec![Arc::clone(&active)],
        active,
        quarantined: Vec::new(),
        offset: super::segment::DATA_START,
        group: 0,
        last_recorded_at: UnixMs(i64::MIN),
        marked: true,
    })
}

#[derive(Default)]
struct Builder {
    segments: Vec<Arc<Segment>>,
    quarantined: Vec<QuarantinedRange>,
    last_recorded_at: Option<UnixMs>,
    end: u64,
}

impl Builder {
    fn add_sealed(&mut self, disk: &dyn Disk, first: u64) -> Result<(), OpenError> {
        let (file, header) = open_file(disk, first)?;
        self.chain(&header)?;
        let index = match SealedIndex::open(disk, &header)? {
            Some(sealed) => Index::Sealed(sealed),
            None => self.index_again(disk, file.as_ref(), &header)?,
        };
        let last = match &index {
            Index::Live(live) => live.last_recorded_at(),
            Index::Sealed(sealed) => sealed.last_recorded_at(),
        };
        self.last_recorded_at = self.last_recorded_at.max(Some(last));
        let segment = Segment::new(header, file, index);
        self.end = segment.end();
        self.segments.push(Arc::new(segment));
        Ok(())
    }

    /// Makes a missing or damaged index from its segment; keeps it in memory if it cannot be written.
    fn index_again(&mut self, disk: &dyn Disk, file: &dyn DiskFile, header: &SegmentHeader) -> Result<Index, OpenError> {
        let scanned = scan(file, header, false)?;
        self.report(header, &scanned.damage);
        let written = SealedIndex::write(disk, header, &scanned.index);
        let opened = written.and_then(|()| SealedIndex::open(disk, header));
        Ok(match opened {
            Ok(Some(sealed)) => Index::Sealed(sealed),
            Ok(None) => Index::Live(scanned.index),
            Err(error) => {
                tracing::warn!(first = header.first, error = %error, "log: an index could not be written");
                Index::Live(scanned.index)
            }
        })
    }

    fn finish(mut self, disk: &dyn Disk, first: u64) -> Result<Opened, OpenError> {
        let (file, header) = open_file(disk, first)?;
        self.chain(&header)?;
        let scanned = scan(file.as_ref(), &header, true)?;
        self.report(&header, &scanned.damage);
        if let Some(torn) = scanned.torn {
            cut(disk, file.as_ref(), &header, &torn)?;
        }
        let Scan { index, end_byte, group, marked, last_recorded_at, .. } = scanned;
        let active = Arc::new(Segment::new(header, file, Index::Live(index)));
        self.segments.push(Arc::clone(&active));
        Ok(Opened {
            segments: self.segments,
            active,
            quarantined: self.quarantined,
            offset: end_byte,
            group,
            last_recorded_at: self.last_recorded_at.unwrap_or(UnixMs(i64::MIN)).max(last_recorded_at),
            marked,
        })
    }

    /// Checks that `header` follows the segment before; positions between them are missing.
    fn chain(&mut self, header: &SegmentHeader) -> Result<(), OpenError> {
        let (name, first, end) = (segment_name(header.first), header.first, self.end);
        if first < end {
            return Err(OpenError::Overlap { name, first, end });
        }
        if first > end {
            let reason = format!("the segment before {name} is missing or damaged at its end");
            self.quarantine(end, first, reason);
        }
        Ok(())
    }

    fn report(&mut self, header: &SegmentHeader, damage: &[Damage]) {
        for d in damage.iter().filter(|d| d.from_position < d.to_position) {
            let name = segment_name(header.first);
            let reason = format!("bytes {}..{} of {name} are damaged", d.from_byte, d.to_byte);
            self.quarantine(d.from_position, d.to_position, reason);
        }
    }

    fn quarantine(&mut self, from: u64, to: u64, reason: String) {
        tracing::error!(from, to, reason, "log: damaged positions");
        self.quarantined.push(QuarantinedRange { from: Position(from), to: Position(to), reason });
    }
}

pub(super) fn open_file(disk: &dyn Disk, first: u64) -> Result<(Box<dyn DiskFile>, SegmentHeader), OpenError> {
    let name = segment_name(first);
    let file = disk.open(&name)?;
    let header = SegmentHeader::read(file.as_ref())?.ok_or_else(|| OpenError::NoHeader(name.clone()))?;
    if header.first == first { Ok((file, header)) } else { Err(OpenError::Misnamed { name, found: header.first }) }
}

/// Cuts a torn tail: bytes that hold whole records are kept aside first, then all of it is zeroed.
fn cut(disk: &dyn Disk, file: &dyn DiskFile, header: &SegmentHeader, torn: &Torn) -> Result<(), OpenError> {
    let (first, bytes) = (header.first, torn.to_byte - torn.from_byte);
    if torn.whole_records > 0 {
        let mut kept = vec![0; bytes as usize];
        file.read_exact_at(&mut kept, torn.from_byte)?;
        keep_aside(disk, &format!("{first:020}-{}.torn", torn.from_byte), &kept)?;
    }
    tracing::warn!(first, from_byte = torn.from_byte, bytes, records = torn.whole_records, "log: a torn tail was cut");
    file.write_all_at(&vec![0; bytes as usize], torn.from_byte)?;
    file.sync_data()?;
    Ok(())
}

fn keep_aside(disk: &dyn Disk, name: &str, bytes: &[u8]) -> io::Result<()> {
    let file = match disk.create(name) {
        // Cut before, at the same byte, and crashed before the zeros: the same bytes again.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => disk.open(name)?,
        other => other?,
    };
    file.write_all_at(bytes, 0)?;
    file.sync_data()?;
    disk.sync_dir()
}
