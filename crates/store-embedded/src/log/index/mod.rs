//! What is known of a segment's frames without reading them: where each position lies, which positions belong
//! to a session or project, and which idempotency keys and fingerprints were seen.
//!
//! While a segment grows this is in memory ([`LiveIndex`]). Once it is full it is written to one file, once, and
//! only a filter and a few fences stay in memory ([`SealedIndex`], [`Epochs`]). The file can always be made again from the
//! segment, so it is checked when opened and rebuilt on doubt.
//!
//! ```text
//! index  := header (4096 bytes) · offsets · streams · postings · keys · filter
//! header := magic "TGIDX\0\0\2" · first u64 · count u32 · last_recorded_at i64 · salt u64
//!           · 5 × (offset u64 · length u64 · crc u32) · crc u32 of all before
//! offsets  := u32 per position: byte of its frame in the segment, 0 if damaged
//! streams  := (stream hash u64 · first posting u32 · count u32), sorted
//! postings := u32 per entry: position - first; rising within a stream
//! keys     := entries of 44 bytes, sorted by hash
//! filter   := split-block Bloom filter over the streams and keys
//! ```

mod epoch;
mod filter;
mod keys;
mod live;
mod sealed;
mod table;

pub(super) use epoch::{Epoch, Epochs};
pub(super) use live::{AsIs, KeyMap, LiveIndex};
pub(super) use sealed::SealedIndex;

use std::io;
use std::sync::Arc;

use tidegate_domain::dedup::Seen;
use tidegate_domain::filter::Order;
use tidegate_domain::time::UnixMs;

use super::frame::{receipt, u32_at, u64_at};

/// What is known of a segment's frames: in memory while it grows, in a file once it is sealed.
pub(super) enum Index {
    Live(LiveIndex),
    Sealed(SealedIndex),
}

impl Index {
    /// Position after the segment's last frame.
    pub(super) fn end(&self) -> u64 {
        match self {
            Self::Live(live) => live.end(),
            Self::Sealed(sealed) => sealed.end(),
        }
    }

    /// Bytes of its file.
    pub(super) fn disk_bytes(&self) -> u64 {
        match self {
            Self::Live(_) => 0,
            Self::Sealed(sealed) => sealed.disk_bytes(),
        }
    }

    pub(super) fn last_recorded_at(&self) -> UnixMs {
        match self {
            Self::Live(live) => live.last_recorded_at(),
            Self::Sealed(sealed) => sealed.last_recorded_at(),
        }
    }

    /// What can say for many segments, this one among them, that a hash is none of theirs.
    pub(super) fn epoch(&self) -> Option<&Arc<Epoch>> {
        match self {
            Self::Live(_) => None,
            Self::Sealed(sealed) => Some(sealed.epoch()),
        }
    }

    /// What is remembered of a key or fingerprint.
    pub(super) fn key(&self, hash: u128) -> io::Result<Option<KeyEntry>> {
        match self {
            Self::Live(live) => Ok(live.key(hash)),
            Self::Sealed(sealed) => sealed.key(hash),
        }
    }

    /// The bytes in the segment of the frames at `from..to`, as far as they are here; 0 for damaged ones.
    pub(super) fn offsets(&self, from: u64, to: u64) -> io::Result<Vec<u32>> {
        match self {
            Self::Live(live) => Ok(live.offsets(from, to)),
            Self::Sealed(sealed) => sealed.offsets(from, to),
        }
    }

    /// At most `max` positions of `stream` from `from` on in direction `order`.
    pub(super) fn find(&self, stream: u64, from: u64, order: Order, max: usize) -> io::Result<Vec<u64>> {
        match self {
            Self::Live(live) => Ok(live.find(stream, from, order, max)),
            Self::Sealed(sealed) => sealed.find(stream, from, order, max),
        }
    }
}

/// What is remembered of an idempotency key or a fingerprint: enough to give the first receipt again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyEntry {
    /// Digest of the body; 0 for a fingerprint.
    pub(super) digest: u64,
    pub(super) position: u64,
    pub(super) recorded_at: UnixMs,
    /// Checksum of the record, part of its id.
    pub(super) crc: u32,
}

/// Bytes of a key entry in a file: hash, digest, position, time, checksum.
const KEY_BYTES: usize = 44;

impl KeyEntry {
    pub(super) fn seen(&self) -> Seen {
        Seen { digest: self.digest, receipt: receipt(self.position, self.recorded_at, self.crc) }
    }

    fn write(&self, hash: u128, out: &mut Vec<u8>) {
        out.extend_from_slice(&hash.to_le_bytes());
        out.extend_from_slice(&self.digest.to_le_bytes());
        out.extend_from_slice(&self.position.to_le_bytes());
        out.extend_from_slice(&self.recorded_at.0.to_le_bytes());
        out.extend_from_slice(&self.crc.to_le_bytes());
    }

    fn read(bytes: &[u8]) -> (u128, Self) {
        let hash = u128::from(u64_at(bytes, 0)) | u128::from(u64_at(bytes, 8)) << 64;
        let entry = Self {
            digest: u64_at(bytes, 16),
            position: u64_at(bytes, 24),
            recorded_at: UnixMs(u64_at(bytes, 32) as i64),
            crc: u32_at(bytes, 40),
        };
        (hash, entry)
    }
}
