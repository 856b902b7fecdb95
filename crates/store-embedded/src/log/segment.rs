//! A segment: one preallocated file of frames, and its index.

use std::io;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tidegate_domain::time::UnixMs;

use super::frame::{u32_at, u64_at};
use super::index::{Index, LiveIndex};
use crate::disk::{Disk, DiskFile};

/// Bytes of a segment's header: two copies of 64 bytes.
pub(super) const DATA_START: u64 = 128;
/// First bytes of a segment; the last one is the version of the format.
const MAGIC: [u8; 8] = *b"TGSEG\0\0\x01";
/// The next segment while it is being prepared.
pub(super) const SPARE_NAME: &str = "spare.tmp";

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    /// Position of its first frame.
    pub(super) first: u64,
    /// Goes into every header checksum of this segment.
    pub(super) salt: u64,
    /// Bytes of the file.
    pub(super) size: u64,
    pub(super) created_at: UnixMs,
}

impl SegmentHeader {
    fn bytes(&self) -> [u8; 64] {
        let mut out = [0; 64];
        out[0..8].copy_from_slice(&MAGIC);
        out[8..16].copy_from_slice(&self.first.to_le_bytes());
        out[16..24].copy_from_slice(&self.salt.to_le_bytes());
        out[24..32].copy_from_slice(&self.size.to_le_bytes());
        out[32..40].copy_from_slice(&self.created_at.0.to_le_bytes());
        let sum = crc32c::crc32c(&out[..60]);
        out[60..64].copy_from_slice(&sum.to_le_bytes());
        out
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        (bytes[0..8] == MAGIC && crc32c::crc32c(&bytes[..60]) == u32_at(bytes, 60)).then(|| Self {
            first: u64_at(bytes, 8),
            salt: u64_at(bytes, 16),
            size: u64_at(bytes, 24),
            created_at: UnixMs(u64_at(bytes, 32) as i64),
        })
    }

    /// Reads the header of `file` from either of its copies; `None` if both are damaged.
    pub(super) fn read(file: &dyn DiskFile) -> io::Result<Option<Self>> {
        let mut bytes = [0; DATA_START as usize];
        match file.read_exact_at(&mut bytes, 0) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
            Ok(()) => Ok(Self::from_bytes(&bytes[..64]).or_else(|| Self::from_bytes(&bytes[64..]))),
        }
    }

    /// True if both copies of the header of `file` can be read.
    pub(super) fn is_intact(file: &dyn DiskFile) -> io::Result<bool> {
        let mut bytes = [0; DATA_START as usize];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(Self::from_bytes(&bytes[..64]).is_some() && Self::from_bytes(&bytes[64..]).is_some())
    }

    pub(super) fn write(&self, file: &dyn DiskFile) -> io::Result<()> {
        let mut both = [0; DATA_START as usize];
        both[..64].copy_from_slice(&self.bytes());
        both[64..].copy_from_slice(&self.bytes());
        file.write_all_at(&both, 0)
    }
}

/// The name of the segment that starts at `first`.
pub(super) fn segment_name(first: u64) -> String {
    format!("{first:020}.seg")
}

/// The name of its index.
pub(super) fn index_name(first: u64) -> String {
    format!("{first:020}.idx")
}

/// The name of the mark of retention: an empty file that says that the log begins at `first`.
pub(super) fn mark_name(first: u64) -> String {
    format!("{first:020}.first")
}

/// Where the log begins according to the mark of this file name; `None` for other names.
pub(super) fn parse_mark_name(name: &str) -> Option<u64> {
    parse_position(name.strip_suffix(".first")?)
}

/// The first position of the segment of this file name; `None` for other names.
pub(super) fn parse_segment_name(name: &str) -> Option<u64> {
    parse_position(name.strip_suffix(".seg")?)
}

/// The first position of the segment whose index has this file name; `None` for other names.
pub(super) fn parse_index_name(name: &str) -> Option<u64> {
    parse_position(name.strip_suffix(".idx")?)
}

/// A position as it stands in names: 20 digits.
pub(super) fn parse_position(digits: &str) -> Option<u64> {
    let position: u64 = digits.parse().ok()?;
    (format!("{position:020}") == digits).then_some(position)
}

/// Makes a file of `size` zeros, synced, under the name of the spare. On failure nothing is left of it.
pub(super) fn prepare_spare(disk: &dyn Disk, size: u64) -> io::Result<Box<dyn DiskFile>> {
    remove_if_there(disk, SPARE_NAME)?;
    disk.create_zeroed(SPARE_NAME, size).inspect_err(|_| {
        // A full disk needs the bytes back. If they stay, the next attempt or start removes them.
        let _ = disk.remove(SPARE_NAME);
    })
}

/// Removes a file; one that is not there is fine.
pub(super) fn remove_if_there(disk: &dyn Disk, name: &str) -> io::Result<()> {
    match disk.remove(name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// An open segment.
pub(super) struct Segment {
    pub(super) header: SegmentHeader,
    pub(super) file: Box<dyn DiskFile>,
    index: RwLock<Index>,
}

impl Segment {
    pub(super) fn new(header: SegmentHeader, file: Box<dyn DiskFile>, index: Index) -> Self {
        Self { header, file, index: RwLock::new(index) }
    }

    /// Turns a prepared spare into the segment that starts at `header.first`: durable when this returns.
    ///
    /// Errors: while the header is written, a full disk is an error that passes. From the renaming on nobody knows
    /// whether the segment exists, so no failure may be taken for one that passes.
    pub(super) fn adopt_spare(
        disk: &dyn Disk,
        file: Box<dyn DiskFile>,
        header: SegmentHeader,
    ) -> io::Result<Self> {
        header.write(file.as_ref())?;
        file.sync_data().map_err(io::Error::other)?;
        disk.rename(SPARE_NAME, &segment_name(header.first)).map_err(io::Error::other)?;
        disk.sync_dir().map_err(io::Error::other)?;
        Ok(Self::new(header, file, Index::Live(LiveIndex::new(header.first))))
    }

    // A panic while the lock is held cannot leave an index half changed: its methods push after they compute.
    pub(super) fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn index_mut(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Position after its last frame.
    pub(super) fn end(&self) -> u64 {
        self.index().end()
    }

    /// Bytes of its file and of its index's.
    pub(super) fn disk_bytes(&self) -> u64 {
        self.header.size + self.index().disk_bytes()
    }
}
