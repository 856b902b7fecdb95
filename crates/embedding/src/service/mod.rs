//! The way callers embed: a bounded queue in front of worker threads, a cache in front of the queue.
//!
//! - **S1** at most `queue_texts_max` texts and `queue_bytes_max` bytes wait; what comes beyond is refused at once.
//! - **S2** a caller gets one answer a text, in the order of its texts.
//! - **S3** single flight: a text that is waiting or being embedded is not embedded again; who asks for it meanwhile
//!   gets the same answer.
//! - **S4** no caller waits beyond its deadline, and a text that nobody waits for any more leaves the queue.
//! - **S5** after [`EmbeddingService::stop`] nobody waits: what was queued is refused, what is being embedded is
//!   answered.
//! - **S6** an engine that fails or panics costs an answer to the texts it failed on, nothing else.
//!
//! While workers are busy the next batch gathers by itself, and an idle worker takes what waits already. Only if
//! `gather_max` is set does it wait for more texts to share a batch.

mod batch;
mod counters;
mod door;
mod flight;
mod settings;
mod worker;

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::cache::CacheKey;
use crate::embedder::Embedder;
use crate::vector::Vector;
use door::{Door, Ticket};

pub use counters::Counters;
pub use settings::ServiceSettings;

/// Why a text has no vector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Too many texts wait already; retry later, or go without.
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
    settings: ServiceSettings,
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
    pub fn start(embedder: Arc<dyn Embedder>, settings: ServiceSettings) -> io::Result<Self> {
        let door = Mutex::new(Door::new(&settings));
        let workers = settings.workers();
        let service = Self {
            shared: Arc::new(Shared { embedder, settings, door, arrived: Condvar::new() }),
            workers: Mutex::default(),
        };
        for number in 0..workers {
            let shared = Arc::clone(&service.shared);
            let worker = thread::Builder::new().name(format!("embed-{number}"));
            let worker = worker.spawn(move || worker::run(&shared))?;
            service.workers().push(worker);
        }
        Ok(service)
    }

    /// Embeds texts; blocks until each has its answer, or `deadline` has passed.
    ///
    /// - `now_ms`: Unix time in milliseconds, for the age of what is cached.
    /// - `deadline`: how long the caller waits, from the call on; zero gives what is cached.
    /// - Result: an answer a text, in order (S2); some may be refused while others are not.
    /// - Cost: a cached text costs a digest and a look-up; any other its share of a batch.
    pub fn embed(&self, texts: &[&str], now_ms: i64, deadline: Duration) -> Vec<Answer> {
        // A deadline beyond what the clock can hold is none.
        let until = Instant::now().checked_add(deadline);
        let version = self.shared.embedder.version();
        let keys: Vec<CacheKey> = texts.iter().map(|text| CacheKey::new(version, text)).collect();
        let tickets: Vec<Ticket> = {
            let mut door = self.shared.door();
            texts.iter().zip(&keys).map(|(text, &key)| door.admit(key, text, now_ms)).collect()
        };
        if tickets.iter().any(|ticket| matches!(ticket, Ticket::Waits(_))) {
            self.shared.arrived.notify_all();
        }
        tickets.into_iter().zip(keys).map(|(ticket, key)| self.redeem(ticket, key, until)).collect()
    }

    fn redeem(&self, ticket: Ticket, key: CacheKey, until: Option<Instant>) -> Answer {
        match ticket {
            Ticket::Answered(answer) => answer,
            Ticket::Waits(flight) => match flight.wait(until) {
                Some(answer) => answer,
                None => self.shared.door().leave(key, &flight),
            },
        }
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
