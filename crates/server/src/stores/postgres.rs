//! The stores in a PostgreSQL database, shared with other processes.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tidegate_domain::assessment::Screener;
use tidegate_store_postgres::control::PostgresControl;
use tidegate_store_postgres::database::{Database, DatabaseConfig};
use tidegate_store_postgres::inspect::Observation;
use tidegate_store_postgres::jobs::PostgresJobs;
use tidegate_store_postgres::log::{LogConfig, PostgresLog};
use tidegate_store_postgres::views::PostgresViews;

use super::queue_limits;
use crate::app::{fold_version, half_life};
use crate::clock::SystemClock;
use crate::config::Config;

/// The stores of a database.
#[derive(Clone)]
pub struct PostgresStores {
    /// Where they are.
    pub database: Database,
    /// The log; closed by [`PostgresLog::close`].
    pub log: Arc<PostgresLog>,
    /// Views, for readers.
    pub views: Arc<PostgresViews>,
    /// Projects and keys.
    pub control: Arc<PostgresControl>,
    /// Work to be done.
    pub jobs: Arc<PostgresJobs>,
}

/// How the log is kept.
fn log_config(config: &Config) -> LogConfig {
    let store = &config.store;
    LogConfig {
        shards: store.shards,
        partition_events: store.partition_max_events,
        poll: Duration::from_millis(store.poll_ms),
        queue: queue_limits(config),
        ..LogConfig::default()
    }
}

fn database_config(config: &Config) -> DatabaseConfig {
    let store = &config.store;
    DatabaseConfig {
        url: store.url.expose().to_owned(),
        connections_max: store.connections_max,
        timeout: Duration::from_millis(store.timeout_ms),
    }
}

/// Connects to the database, and migrates it if need be.
pub(crate) async fn connect(config: &Config) -> anyhow::Result<Database> {
    let opened = Database::open(&database_config(config)).await;
    opened.with_context(|| format!("the database {} cannot be used", config.store.url))
}

/// Connects to the database, migrates it if need be, and opens what is in it.
pub async fn open(config: &Config, screener: &dyn Screener) -> anyhow::Result<PostgresStores> {
    let database = connect(config).await?;
    let log = PostgresLog::open(database.clone(), log_config(config), Arc::new(SystemClock))
        .await
        .context("the log cannot be opened")?;
    let version = fold_version(screener);
    let views = PostgresViews::open(database.clone(), log.shards(), half_life(config), &version)
        .await
        .context("views cannot be opened")?;
    let (log, views) = (Arc::new(log), Arc::new(views));
    let control = Arc::new(PostgresControl::new(database.clone()));
    let jobs = Arc::new(PostgresJobs::new(database.clone()));
    Ok(PostgresStores { database, log, views, control, jobs })
}

/// Projects and keys alone.
pub(super) async fn open_control(config: &Config) -> anyhow::Result<PostgresControl> {
    Ok(PostgresControl::new(connect(config).await?))
}

/// Jobs alone.
pub(super) async fn open_jobs(config: &Config) -> anyhow::Result<PostgresJobs> {
    Ok(PostgresJobs::new(connect(config).await?))
}

/// Looks the database over; it is not migrated for that.
pub async fn inspect(config: &Config) -> anyhow::Result<Vec<Observation>> {
    let database = Database::connect(&database_config(config))?;
    let seen = tidegate_store_postgres::inspect::inspect(&database).await;
    seen.with_context(|| format!("the database {} cannot be looked over", config.store.url))
}
