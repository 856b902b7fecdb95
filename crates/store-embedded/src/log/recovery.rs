//! Opening a log: find its segments, check the chain, cut a torn tail, report damage. Nothing is deleted on doubt.
//!
//! | found | done |
//! |---|---|
//! | an index that is missing, damaged, or not of its segment | made again from the segment |
//! | damaged frames, a missing segment with others around it | positions quarantined, bytes left alone |
//! | a full segment that was cut, or is an older copy | the positions its index still knows are quarantined |
//! | a torn tail | copied to a `.torn` file, then zeroed: it was never acknowledged |
//! | a last group that is whole, but perhaps not synced | written and synced again before anybody sees it |
//! | files before the mark of retention | ignored; the next retention deletes them |
//! | a segment without header, misnamed, overlapping; the end missing | refused, in words that say what to do |
//! | any other file, `backup.seg` too | ignored |
//!
//! Not covered: if the last segment itself is an older copy, or its data is zeros, nothing here knows of its events.

use std::io;
use std::sync::Arc;

use tidegate_domain::id::Position;
use tidegate_domain::ports::{Clock, Entropy, QuarantinedRange};
use tidegate_domain::time::UnixMs;

use super::LogConfig;
use super::fetch::is_whole;
use super::index::{Epochs, Index, SealedIndex};
use super::scan::{Damage, scan};
use super::segment::{
    DATA_START, Segment, SegmentHeader, index_name, mark_name, parse_index_name, parse_mark_name,
    parse_segment_name, prepare_spare, segment_name,
};
use super::tail::mend;
use crate::disk::{Disk, DiskFile};

/// Why a log cannot be opened. Each says what to do; none is repaired by itself.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Both copies of a segment's header are unreadable.
    #[error(
        "segment {0} has no readable header: restore it from a backup, or move it away and lose its events"
    )]
    NoHeader(String),
    /// A file carries another segment's header.
    #[error(
        "segment {name} says it starts at {found}: it was renamed or copied; if {} is missing, give it that name back, \
         else move it away",
        segment_name(*found)
    )]
    Misnamed {
        /// The file.
        name: String,
        /// What its header says.
        found: u64,
    },
    /// Two segments claim the same positions.
    #[error(
        "segment {name} starts at {first}, but the one before it already reaches {end}: one of them is a copy from \
         another time; move the wrong one away"
    )]
    Overlap {
        /// The later file.
        name: String,
        /// Where it starts.
        first: u64,
        /// Where the one before ends.
        end: u64,
    },
    /// The last segments are gone: how many events they held, nobody knows.
    #[error(
        "{index} belongs to a full segment, but no later segment is here: restore it from a backup; to go on without \
         its events, and give their positions to new ones, move {index} away"
    )]
    EndMissing {
        /// The index that proves it.
        index: String,
    },
    /// The mark of retention is there, and nothing of what it begins.
    #[error(
        "{mark} says that the log goes on from there, but no segment from there on is here: restore them from a \
         backup; to begin anew, and give their positions to new events, move {mark} away"
    )]
    NothingKept {
        /// The mark.
        mark: String,
    },
    /// The disk could not be read or written.
    #[error("the log's directory cannot be used")]
    Io(#[from] io::Error),
}

impl OpenError {
    /// The file it is about, if it is about one.
    pub fn file(&self) -> Option<&str> {
        match self {
            Self::NoHeader(name)
            | Self::Misnamed { name, .. }
            | Self::Overlap { name, .. }
            | Self::EndMissing { index: name }
            | Self::NothingKept { mark: name } => Some(name),
            Self::Io(_) => None,
        }
    }
}

/// An opened log, ready to append.
pub(super) struct Opened {
    /// Where the log begins.
    pub(super) first: u64,
    pub(super) segments: Vec<Arc<Segment>>,
    pub(super) active: Arc<Segment>,
    pub(super) quarantined: Vec<QuarantinedRange>,
    pub(super) epochs: Epochs,
    pub(super) offset: u64,
    pub(super) last_recorded_at: UnixMs,
    pub(super) marked: bool,
}

/// Opens the log on `disk`, making an empty one if there is none.
pub(super) fn open(
    disk: &dyn Disk,
    config: &LogConfig,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<Opened, OpenError> {
    let names = disk.list()?;
    let begin = begins_at(&names);
    let firsts = segments_from(&names, begin);
    if let Some(error) = end_is_missing(&names, &firsts, begin) {
        return Err(error);
    }
    let Some((last, full)) = firsts.split_last() else { return create(disk, config, clock, entropy) };
    // A process may have died between renaming the last segment into place and making its name durable.
    disk.sync_dir()?;
    let mut builder = Builder { first: begin, end: begin, ..Builder::default() };
    for (first, next_first) in full.iter().zip(&firsts[1..]) {
        builder.add_full(disk, *first, *next_first)?;
    }
    builder.finish(disk, *last)
}

/// Where the log begins: at the newest mark of retention.
pub(super) fn begins_at(names: &[String]) -> u64 {
    names.iter().filter_map(|name| parse_mark_name(name)).max().unwrap_or(0)
}

/// The first positions of the segments from `begin` on, rising. Those before are what a deletion has left.
pub(super) fn segments_from(names: &[String], begin: u64) -> Vec<u64> {
    let firsts = names.iter().filter_map(|name| parse_segment_name(name));
    let mut firsts: Vec<u64> = firsts.filter(|first| *first >= begin).collect();
    firsts.sort_unstable();
    firsts
}

/// What says that the log once went on after the last of its segments, which begin at `firsts`: an index, for indexes
/// are written once the next segment is in use, or a mark without a segment.
pub(super) fn end_is_missing(names: &[String], firsts: &[u64], begin: u64) -> Option<OpenError> {
    let last = firsts.last();
    let newest = names.iter().filter_map(|name| parse_index_name(name)).filter(|index| *index >= begin).max();
    match newest.filter(|index| last.is_none_or(|last| index >= last)) {
        Some(index) => Some(OpenError::EndMissing { index: index_name(index) }),
        None if last.is_none() && begin > 0 => Some(OpenError::NothingKept { mark: mark_name(begin) }),
        None => None,
    }
}

fn create(
    disk: &dyn Disk,
    config: &LogConfig,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<Opened, OpenError> {
    let (mut salt, size) = ([0; 8], config.segment_first_bytes);
    entropy.fill(&mut salt);
    let file = prepare_spare(disk, size)?;
    let header = SegmentHeader { first: 0, salt: u64::from_le_bytes(salt), size, created_at: clock.now() };
    let active = Arc::new(Segment::adopt_spare(disk, file, header)?);
    Ok(Opened {
        first: 0,
        segments: vec![Arc::clone(&active)],
        active,
        quarantined: Vec::new(),
        epochs: Epochs::default(),
        offset: DATA_START,
        last_recorded_at: UnixMs(i64::MIN),
        marked: true,
    })
}

#[derive(Default)]
struct Builder {
    first: u64,
    segments: Vec<Arc<Segment>>,
    quarantined: Vec<QuarantinedRange>,
    epochs: Epochs,
    last_recorded_at: Option<UnixMs>,
    end: u64,
}

impl Builder {
    fn add_full(&mut self, disk: &dyn Disk, first: u64, next_first: u64) -> Result<(), OpenError> {
        let (file, header) = open_file(disk, first)?;
        self.chain(&header)?;
        let index = match open_index(disk, &header, &self.epochs).filter(|index| index.end() == next_first) {
            Some(sealed) => self.check_end(file.as_ref(), &header, sealed)?,
            None => self.index_again(disk, file.as_ref(), &header, next_first)?,
        };
        self.last_recorded_at = self.last_recorded_at.max(Some(index.last_recorded_at()));
        self.end = index.end();
        self.segments.push(Arc::new(Segment::new(header, file, index)));
        Ok(())
    }

    /// Looks whether the last record that `sealed` knows is there. The other ones are checked when they are read.
    fn check_end(
        &mut self,
        file: &dyn DiskFile,
        header: &SegmentHeader,
        sealed: SealedIndex,
    ) -> Result<Index, OpenError> {
        for hole in sealed.holes() {
            let reason = format!("bytes of {} were found damaged earlier", segment_name(header.first));
            self.quarantine(hole.start, hole.end, reason);
        }
        let end = sealed.end();
        let offset = sealed.offsets(end - 1, end)?.first().copied().unwrap_or(0);
        // A file that cannot be read now may be readable later, so that is no reason to refuse the start.
        if offset != 0 && !is_whole(file, header.salt, offset, end - 1).unwrap_or(true) {
            let scanned = scan(file, header, Some(end))?;
            self.report(header, &scanned.damage);
            let name = segment_name(header.first);
            let reason = format!("the end of {name} is missing: it was cut, or is an older copy");
            self.quarantine(scanned.index.end(), end, reason);
        }
        Ok(Index::Sealed(sealed))
    }

    /// Makes a missing or damaged index from its segment; keeps it in memory if it cannot be written.
    fn index_again(
        &mut self,
        disk: &dyn Disk,
        file: &dyn DiskFile,
        header: &SegmentHeader,
        next_first: u64,
    ) -> Result<Index, OpenError> {
        let scanned = scan(file, header, Some(next_first))?;
        self.report(header, &scanned.damage);
        if let Err(error) = SealedIndex::write(disk, header, &scanned.index) {
            tracing::warn!(first = header.first, error = %error, "log: an index could not be written");
            return Ok(Index::Live(scanned.index));
        }
        Ok(open_index(disk, header, &self.epochs).map_or(Index::Live(scanned.index), Index::Sealed))
    }

    fn finish(mut self, disk: &dyn Disk, first: u64) -> Result<Opened, OpenError> {
        let (file, header) = open_file(disk, first)?;
        self.chain(&header)?;
        let scanned = scan(file.as_ref(), &header, None)?;
        self.report(&header, &scanned.damage);
        mend(disk, file.as_ref(), first, &scanned)?;
        let (offset, marked) = (scanned.end_byte, scanned.unproven.is_none());
        let last_recorded_at =
            self.last_recorded_at.unwrap_or(UnixMs(i64::MIN)).max(scanned.last_recorded_at);
        let active = Arc::new(Segment::new(header, file, Index::Live(scanned.index)));
        self.segments.push(Arc::clone(&active));
        let Self { first, segments, quarantined, epochs, .. } = self;
        Ok(Opened { first, segments, active, quarantined, epochs, offset, last_recorded_at, marked })
    }

    /// Checks that `header` follows the segment before; positions between them are missing.
    fn chain(&mut self, header: &SegmentHeader) -> Result<(), OpenError> {
        let (name, first, end) = (segment_name(header.first), header.first, self.end);
        if first < end {
            return Err(OpenError::Overlap { name, first, end });
        }
        let reason = format!("the segment before {name} is missing or damaged at its end");
        self.quarantine(end, first, reason);
        Ok(())
    }

    fn report(&mut self, header: &SegmentHeader, damage: &[Damage]) {
        for d in damage {
            let name = segment_name(header.first);
            let reason = format!("bytes {}..{} of {name} are damaged", d.from_byte, d.to_byte);
            self.quarantine(d.from_position, d.to_position, reason);
        }
    }

    fn quarantine(&mut self, from: u64, to: u64, reason: String) {
        if from < to {
            tracing::error!(from, to, reason, "log: damaged positions");
            self.quarantined.push(QuarantinedRange { from: Position(from), to: Position(to), reason });
        }
    }
}

pub(super) fn open_file(
    disk: &dyn Disk,
    first: u64,
) -> Result<(Box<dyn DiskFile>, SegmentHeader), OpenError> {
    let name = segment_name(first);
    let file = disk.open(&name)?;
    let header = SegmentHeader::read(file.as_ref())?.ok_or_else(|| OpenError::NoHeader(name.clone()))?;
    if header.first == first {
        Ok((file, header))
    } else {
        Err(OpenError::Misnamed { name, found: header.first })
    }
}

/// The index of a segment, if it can be used: what cannot be read can be made again.
fn open_index(disk: &dyn Disk, header: &SegmentHeader, epochs: &Epochs) -> Option<SealedIndex> {
    SealedIndex::open(disk, header, epochs).unwrap_or_else(|error| {
        tracing::warn!(first = header.first, error = %error, "log: an index could not be read");
        None
    })
}
