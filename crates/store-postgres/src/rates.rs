//! The rate limiter on PostgreSQL, schema `rates`: the buckets of all processes that share the database.
//!
//! A request is one call of `rates.take`, on the database's clock. Its table is not logged: no request waits for a disk,
//! and a crash of the database fills every bucket. Full buckets are deleted by whoever is there, once a minute.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tidegate_domain::ports::{Bucket, RateLimiter, RateLimiterError, Taken};
use tokio::task::JoinSet;

use crate::database::{Database, DatabaseError};

/// How often full buckets are deleted.
const SWEEP_PAUSE: Duration = Duration::from_secs(60);
/// So many at once, so that no statement runs into its time-out.
const SWEEP_MAX_ROWS: i64 = 10_000;

const TAKE: &str = "SELECT now_us, full_at_us FROM rates.take($1, $2, $3)";
// What a request holds at this moment is passed over: so nobody waits, and nobody's bucket is taken away.
const SWEEP: &str = "DELETE FROM rates.buckets WHERE name IN (SELECT name FROM rates.buckets
    WHERE full_at_us <= (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
    LIMIT $1 FOR UPDATE SKIP LOCKED)";

/// Token buckets of one database. Dropping it stops its task.
pub struct PostgresRateLimiter {
    database: Database,
    /// True once it was asked: without limits the database is left in peace.
    is_used: Arc<AtomicBool>,
    _sweeping: JoinSet<()>,
}

impl PostgresRateLimiter {
    /// The buckets in `database`. Must be called within a tokio runtime.
    pub fn new(database: Database) -> Self {
        let (mut sweeping, kept) = (JoinSet::new(), database.clone());
        let is_used = Arc::new(AtomicBool::new(false));
        let was_used = Arc::clone(&is_used);
        sweeping.spawn(async move {
            loop {
                tokio::time::sleep(SWEEP_PAUSE).await;
                if was_used.load(Ordering::Relaxed)
                    && let Err(error) = sweep(&kept).await
                {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(error, "rates: full buckets could not be deleted");
                }
            }
        });
        Self { database, is_used, _sweeping: sweeping }
    }

    /// Deletes the buckets that are full, and gives their number. Done once a minute anyway.
    ///
    /// Errors: [`DatabaseError`]; may be retried.
    pub async fn sweep(&self) -> Result<u64, DatabaseError> {
        sweep(&self.database).await
    }
}

async fn sweep(database: &Database) -> Result<u64, DatabaseError> {
    let mut total = 0;
    loop {
        let deleted = database.connection().await?.execute(SWEEP, &[&SWEEP_MAX_ROWS]).await?;
        total += deleted;
        if deleted < SWEEP_MAX_ROWS as u64 {
            return Ok(total);
        }
    }
}

#[async_trait]
impl RateLimiter for PostgresRateLimiter {
    async fn take(&self, asked: &[Bucket<'_>]) -> Result<Taken, RateLimiterError> {
        if asked.is_empty() {
            return Ok(Taken::of(std::iter::empty()));
        }
        self.is_used.store(true, Ordering::Relaxed);
        let (now_us, full_at_us) = self.call(asked).await.map_err(unavailable)?;
        // The database has decided by the same rule, from the same numbers.
        let decisions =
            asked.iter().zip(full_at_us).map(|(bucket, at_us)| bucket.quota.decide(at_us, now_us));
        Ok(Taken::of(decisions))
    }
}

impl PostgresRateLimiter {
    async fn call(&self, asked: &[Bucket<'_>]) -> Result<(i64, Vec<i64>), DatabaseError> {
        let names: Vec<_> = asked.iter().map(|bucket| bucket.name).collect();
        let number = |us: u64| i64::try_from(us).unwrap_or(i64::MAX);
        let intervals: Vec<_> = asked.iter().map(|bucket| number(bucket.quota.interval_us())).collect();
        let capacities: Vec<_> = asked.iter().map(|bucket| number(bucket.quota.capacity_us())).collect();
        let client = self.database.counting().await?;
        let take = client.prepare_cached(TAKE).await?;
        let row = client.query_one(&take, &[&names, &intervals, &capacities]).await?;
        Ok((row.get(0), row.get(1)))
    }
}

fn unavailable(error: DatabaseError) -> RateLimiterError {
    RateLimiterError::Unavailable(error.into())
}
