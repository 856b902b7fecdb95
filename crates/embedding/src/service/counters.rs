//! What the service counts.

/// Sums since the start, and the queue as it is. Every text asked for is counted once in `hits`, `joined`, `misses`,
/// `unqueued`, or as refused at the door.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Texts answered from the cache.
    pub hits: u64,
    /// Texts that joined a flight under way.
    pub joined: u64,
    /// Texts queued for the engine.
    pub misses: u64,
    /// Texts refused at the door: what waited already would have taken longer than there was time.
    pub refused_queue_full: u64,
    /// Texts refused at the door: the service had stopped.
    pub refused_stopped: u64,
    /// Texts taken in, or asked for without patience, that were not answered in time.
    pub deadlines: u64,
    /// Those of them that had no patience, so were not queued.
    pub unqueued: u64,
    /// Texts the engine failed on.
    pub failed: u64,
    /// Texts that left the queue unembedded: at a stop, or since nobody waited any more or would be answered in time.
    pub abandoned: u64,
    /// Texts embedded.
    pub embedded: u64,
    /// Calls of the engine.
    pub batches: u64,
    /// Time texts spent in the queue before a worker took them, in microseconds.
    pub queued_us_sum: u64,
    /// Time workers spent in the engine, in microseconds.
    pub engine_us_sum: u64,
    /// Texts waiting now.
    pub queue_depth: usize,
    /// Most texts that ever waited.
    pub queue_depth_max: usize,
    /// Vectors cached now.
    pub cached: usize,
}
