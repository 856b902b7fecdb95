//! What a pipeline reads: the records of one shard, in order.

use async_trait::async_trait;

use super::{LogError, Page};
use crate::id::Position;

/// The records of one shard of a log, for whoever folds it.
///
/// Laws, run against every adapter by `testkit::feed`:
/// - **F1 whole**: reading on from where each page says brings every record of the shard once, in order of position,
///   and no other shard's.
/// - **F2 awake**: `wait_past` returns once the log goes on past a position, whichever shard its records are of.
#[async_trait]
pub trait Feed: Send + Sync {
    /// The shard's records from `from` on, about `max_bytes` of them. `next` is always set: it is where to go on, and
    /// past positions of other shards. Equal to `from`, there is nothing yet.
    async fn read(&self, from: Position, max_bytes: usize) -> Result<Page, LogError>;

    /// Waits until the log has a record at `position` or after it, of any shard.
    async fn wait_past(&self, position: Position);

    /// Everything before `position` is folded and committed: what the feed keeps for it may go. Never fails; what is
    /// not cleared away now is later.
    async fn folded(&self, position: Position) {
        let _ = position;
    }
}
