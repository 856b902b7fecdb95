//! Backups: all that is not derived, in one file that either store is restored from.
//!
//! # The file (all numbers little-endian)
//!
//! ```text
//! file    := magic "TGBACK\0\x01" · zstd(stream) · SHA-256 of all bytes before
//! stream  := header · record* · project* · key* · exemplar* · trailer
//! each    := kind u8 ('H', 'R', 'P', 'K', 'X', 'T') · length u32 · body
//! record  := position u64 · recorded_at_ms i64 · checksum of the id u32 · project hash u64
//!            · flags u8 (1 session, 2 key, 4 fingerprint) · [session hash u64] · [key hash 16, body digest u64]
//!            · [fingerprint hash 16] · record (domain::record)
//! others  := JSON: [`Header`], a project, a key (its hash), an exemplar, [`Trailer`]
//! ```
//!
//! The last byte of the magic is the version of the format.
//!
//! - Every record from the log's first position to its tail at the start of the backup is there, but for damaged ones.
//! - Projects, keys and exemplars are those of a moment after that.
//! - A file is complete or refused, before anything is written: the digest at its end covers every byte.
//! - Views are not in it: they are folded again.

mod embedded;
mod format;
mod postgres;
mod reader;
mod restore;
mod writer;

use serde::{Deserialize, Serialize};
use tidegate_domain::id::Position;
use tidegate_domain::time::UnixMs;

pub use format::Item;
pub use reader::{BackupError, Reader};
pub use restore::{Restored, Until, restore};
pub use writer::{Saved, save};

/// First bytes of a backup; the last one is the version of the format.
const MAGIC: [u8; 8] = *b"TGBACK\0\x01";
/// Bytes of the digest at its end.
const DIGEST_BYTES: u64 = 32;

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Version of the program that wrote it.
    pub program: String,
    /// The store that it was taken from: `embedded` or `postgres`.
    pub store: String,
    /// When it was begun.
    pub created_at: UnixMs,
    /// Where the log began.
    pub first: Position,
    /// Where it ended.
    pub tail: Position,
}

/// How much is in a backup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trailer {
    /// Number of records.
    pub records: u64,
    /// Number of projects.
    pub projects: u64,
    /// Number of keys.
    pub keys: u64,
    /// Number of labelled texts.
    #[serde(default)]
    pub exemplars: u64,
}

/// Told how far a backup or a restore is: the position reached, of the first and the tail.
pub trait Progress {
    /// It is at `position` of `first..tail`.
    fn at(&mut self, position: Position, first: Position, tail: Position);
}
