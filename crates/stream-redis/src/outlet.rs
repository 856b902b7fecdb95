//! Adds each group that this process appends to the streams of its shards.
//!
//! Groups wait in a short queue; one task takes what waits and adds it in one round trip. What does not fit, and what
//! Redis does not take, is skipped: workers find the hole and read the log. Streams are not trimmed, for that would drop
//! what nobody has read yet: a stream that is full takes nothing until workers have caught up.

use std::sync::Arc;

use redis::Pipeline;
use tidegate_domain::id::{Position, Shard};
use tidegate_domain::ports::{Outlet, Stored};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::connection::{Transport, TransportError};
use crate::entry;
use crate::stats::TransportStats;

/// Groups that may wait. Each has been written to the log.
const WAITING_MAX: usize = 64;
/// The sizes of streams are asked at every so many round trips.
const TRIPS_PER_LOOK: u32 = 16;

struct Group {
    from: Position,
    records: Vec<Stored>,
}

/// The end that the log tells.
pub struct RedisOutlet {
    waiting: mpsc::Sender<Group>,
    stats: Arc<TransportStats>,
}

impl Outlet for RedisOutlet {
    fn appended(&self, from: Position, records: Vec<Stored>) {
        if self.waiting.try_send(Group { from, records }).is_err() {
            TransportStats::add(&self.stats.skipped, 1);
        }
    }
}

/// The end that Redis is told by.
pub struct Publisher {
    transport: Transport,
    groups: mpsc::Receiver<Group>,
    stats: Arc<TransportStats>,
    is_full: bool,
    is_well: bool,
}

/// Both ends.
pub fn open(transport: Transport, stats: Arc<TransportStats>) -> (RedisOutlet, Publisher) {
    let (waiting, groups) = mpsc::channel(WAITING_MAX);
    let outlet = RedisOutlet { waiting, stats: Arc::clone(&stats) };
    (outlet, Publisher { transport, groups, stats, is_full: false, is_well: true })
}

impl Publisher {
    /// Publishes until `stop`, or until the log is gone.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut groups = Vec::new();
        for trip in 0u32.. {
            tokio::select! {
                () = stop.cancelled() => return,
                count = self.groups.recv_many(&mut groups, WAITING_MAX) => if count == 0 { return },
            }
            if trip.is_multiple_of(TRIPS_PER_LOOK) || self.is_full {
                let looked = self.look().await;
                self.is_full = *looked.as_ref().unwrap_or(&self.is_full);
                self.note(looked.map(drop));
            }
            if self.is_full {
                TransportStats::add(&self.stats.skipped, groups.drain(..).count() as u64);
                continue;
            }
            let (count, published) = (groups.len() as u64, self.publish(&groups).await);
            groups.clear();
            if published.is_err() {
                TransportStats::add(&self.stats.skipped, count);
            }
            self.note(published);
        }
    }

    /// True if a stream is as large as it may be.
    async fn look(&self) -> Result<bool, TransportError> {
        let config = &self.transport.config;
        let (mut lengths, mut sizes) = (redis::pipe(), redis::pipe());
        for stream in (0..config.shards).map(|shard| self.transport.raw(Shard(shard))) {
            lengths.cmd("XLEN").arg(&stream);
            sizes.cmd("MEMORY").arg("USAGE").arg(&stream);
        }
        let lengths: Vec<usize> = lengths.query_async(&mut self.transport.shared()).await?;
        // A stream that is not there has no size.
        let sizes: Vec<Option<usize>> = sizes.query_async(&mut self.transport.shared()).await?;
        Ok(lengths.into_iter().any(|length| length >= config.entries_max)
            || sizes.into_iter().flatten().any(|bytes| bytes >= config.bytes_max))
    }

    async fn publish(&self, groups: &[Group]) -> Result<(), TransportError> {
        let mut add = redis::pipe();
        groups.iter().for_each(|group| self.add(&mut add, group));
        let () = add.query_async(&mut self.transport.shared()).await?;
        let shards = u64::from(self.transport.config.shards);
        TransportStats::add(&self.stats.published, groups.len() as u64 * shards);
        Ok(())
    }

    /// An entry for each shard, also where the group has no record of it: so that its reader knows.
    fn add(&self, pipeline: &mut Pipeline, group: &Group) {
        let to = group.from.0 + group.records.len() as u64;
        for shard in (0..self.transport.config.shards).map(Shard) {
            let records = entry::encode(group.records.iter().filter(|record| record.receipt.shard == shard));
            pipeline.cmd("XADD").arg(self.transport.raw(shard)).arg("*");
            pipeline.arg("log").arg(&self.transport.config.log);
            pipeline.arg("from").arg(group.from.0).arg("to").arg(to).arg("records").arg(records).ignore();
        }
    }

    /// Counts a failure, and says the first of several.
    fn note(&mut self, done: Result<(), TransportError>) {
        match done {
            Ok(()) => self.is_well = true,
            Err(error) => {
                TransportStats::add(&self.stats.errors, 1);
                if std::mem::take(&mut self.is_well) {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(error, "transport: groups are not published; workers read the log");
                }
            }
        }
    }
}
