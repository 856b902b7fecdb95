//! The stores of a server: on files of one process, or on PostgreSQL for many.

mod embedded;
mod postgres;

use std::sync::Arc;

use tidegate_domain::assessment::Screener;
use tidegate_domain::ports::{Clock, Control, Entropy, EventLog, Jobs, QueueLimits, RateLimiter, Views};
use tidegate_store_embedded::rates::EmbeddedRateLimiter;
use tidegate_store_postgres::rates::PostgresRateLimiter;

use crate::clock::{SystemClock, SystemEntropy};
use crate::config::Config;

pub use embedded::{
    CONTROL_FILE, EmbeddedStores, JOBS_FILE, LOG_DIR, VIEWS_FILE, log_config, open as open_embedded,
};
pub(crate) use embedded::{RESTORE_MARK, refuse_half_restored};
pub(crate) use postgres::connect;
pub use postgres::{PostgresStores, inspect as inspect_postgres, open as open_postgres};

/// What an [`App`](crate::app::App) stands on.
pub struct Ports {
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// Views.
    pub views: Arc<dyn Views>,
    /// Projects and keys.
    pub control: Arc<dyn Control>,
    /// Work to be done.
    pub jobs: Arc<dyn Jobs>,
    /// Counts requests.
    pub rate_limiter: Arc<dyn RateLimiter>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// The stores that the settings name.
pub enum Stores {
    /// Files in a folder, held by this process alone.
    Embedded(EmbeddedStores),
    /// A database, shared with other processes.
    Postgres(PostgresStores),
}

impl Stores {
    /// Opens the stores: the database of `store.url`, or the data directory.
    pub async fn open(config: &Config, screener: &dyn Screener) -> anyhow::Result<Self> {
        if config.store.url.is_empty() {
            embedded::open(config, screener).map(Self::Embedded)
        } else {
            postgres::open(config, screener).await.map(Self::Postgres)
        }
    }

    /// These stores, with the system's time and randomness, and a rate limiter for all processes that share them.
    pub fn ports(&self, config: &Config) -> Ports {
        let (log, views, control): (Arc<dyn EventLog>, Arc<dyn Views>, Arc<dyn Control>) = match self {
            Self::Embedded(stores) => (stores.log.clone(), stores.views.clone(), stores.control.clone()),
            Self::Postgres(stores) => (stores.log.clone(), stores.views.clone(), stores.control.clone()),
        };
        let jobs: Arc<dyn Jobs> = match self {
            Self::Embedded(stores) => stores.jobs.clone(),
            Self::Postgres(stores) => stores.jobs.clone(),
        };
        let clock = Arc::new(SystemClock);
        let rate_limiter: Arc<dyn RateLimiter> = match self {
            Self::Embedded(_) => {
                Arc::new(EmbeddedRateLimiter::new(clock.clone(), config.rate_limits.buckets_max))
            }
            Self::Postgres(stores) => Arc::new(PostgresRateLimiter::new(stores.database.clone())),
        };
        Ports { log, views, control, jobs, rate_limiter, clock, entropy: Arc::new(SystemEntropy) }
    }

    /// What they are, for people: no password.
    pub fn name(&self, config: &Config) -> String {
        match self {
            Self::Embedded(_) => config.server.data_dir.display().to_string(),
            Self::Postgres(_) => config.store.url.to_string(),
        }
    }

    /// Finishes what waits to be appended, and takes no more.
    pub async fn close(&self) {
        match self {
            Self::Embedded(stores) => {
                let log = Arc::clone(&stores.log);
                // A panic in there has been reported already.
                let _ = tokio::task::spawn_blocking(move || log.close()).await;
            }
            Self::Postgres(stores) => stores.log.close().await,
        }
    }
}

/// When the log of either store refuses.
fn queue_limits(config: &Config) -> QueueLimits {
    let intake = &config.intake;
    QueueLimits {
        depth_max: intake.queue_depth_max,
        bytes_max: intake.queue_max_bytes,
        threshold: if intake.backpressure_enabled { intake.backpressure_threshold } else { 1.0 },
        retry_after_s: intake.retry_after_s,
    }
}

/// Projects and keys alone, for commands that work beside a server.
pub async fn open_control(config: &Config) -> anyhow::Result<Arc<dyn Control>> {
    if config.store.url.is_empty() {
        embedded::open_control_beside(&config.server.data_dir).map(|control| Arc::new(control) as _)
    } else {
        postgres::open_control(config).await.map(|control| Arc::new(control) as _)
    }
}

/// Jobs alone, for commands that work beside a server.
pub async fn open_jobs(config: &Config) -> anyhow::Result<Arc<dyn Jobs>> {
    if config.store.url.is_empty() {
        embedded::open_jobs_beside(&config.server.data_dir).map(|jobs| Arc::new(jobs) as _)
    } else {
        postgres::open_jobs(config).await.map(|jobs| Arc::new(jobs) as _)
    }
}
