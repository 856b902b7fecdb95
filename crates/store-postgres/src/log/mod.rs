//! The event log on PostgreSQL, schema `log`.
//!
//! # Why it is safe
//!
//! - An append holds the lock of the row `log.head` until it commits. So positions are dense (L3), time is monotone (L6),
//!   and whoever sees a position sees all before it: a later one commits later.
//! - Events, keys and fingerprints are one transaction (law 2), and the answer is sent after its commit (law 1). What
//!   waits meanwhile is appended together by the next one.
//! - What is a duplicate is decided from keys read under the lock, so nobody adds one meanwhile.
//! - A connection that breaks while it commits leaves a doubt. Each group leaves the writer's name and its own number in
//!   `log.writers`; so it is looked up, under the lock, before anybody is answered: it is acknowledged, or appended anew
//!   (L5). Not `pg_xact_status`: after a crash a transaction's number may be another's.
//!
//! Events are dealt to shards by the hash of their session (of their project, without one). A shard is what a worker
//! folds; positions are the log's, so that readers of all shards share one order. Source: ADR 0007.

mod decision;
mod export;
mod feed;
mod partitions;
mod queue;
mod read;
mod restore;
mod retention;
mod shared;
mod transaction;
mod writer;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tidegate_domain::filter::Order;
use tidegate_domain::id::{Position, Shard};
use tidegate_domain::ports::{
    AppendBatch, AppendError, Appended, Clock, Deleted, EventLog, LogError, LogStatus, Outlet, Page,
    QueueLimits, Retention, Stored,
};
use tokio::task::JoinSet;

pub use export::{Export, ExportError};
pub use feed::PostgresFeed;
pub use restore::{Restore, RestoreError};
use shared::Shared;

use crate::database::{Database, DatabaseError};

/// Largest batch, in bytes of its records.
const BATCH_MAX_BYTES: usize = 256 << 20;

/// How the log is kept.
#[derive(Clone, Copy, Debug)]
pub struct LogConfig {
    /// Number of shards of a log that is made now; one that is there keeps its own.
    pub shards: u16,
    /// Positions of a partition: what retention deletes at once.
    pub partition_events: u64,
    /// Bytes of a transaction, unless a single batch is larger.
    pub group_max_bytes: usize,
    /// How often is asked what other processes have appended.
    pub poll: Duration,
    /// When appends are refused.
    pub queue: QueueLimits,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            shards: 4,
            partition_events: 1 << 20,
            group_max_bytes: 1 << 20,
            poll: Duration::from_millis(20),
            queue: QueueLimits::default(),
        }
    }
}

/// The log, as one of perhaps many processes sees it. Closing it (or dropping it) stops its tasks.
pub struct PostgresLog {
    shared: Arc<Shared>,
    tasks: Mutex<JoinSet<()>>,
}

impl PostgresLog {
    /// Opens the log, making it if it is not there. Errors: [`DatabaseError`].
    pub async fn open(
        database: Database,
        config: LogConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, DatabaseError> {
        let (shared, waiting) = Shared::open(database, config, clock).await?;
        let shared = Arc::new(shared);
        let mut tasks = JoinSet::new();
        tasks.spawn(writer::run(Arc::clone(&shared), waiting));
        tasks.spawn(shared::follow(Arc::clone(&shared)));
        Ok(Self { shared, tasks: Mutex::new(tasks) })
    }

    /// The log's own name, which no other log has.
    pub fn id(&self) -> &str {
        &self.shared.id
    }

    /// From now on `outlet` hears what this process appends; the first one given stays.
    pub fn tell(&self, outlet: Arc<dyn Outlet>) {
        let _ = self.shared.outlet.set(outlet);
    }

    /// Number of shards.
    pub fn shards(&self) -> u16 {
        self.shared.shards
    }

    /// The records of one shard, for whoever folds it.
    pub fn feed(&self, shard: Shard) -> PostgresFeed {
        PostgresFeed::new(Arc::clone(&self.shared), shard)
    }

    /// Refuses further appends, finishes those that wait, and stops. Idempotent.
    pub async fn close(&self) {
        self.shared.queue.close();
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        // The writer ends when its queue is empty; the other one never does.
        tasks.join_next().await;
        tasks.shutdown().await;
    }
}

#[async_trait]
impl EventLog for PostgresLog {
    async fn append(&self, batch: AppendBatch) -> Result<Vec<Appended>, AppendError> {
        let bytes = batch.bytes.len();
        if bytes > BATCH_MAX_BYTES {
            return Err(AppendError::TooLarge { bytes, max: BATCH_MAX_BYTES });
        }
        self.shared.queue.push(batch)?.await.unwrap_or(Err(AppendError::Closed))
    }

    fn tail(&self) -> Position {
        self.shared.tail()
    }

    fn first(&self) -> Position {
        self.shared.first()
    }

    async fn wait_past(&self, position: Position) {
        self.shared.wait_past(position).await;
    }

    async fn read(&self, from: Position, max_bytes: usize) -> Result<Page, LogError> {
        read::read(&self.shared, None, from, max_bytes).await.map_err(unavailable)
    }

    async fn get(&self, positions: &[Position]) -> Result<Vec<Stored>, LogError> {
        read::get(&self.shared, positions).await.map_err(unavailable)
    }

    async fn find(&self, stream: u64, from: Position, order: Order, max: usize) -> Result<Page, LogError> {
        read::find(&self.shared, stream, from, order, max).await.map_err(unavailable)
    }

    async fn retain(&self, retention: Retention) -> Result<Deleted, LogError> {
        retention::retain(&self.shared, &retention).await.map_err(unavailable)
    }

    fn status(&self) -> LogStatus {
        self.shared.status()
    }
}

fn unavailable(error: DatabaseError) -> LogError {
    LogError::Unavailable(error.into())
}
