//! What the callers, the writer and the follower of the log share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tidegate_domain::id::Position;
use tidegate_domain::ports::{Clock, LogStatus, Outlet};
use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;

use super::LogConfig;
use super::partitions::{self, Partition};
use super::queue::{Pending, Queue};
use crate::database::{Database, DatabaseError};

/// Partitions are weighed at every so many looks at the tail.
const LOOKS_PER_WEIGHING: u32 = 50;

pub(super) struct Shared {
    pub(super) database: Database,
    pub(super) config: LogConfig,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) queue: Queue,
    /// The log's own name.
    pub(super) id: String,
    pub(super) shards: u16,
    /// This process's own name, and how many groups it has tried to append.
    pub(super) writer: String,
    groups: AtomicU64,
    pub(super) outlet: OnceLock<Arc<dyn Outlet>>,
    tail: watch::Sender<u64>,
    first: AtomicU64,
    /// Up to where there are partitions, as far as this process knows.
    room_until: AtomicU64,
    /// Number and bytes of the partitions, as last seen.
    weight: Mutex<(usize, u64)>,
    /// Mean bytes of the records read last.
    pub(super) record_bytes: AtomicU64,
}

impl Shared {
    pub(super) async fn open(
        database: Database,
        config: LogConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, mpsc::UnboundedReceiver<Pending>), DatabaseError> {
        let (id, shards) = make_head(&database, config.shards).await?;
        let writer = name_writer(&database).await?;
        let (queue, waiting) = Queue::new(config.queue);
        let shared = Self {
            database,
            config,
            clock,
            queue,
            id,
            shards,
            writer,
            groups: AtomicU64::new(0),
            outlet: OnceLock::new(),
            tail: watch::Sender::new(0),
            first: AtomicU64::new(0),
            room_until: AtomicU64::new(0),
            weight: Mutex::default(),
            record_bytes: AtomicU64::new(512),
        };
        shared.look().await?;
        shared.weigh().await?;
        Ok((shared, waiting))
    }

    pub(super) fn tail(&self) -> Position {
        Position(*self.tail.borrow())
    }

    pub(super) fn first(&self) -> Position {
        Position(self.first.load(Ordering::Acquire))
    }

    pub(super) async fn wait_past(&self, position: Position) {
        let mut tail = self.tail.subscribe();
        if tail.wait_for(|tail| *tail > position.0).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Everything below `tail` is committed.
    pub(super) fn publish(&self, tail: u64) {
        self.tail.send_if_modified(|known| {
            let is_news = tail > *known;
            *known = tail.max(*known);
            is_news
        });
    }

    /// A number that no attempt at a group of this process has had.
    pub(super) fn next_group(&self) -> i64 {
        self.groups.fetch_add(1, Ordering::Relaxed) as i64 + 1
    }

    /// True if there are partitions up to `tail`.
    pub(super) fn has_room(&self, tail: u64) -> bool {
        tail <= self.room_until.load(Ordering::Acquire)
    }

    pub(super) fn forget_before(&self, first: u64) {
        self.first.fetch_max(first, Ordering::AcqRel);
    }

    pub(super) fn made_room(&self, until: u64) {
        self.room_until.fetch_max(until, Ordering::AcqRel);
    }

    /// Sees what any process has done to the log.
    pub(super) async fn look(&self) -> Result<(), DatabaseError> {
        let client = self.database.connection().await?;
        let ends = client.prepare_cached("SELECT first, tail FROM log.head").await?;
        let row = client.query_one(&ends, &[]).await?;
        self.forget_before(row.get::<_, i64>(0) as u64);
        self.publish(row.get::<_, i64>(1) as u64);
        Ok(())
    }

    /// The partitions, oldest first, and what they weigh.
    pub(super) async fn weigh(&self) -> Result<Vec<Partition>, DatabaseError> {
        let partitions = partitions::list(&self.database).await?;
        let bytes = partitions.iter().map(|partition| partition.bytes).sum();
        *self.weight.lock().unwrap_or_else(PoisonError::into_inner) = (partitions.len(), bytes);
        Ok(partitions)
    }

    pub(super) fn status(&self) -> LogStatus {
        let (queue_depth, queue_bytes) = self.queue.load();
        let limits = self.queue.limits();
        let (segments, disk_bytes) = *self.weight.lock().unwrap_or_else(PoisonError::into_inner);
        LogStatus {
            queue_depth,
            queue_bytes,
            queue_depth_max: limits.depth_max,
            queue_bytes_max: limits.bytes_max,
            refusing: None,
            disk_bytes,
            segments,
            quarantined: Vec::new(),
        }
    }
}

/// Makes the log if there is none; its name and the number of its shards.
async fn make_head(database: &Database, shards: u16) -> Result<(String, u16), DatabaseError> {
    let client = database.connection().await?;
    let insert = "INSERT INTO log.head (shards) VALUES ($1) ON CONFLICT DO NOTHING";
    client.execute(insert, &[&(shards as i16)]).await?;
    let row = client.query_one("SELECT id::text, shards FROM log.head", &[]).await?;
    let found = row.get::<_, i16>(1) as u16;
    if found != shards {
        tracing::warn!(found, asked = shards, "log: the number of shards is fixed when a log is made");
    }
    Ok((row.get(0), found))
}

/// A name that no other process has; those of processes long gone are forgotten.
async fn name_writer(database: &Database) -> Result<String, DatabaseError> {
    let client = database.connection().await?;
    client.execute("DELETE FROM log.writers WHERE appended_at < now() - interval '7 days'", &[]).await?;
    Ok(client.query_one("SELECT gen_random_uuid()::text", &[]).await?.get(0))
}

/// Follows what other processes append and delete, until dropped.
pub(super) async fn follow(shared: Arc<Shared>) {
    let mut tick = tokio::time::interval(shared.config.poll);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_well = true;
    for look in 1u32.. {
        tick.tick().await;
        let mut seen = shared.look().await;
        if seen.is_ok() && look.is_multiple_of(LOOKS_PER_WEIGHING) {
            seen = shared.weigh().await.map(drop);
        }
        match seen {
            Ok(()) => is_well = true,
            Err(error) if std::mem::take(&mut is_well) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "log: the database does not answer");
            }
            Err(_) => {}
        }
    }
}
