//! The way callers embed: a queue as long as callers have time, in front of worker threads, and a cache in front of it.
//!
//! - **S1** a text is taken in only if, by the engine's pace as measured (`pace`), it will be answered within its caller's
//!   patience; else it is refused at once. One text is taken in whatever the estimate says when a worker is free and nothing
//!   waits: from it the pace is learnt. At most `queue_texts_max` texts and `queue_bytes_max` bytes wait.
//! - **S2** a caller gets one answer a text, in the order of its texts.
//! - **S3** single flight: a text that is waiting or being embedded is not embedded again; who asks for it meanwhile
//!   gets the same answer.
//! - **S4** no caller waits beyond its deadline. A text that nobody waits for any more, or that cannot be answered in time
//!   any more, is not embedded.
//! - **S5** after [`EmbeddingService::stop`] nobody waits: what was queued is refused, what is being embedded is
//!   answered.
//! - **S6** an engine that fails or panics costs an answer to the texts it failed on, nothing else.
//! - **S7** goodput: whatever more is asked for than the engine can do, it works without a pause, and on texts that will be
//!   answered in time.
//!
//! While workers are busy the next batch gathers by itself, and an idle worker takes what waits already. A batch grows only
//! as long as all in it are in time: texts done together are answered together.
//!
//! Source: Nichols, Jacobson (2012), Controlling queue delay (a queue's length is the time it takes, not what is in it).

mod asked;
mod batch;
mod counters;
mod door;
mod flight;
mod pace;
mod settings;
#[cfg(test)]
mod tests;
mod worker;

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::cache::CacheKey;
use crate::embedder::Embedder;
use crate::vector::Vector;
use door::Door;

pub use asked::Asked;
pub use counters::Counters;
pub use settings::ServiceSettings;

/// Why a text has no vector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// What waits already takes longer than the caller has; retry later, or go without.
    #[error("the queue is full")]
    QueueFull,
    /// The caller's time is over.
    #[error("not embedded before the deadline")]
    Deadline,
    /// The engine failed on this text, for the reason given.
    #[error("the engine failed: {0}")]
    Failed(String),
    /// The service has stopped.
    #[error("the service has stopped")]
    Stopped,
}

/// What a caller gets for a text.
pub type Answer = Result<Arc<Vector>, Refused>;

/// What callers and workers share.
struct Shared {
    embedder: Arc<dyn Embedder>,
    door: Mutex<Door>,
    /// Workers wait here for texts.
    arrived: Condvar,
}

impl Shared {
    fn door(&self) -> MutexGuard<'_, Door> {
        // No code that may panic runs under the lock; a poisoned one would still hold a sound queue.
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Queue, workers and cache around an embedder. Dropping it stops it.
pub struct EmbeddingService {
    shared: Arc<Shared>,
    workers: Mutex<Vec<JoinHandle<()>>>,
}

impl EmbeddingService {
    /// Starts the workers.
    ///
    /// - Errors: the system has no more threads; may be retried.
    pub fn start(embedder: Arc<dyn Embedder>, settings: &ServiceSettings) -> io::Result<Self> {
        let door = Mutex::new(Door::new(settings));
        let workers = settings.workers();
        let service = Self {
            shared: Arc::new(Shared { embedder, door, arrived: Condvar::new() }),
            workers: Mutex::default(),
        };
        for number in 0..workers {
            let shared = Arc::clone(&service.shared);
            let worker = thread::Builder::new().name(format!("embed-{number}"));
            let worker = worker.spawn(move || worker::run(&shared, number))?;
            service.workers().push(worker);
        }
        Ok(service)
    }

    /// Embeds texts; blocks until each has its answer, or `patience` is over.
    ///
    /// - `now_ms`: Unix time in milliseconds, for the age of what is cached.
    /// - `patience`: how long the caller waits, from the call on; zero gives what is cached.
    /// - Result: an answer a text, in order (S2); some may be refused while others are not.
    /// - Cost: a cached text costs a digest and a look-up; any other its share of a batch.
    pub fn embed(&self, texts: &[&str], now_ms: i64, patience: Duration) -> Vec<Answer> {
        self.ask(texts, now_ms, patience).answers()
    }

    /// Asks for texts as [`Self::embed`] does, and does not wait: what is not cached is queued or refused, and the engine
    /// works while the caller does something else. Cost: a digest and a look-up a text.
    pub fn ask(&self, texts: &[&str], now_ms: i64, patience: Duration) -> Asked {
        let version = self.shared.embedder.version();
        let keys: Vec<CacheKey> = texts.iter().map(|text| CacheKey::new(version, text)).collect();
        let now = Instant::now();
        // A deadline beyond what the clock can hold is none.
        let until = now.checked_add(patience);
        let (tickets, queued) = {
            let mut door = self.shared.door();
            let before = door.counters().misses;
            let admit = |(text, key): (&&str, CacheKey)| (key, door.admit(key, text, now_ms, now, until));
            let tickets = texts.iter().zip(keys).map(admit).collect();
            (tickets, door.counters().misses - before)
        };
        // Who has nothing for the workers does not wake them.
        if queued == 1 {
            self.shared.arrived.notify_one();
        } else if queued > 1 {
            self.shared.arrived.notify_all();
        }
        Asked { shared: Arc::clone(&self.shared), tickets, until }
    }

    /// The embedder behind.
    pub fn embedder(&self) -> &Arc<dyn Embedder> {
        &self.shared.embedder
    }

    /// What has been counted since the start.
    pub fn counters(&self) -> Counters {
        self.shared.door().counters()
    }

    /// Refuses what waits and what comes, and returns when the workers are done (S5). May be called again.
    pub fn stop(&self) {
        self.shared.door().stop();
        self.shared.arrived.notify_all();
        let workers = std::mem::take(&mut *self.workers());
        for worker in workers {
            // A worker catches its engine's panics; there is nothing to learn from how it ended.
            drop(worker.join());
        }
    }

    fn workers(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for EmbeddingService {
    fn drop(&mut self) {
        self.stop();
    }
}
