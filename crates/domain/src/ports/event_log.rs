//! The log every later stage reads from: the source of truth.

use std::error::Error;

use async_trait::async_trait;
use bytes::Bytes;

use crate::dedup::{Fingerprint, Key};
use crate::filter::Order;
use crate::id::{EventId, Position, Shard};
use crate::time::UnixMs;

/// One record to append: where its bytes lie in [`AppendBatch::bytes`], and what the log must know of it.
#[derive(Clone, Copy, Debug)]
pub struct NewRecord {
    /// First byte of the record.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
    /// [`crate::dedup::stream_hash`] of its project.
    pub project: u64,
    /// [`crate::dedup::stream_hash`] of its session, if it has one.
    pub session: Option<u64>,
    /// Its idempotency key, if it has one.
    pub key: Option<Key>,
    /// Its fingerprint, if its door has a rule.
    pub fingerprint: Option<Fingerprint>,
}

/// What is appended at once: all of it or nothing.
#[derive(Clone, Debug, Default)]
pub struct AppendBatch {
    /// The records' bytes, one after the other.
    pub bytes: Vec<u8>,
    /// The records, in order; at least one.
    pub records: Vec<NewRecord>,
}

/// Proof that an event is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The event's id.
    pub id: EventId,
    /// The shard it lies in.
    pub shard: Shard,
    /// Its position there.
    pub position: Position,
    /// When the log took it in. Never decreases with position.
    pub recorded_at: UnixMs,
}

impl Receipt {
    /// The receipt of a record: its id follows from where and when it was written and from `crc`, the CRC32C of its bytes
    /// (or another checksum that the log keeps of it).
    pub fn new(shard: Shard, position: Position, recorded_at: UnixMs, crc: u32) -> Self {
        Self { id: EventId::new(recorded_at, shard, position, crc), shard, position, recorded_at }
    }
}

/// What became of one record of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is in the log now.
    Stored(Receipt),
    /// It was there before; this is the first one's receipt (D1, D4).
    Duplicate(Receipt),
    /// Its key belongs to another event; nothing was stored (D2).
    KeyReused(Receipt),
}

/// Why nothing of a batch was appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The queue is above its threshold. Retry after the time given; nothing was remembered of the batch.
    #[error("the intake queue is above its threshold ({depth} events, {bytes} bytes waiting)")]
    Overloaded {
        /// Events waiting.
        depth: usize,
        /// Bytes waiting.
        bytes: usize,
        /// When to try again, in seconds.
        retry_after_s: u32,
    },
    /// The batch is larger than the log takes at once. Never retried.
    #[error("the batch has {bytes} bytes, the log takes at most {max} at once")]
    TooLarge {
        /// Size of the batch.
        bytes: usize,
        /// Largest batch.
        max: usize,
    },
    /// The disk is full; reading goes on. Retry later.
    #[error("no space left for the log")]
    NoSpace(#[source] Box<dyn Error + Send + Sync>),
    /// An index could not be read, so nobody can say whether the batch is a duplicate. May be retried.
    #[error("the log could not be read")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// A write failed in a way that leaves the disk's state unknown. The log takes no more until a restart.
    #[error("a write or sync of the log failed, so it takes no more events until the server is restarted")]
    Poisoned,
    /// The log is shutting down.
    #[error("the log is shutting down")]
    Closed,
}

/// Why a read failed.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The disk failed. May be retried.
    #[error("the log could not be read")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

/// One record of the log.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its id, position and time.
    pub receipt: Receipt,
    /// Its bytes, as [`crate::record`] wrote them.
    pub bytes: Bytes,
}

/// Some records of the log, in the order asked for.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The records.
    pub records: Vec<Stored>,
    /// Where to go on; `None` when the list has ended. In a read from a position it is always set.
    pub next: Option<Position>,
}

/// Positions whose bytes are damaged: kept, reported, and skipped by readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantinedRange {
    /// First damaged position.
    pub from: Position,
    /// First good position after it.
    pub to: Position,
    /// Where the bytes are kept, and why.
    pub reason: String,
}

/// What of a log is deleted, oldest first: see [`EventLog::retain`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Events recorded before this time are deleted; `None`: age is no reason.
    pub recorded_before: Option<UnixMs>,
    /// Events are deleted while the log's files have more bytes than this; `None`: size is no reason.
    pub disk_max_bytes: Option<u64>,
    /// Nothing at or past this position is deleted, whatever the rest says.
    pub until: Position,
}

/// What [`EventLog::retain`] deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    /// Number of segments.
    pub segments: usize,
    /// Bytes of their files.
    pub bytes: u64,
}

/// How the log is doing.
#[derive(Clone, Debug, Default)]
pub struct LogStatus {
    /// Events waiting to be appended.
    pub queue_depth: usize,
    /// Bytes waiting to be appended.
    pub queue_bytes: usize,
    /// Most events that may wait.
    pub queue_depth_max: usize,
    /// Most bytes that may wait.
    pub queue_bytes_max: usize,
    /// Why writes are refused, if they are: `poisoned` or `no_space`.
    pub refusing: Option<&'static str>,
    /// Bytes of the log's segments and their indexes.
    pub disk_bytes: u64,
    /// Number of segments.
    pub segments: usize,
    /// Damaged ranges.
    pub quarantined: Vec<QuarantinedRange>,
}

/// The log of one shard.
///
/// Laws, run against every adapter by `testkit::event_log`:
/// - **L1 durable**: after `append` answered `Stored` or `Duplicate`, a reopened log still holds the record.
/// - **L2 atomic**: a batch that failed leaves all of itself readable or none of it.
/// - **L3 dense**: positions start at 0 and grow by one, in append order; readers see no position before all
///   smaller ones.
/// - **L4 once**: of records with one key, or one fingerprint within its window, exactly one is stored, however
///   many batches, tasks or restarts bring them; the others get its receipt (D1, D4) or `KeyReused` (D2).
/// - **L5 nothing remembered of a refusal**: after an error, the same batch may be appended as if new.
/// - **L6 monotone time**: `recorded_at` never decreases with position, whatever the clock does.
/// - **L7 found**: `find` by project or session hash yields every such record, in order, in either direction.
/// - **L8 kept**: nothing is deleted but by `retain`, and by that only a prefix that [`Retention`] admits, never the
///   newest record. What is left reads as before; what is gone is gone for good, its keys and fingerprints too (L4
///   holds for as long as the record is kept), and its positions are never given again.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// Appends `batch` and answers once it is durable, one answer per record, in order.
    ///
    /// Errors: see [`AppendError`]; after an error the caller may retry when the variant says so.
    async fn append(&self, batch: AppendBatch) -> Result<Vec<Appended>, AppendError>;

    /// The position after the last readable record.
    fn tail(&self) -> Position;

    /// The first position that is kept: 0 until [`EventLog::retain`] has deleted something. Reads from below it start
    /// here.
    fn first(&self) -> Position;

    /// Waits until [`EventLog::tail`] is above `position`, or for ever.
    async fn wait_past(&self, position: Position);

    /// Reads records from `from` on, about `max_bytes` of them; empty at the tail. `next` is where to go on, past
    /// damaged ranges too.
    async fn read(&self, from: Position, max_bytes: usize) -> Result<Page, LogError>;

    /// The records at `positions` (any order, at most 1000); damaged or absent ones are left out.
    async fn get(&self, positions: &[Position]) -> Result<Vec<Stored>, LogError>;

    /// At most `max` records of a stream, from position `from` on in direction `order`. May hold records of
    /// another stream with the same hash: the caller compares names.
    async fn find(&self, stream: u64, from: Position, order: Order, max: usize) -> Result<Page, LogError>;

    /// Deletes the oldest records, as far as `retention` admits and the adapter can: it may keep more. Durable when
    /// this returns; readers that are under way finish with what they hold.
    ///
    /// Errors: the disk failed; what was deleted until then stays deleted. May be retried.
    async fn retain(&self, retention: Retention) -> Result<Deleted, LogError>;

    /// How the log is doing. Cheap.
    fn status(&self) -> LogStatus;
}
