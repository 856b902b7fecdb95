//! All that a log holds, read without touching it: what `tidegate backup` takes away. A server may work on it meanwhile.
//!
//! Every segment is opened before the first is read, so that retention takes none away. The last group counts once it is
//! whole, as after a crash: whatever was acknowledged before is there. The last segment is read twice: once for the tail,
//! and once for its records. A read beside the writer may see a group and not the one before, which was written after its
//! own bytes were read; the second time all groups before the tail are there.

use std::io;

use bytes::Bytes;
use tidegate_domain::entry::Entry;
use tidegate_domain::id::Position;

use super::frame::{HEADER_BYTES, Header, Meta};
use super::keeper::CACHED_SEGMENTS;
use super::recovery::{OpenError, begins_at, end_is_missing, open_file, segments_from};
use super::scan::{read_whole, scan_bytes};
use super::segment::{SegmentHeader, segment_name};
use crate::disk::{Disk, DiskFile};

/// How often a directory is listed again that retention changes meanwhile.
const ATTEMPTS_MAX: usize = 10;

/// Why a log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// It is not one that a server would open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Retention deletes segments faster than they can be opened. May be retried.
    #[error("retention deletes what is to be read: try again")]
    Unsteady,
    /// The disk could not be read.
    #[error("the log cannot be read")]
    Io(#[from] io::Error),
}

struct OpenSegment {
    file: Box<dyn DiskFile>,
    header: SegmentHeader,
}

/// A log as it was at one moment.
pub struct Export {
    segments: Vec<OpenSegment>,
    first: u64,
    tail: u64,
}

impl Export {
    /// Opens the log in `disk`'s directory as it is now. Cost: reads the last segment. Errors: [`ExportError`].
    pub fn open(disk: &dyn Disk) -> Result<Self, ExportError> {
        for _ in 0..ATTEMPTS_MAX {
            let names = disk.list()?;
            let first = begins_at(&names);
            let firsts = segments_from(&names, first);
            if let Some(error) = end_is_missing(&names, &firsts, first) {
                return Err(error.into());
            }
            let Some(segments) = open_all(disk, &firsts)? else { continue };
            // A listing is not of one moment. What retention takes, it takes from the front.
            let again = disk.list()?;
            if begins_at(&again) == first && segments_from(&again, first).starts_with(&firsts) {
                return Self::new(segments, first);
            }
        }
        Err(ExportError::Unsteady)
    }

    fn new(segments: Vec<OpenSegment>, first: u64) -> Result<Self, ExportError> {
        let tail = match segments.last() {
            Some(last) => scan_bytes(&read_whole(last.file.as_ref())?, &last.header, None).index.end(),
            None => first,
        };
        Ok(Self { segments, first, tail })
    }

    /// Where the log begins.
    pub fn first(&self) -> Position {
        Position(self.first)
    }

    /// Where it ended when it was opened.
    pub fn tail(&self) -> Position {
        Position(self.tail)
    }

    /// Gives every record from the first to the tail to `take`, in order; damaged ones are left out.
    ///
    /// Cost: reads every segment once, one at a time, into memory. Errors: those of reading, and of `take`.
    pub fn for_each<E: From<io::Error>>(self, mut take: impl FnMut(Entry) -> Result<(), E>) -> Result<(), E> {
        let mut next = self.first;
        for (number, segment) in self.segments.iter().enumerate() {
            let until = self.segments.get(number + 1).map(|next| next.header.first);
            let bytes = Bytes::from(read_whole(segment.file.as_ref())?);
            let scanned = scan_bytes(&bytes, &segment.header, until);
            let end = scanned.index.end();
            if let Some(next) = until.filter(|next| *next < end) {
                let name = segment_name(next);
                return Err(io::Error::other(OpenError::Overlap { name, first: next, end }).into());
            }
            let end = end.min(self.tail);
            let offsets = scanned.index.offsets(next, end);
            let from = next.max(segment.header.first);
            for (position, offset) in (from..).zip(offsets).filter(|(_, offset)| *offset != 0) {
                let entry = entry(&bytes, offset as usize, segment.header.salt, position);
                take(entry.ok_or_else(|| {
                    io::Error::other(format!("record {position} changed while it was read"))
                })?)?;
            }
            // A server reads the newest ones; what was read here only must not push others out of memory.
            if number + CACHED_SEGMENTS < self.segments.len() {
                segment.file.forget();
            }
            next = next.max(end);
        }
        Ok(())
    }
}

/// `None` if retention has removed one of them.
fn open_all(disk: &dyn Disk, firsts: &[u64]) -> Result<Option<Vec<OpenSegment>>, ExportError> {
    let mut segments = Vec::with_capacity(firsts.len());
    for first in firsts {
        match open_file(disk, *first) {
            Ok((file, header)) => segments.push(OpenSegment { file, header }),
            Err(OpenError::Io(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Some(segments))
}

/// The record of the frame at byte `at`, which a scan has found good.
fn entry(bytes: &Bytes, at: usize, salt: u64, position: u64) -> Option<Entry> {
    let header = Header::read(bytes.get(at..)?, salt).filter(|header| header.position == position)?;
    let (start, end) = (at + HEADER_BYTES, at + header.frame_bytes() as usize);
    let (meta, body) = Meta::read(bytes.get(start..end)?)?;
    Some(Entry {
        position: Position(position),
        recorded_at: header.recorded_at,
        checksum: header.crc,
        project: meta.project,
        session: meta.session,
        key: meta.key,
        fingerprint: meta.fingerprint.map(|print| print.hash),
        record: bytes.slice(start + body..end),
    })
}
