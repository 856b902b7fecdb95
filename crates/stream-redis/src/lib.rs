//! Redis Streams: the log's records to the workers that fold them, and folded events to others.
//!
//! Nothing here is the truth: the log is. What Redis loses, or never got, workers read from the log, and what was routed
//! can be routed again. So `FLUSHALL`, a Redis that stands still, and one without a file lose no event and fold none
//! twice.
//!
//! - [`outlet`]: hears of each group appended, and adds it to the stream of each shard.
//! - [`feed`]: what a worker reads: from its shard's stream while that follows on, else from the log.
//! - [`routes`]: `events:reasoning_queue` and `events:low_risk`, whole events for consumers of any kind.
//! - `entry`: the bytes of an entry. `receiver`, `pending`: consumer groups, abandoned entries, dead letters.

pub mod connection;
mod entry;
pub mod feed;
pub mod outlet;
mod pending;
mod receiver;
pub mod routes;
pub mod stats;
