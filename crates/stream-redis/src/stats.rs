//! What the transport counts.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of a process's transport; each only grows, but `waiting`.
#[derive(Debug, Default)]
pub struct TransportStats {
    /// Entries added to streams.
    pub published: AtomicU64,
    /// Groups that were not added: Redis was slow, full or away. Workers read them from the log.
    pub skipped: AtomicU64,
    /// Entries received.
    pub received: AtomicU64,
    /// Entries received and not yet folded.
    pub waiting: AtomicU64,
    /// Entries put aside because they could not be used.
    pub dead_letters: AtomicU64,
    /// Calls that failed.
    pub errors: AtomicU64,
}

impl TransportStats {
    pub(crate) fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }
}
