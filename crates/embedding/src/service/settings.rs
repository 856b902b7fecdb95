//! Limits of the service; each has a name.

use std::num::NonZeroUsize;
use std::thread;

use crate::cache::Cache;

/// Settings of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceSettings {
    /// Worker threads; `None` for one less than the machine has cores, at least one.
    pub workers: Option<NonZeroUsize>,
    /// Texts that may wait, whatever time callers have.
    pub queue_texts_max: usize,
    /// Bytes of text that may wait.
    pub queue_bytes_max: usize,
    /// Texts in one batch.
    pub batch_texts_max: usize,
    /// Tokens in one batch, estimated as a quarter of the bytes; one text may exceed it alone.
    pub batch_tokens_max: usize,
    /// Tokens that the engine keeps of a text: a longer one costs no more.
    pub text_tokens_max: usize,
    /// Vectors kept in the cache, some 1.7 KB each at 384 dimensions.
    pub cache_entries_max: NonZeroUsize,
    /// How long a vector is kept, in milliseconds.
    pub cache_ttl_ms: i64,
}

impl Default for ServiceSettings {
    fn default() -> Self {
        Self {
            workers: None,
            queue_texts_max: 1_024,
            queue_bytes_max: 16 << 20,
            batch_texts_max: 32,
            batch_tokens_max: 512,
            text_tokens_max: 256,
            cache_entries_max: NonZeroUsize::MIN.saturating_add(19_999),
            cache_ttl_ms: Cache::TTL_MS,
        }
    }
}

impl ServiceSettings {
    pub(super) fn workers(&self) -> usize {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.workers.map_or((cores - 1).max(1), NonZeroUsize::get)
    }
}
