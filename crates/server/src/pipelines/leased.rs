//! A worker: leases shards, and runs a pipeline for each as long as the lease lasts.
//!
//! Whatever goes wrong here, effects stay exactly-once: a pipeline whose lease is gone cannot commit (`store-postgres`,
//! `views`). What is done here makes shards move soon and evenly.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_domain::ports::{Feed, Views, ViewsError};
use tidegate_engine::pipeline::Pipeline;
use tidegate_store_postgres::database::DatabaseError;
use tidegate_store_postgres::views::{Lease, Leases, Turn};
use tidegate_stream_redis::feed::RedisFeed;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::{Background, Folding};
use crate::metrics::Metrics;
use crate::stores::PostgresStores;
use crate::transport::Streams;

/// Turns in the time of a lease: some may fail, and it is still renewed; and what is free is soon seen.
const TURNS_PER_LEASE: u32 = 10;

/// A worker's stores, and the shards that it holds.
pub struct Worker {
    name: String,
    stores: PostgresStores,
    folding: Folding,
    leases: Leases,
    ttl: Duration,
    metrics: Arc<Metrics>,
    held: Vec<(Lease, Held)>,
}

/// What runs for a lease.
struct Held {
    pipeline: Background,
    /// Ends when dropped.
    _router: JoinSet<()>,
}

/// Why a worker cannot take up a shard; tried again at the next turn.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    Views(#[from] ViewsError),
    #[error("there is no thread for a pipeline")]
    Thread(#[from] std::io::Error),
}

impl Worker {
    /// A worker under a `name` that no other one has. Views that were folded by other rules are emptied.
    pub async fn new(
        stores: PostgresStores,
        folding: Folding,
        name: &str,
        ttl: Duration,
        metrics: Arc<Metrics>,
    ) -> Result<Self, DatabaseError> {
        stores.views.require_rules().await?;
        let leases = stores.views.leases(name, ttl);
        Ok(Self { name: name.to_owned(), stores, folding, leases, ttl, metrics, held: Vec::new() })
    }

    /// Leases and folds until `stop`; then gives everything up, so that others go on at once.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut tick = tokio::time::interval(self.ttl / TURNS_PER_LEASE);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut renewed = Instant::now();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = tick.tick() => {}
            }
            let began = Instant::now();
            match self.leases.renew().await {
                Ok(turn) => {
                    renewed = began;
                    self.follow(turn).await;
                }
                Err(error) => {
                    self.failed(&error, "worker: leases were not renewed");
                    if renewed.elapsed() > self.ttl {
                        self.drop_all("no lease is left").await;
                    }
                }
            }
            self.metrics.holds_shards(self.held.len());
        }
        self.leave().await;
    }

    /// Ends pipelines whose lease is gone, starts those of new leases, and gives up what others should have.
    async fn follow(&mut self, turn: Turn) {
        let lost: Vec<_> = self.held.extract_if(.., |(lease, _)| !turn.leases.contains(lease)).collect();
        for (lease, held) in lost {
            tracing::warn!(shard = lease.shard.0, epoch = lease.epoch, "worker: a lease was lost");
            self.metrics.lost_lease();
            held.pipeline.stop().await;
        }
        for lease in turn.leases {
            if self.held.iter().all(|(held, _)| *held != lease) {
                self.take_up(lease).await;
            }
        }
        for _ in 0..turn.surplus {
            self.give_up_last().await;
        }
    }

    async fn take_up(&mut self, lease: Lease) {
        match self.start(lease).await {
            Ok(held) => {
                tracing::info!(shard = lease.shard.0, epoch = lease.epoch, "worker: took up a shard");
                self.held.push((lease, held));
            }
            Err(error) => self.failed(&error, "worker: a shard is taken up later"),
        }
    }

    fn failed(&self, error: &(dyn std::error::Error + 'static), what: &str) {
        self.metrics.store_failed();
        tracing::warn!(error, shards = self.held.len(), "{what}");
    }

    async fn start(&self, lease: Lease) -> Result<Held, StartError> {
        let log: Arc<dyn Feed> = Arc::new(self.stores.log.feed(lease.shard));
        let views: Arc<dyn Views> = Arc::new(self.stores.views.of(lease));
        let feed = match &self.folding.streams {
            Some(Streams { transport, stats, .. }) => {
                let worker = format!("{}-{}", self.name, lease.epoch);
                Arc::new(RedisFeed::open(Arc::clone(&log), transport, lease.shard, &worker, stats)) as _
            }
            None => Arc::clone(&log),
        };
        let pipeline = Pipeline::open(self.folding.parts(feed, views)).await?;
        let mut router = JoinSet::new();
        let views: Arc<dyn Views> = self.stores.views.clone();
        if let Some(routes) = self.folding.router(lease.shard, log, views, &pipeline) {
            router.spawn(routes.run());
        }
        Ok(Held { pipeline: Background::pipeline(pipeline)?, _router: router })
    }

    async fn give_up_last(&mut self) {
        let Some((lease, held)) = self.held.pop() else { return };
        held.pipeline.stop().await;
        if let Err(error) = self.leases.release(lease).await {
            // It runs out by itself.
            tracing::debug!(error = %error, shard = lease.shard.0, "worker: a lease was not given up");
        }
        tracing::info!(shard = lease.shard.0, "worker: gave a shard up");
    }

    async fn drop_all(&mut self, reason: &str) {
        for (lease, held) in self.held.drain(..) {
            tracing::warn!(shard = lease.shard.0, reason, "worker: a lease was lost");
            self.metrics.lost_lease();
            held.pipeline.stop().await;
        }
    }

    async fn leave(mut self) {
        while !self.held.is_empty() {
            self.give_up_last().await;
        }
        self.metrics.holds_shards(0);
        if let Err(error) = self.leases.leave().await {
            tracing::debug!(error = %error, "worker: it left without a word");
        }
    }
}
