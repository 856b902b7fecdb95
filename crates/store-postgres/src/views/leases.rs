//! Leases of shards: who folds which, for how long.
//!
//! - **LE1 one at a time**: each new lease of a shard has a higher epoch, and only the highest one's commits pass.
//! - **LE2 moved**: a shard whose worker does not renew is free once its lease has run out.
//! - **LE3 shared**: workers that renew hold about as many shards each; a new one gets its share within two turns.
//!
//! Time is the database's: no two machines' clocks are compared. Source: Gray, Cheriton (1989), Leases; the fencing token
//! of Kleppmann (2016), How to do distributed locking.

use std::time::Duration;

use deadpool_postgres::Transaction;
use tidegate_domain::id::Shard;
use tidegate_domain::risk::HalfLife;
use tokio_postgres::Row;

use super::number;
use crate::database::{Database, DatabaseError};

/// One lease of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The shard.
    pub shard: Shard,
    /// The fencing token: higher than that of every lease before.
    pub epoch: i64,
}

/// What a worker does after a turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// Its leases, old and new.
    pub leases: Vec<Lease>,
    /// How many of them it should give up, because others have too few.
    pub surplus: usize,
}

/// The leases of one worker.
pub struct Leases {
    database: Database,
    worker: String,
    ttl_ms: i64,
    half_life: HalfLife,
    fold_version: String,
}

const ALIVE: &str = "INSERT INTO workers VALUES ($1, now() + $2 * interval '1 ms')
    ON CONFLICT (worker) DO UPDATE SET alive_until = excluded.alive_until";
const BURY: &str = "DELETE FROM workers WHERE alive_until < now()";
const RENEW: &str = "UPDATE shards SET leased_until = now() + $2 * interval '1 ms'
    WHERE worker = $1 RETURNING shard, epoch";
/// Number of shards, number of workers, and the fewest shards that another worker holds.
const SHARES: &str = "SELECT (SELECT count(*) FROM shards), (SELECT count(*) FROM workers),
    (SELECT coalesce(min((SELECT count(*) FROM shards s WHERE s.worker = w.worker)), 0)
     FROM workers w WHERE w.worker <> $1)";
const TAKE: &str = "UPDATE shards SET worker = $1, epoch = epoch + 1,
        leased_until = now() + $2 * interval '1 ms'
    WHERE shard IN (SELECT shard FROM shards WHERE leased_until < now()
            AND EXISTS (SELECT FROM rules WHERE fold_version = $4 AND half_life_ms = $5)
        ORDER BY leased_until, shard LIMIT $3 FOR UPDATE SKIP LOCKED)
    RETURNING shard, epoch";
const RELEASE: &str = "UPDATE shards SET worker = NULL, leased_until = '-infinity'
    WHERE shard = $1 AND epoch = $2 AND worker = $3";

impl Leases {
    pub(super) fn new(
        database: Database,
        worker: &str,
        ttl: Duration,
        half_life: HalfLife,
        fold_version: &str,
    ) -> Self {
        let (worker, fold_version) = (worker.to_owned(), fold_version.to_owned());
        Self { database, worker, ttl_ms: ttl.as_millis() as i64, half_life, fold_version }
    }

    /// Says that the worker lives, renews what it holds and takes what is free, up to its share. To be called several
    /// times in a lease's time.
    ///
    /// Errors: nothing was renewed; may be retried. A worker that fails for as long as a lease lasts has lost its shards.
    pub async fn renew(&self) -> Result<Turn, DatabaseError> {
        let mut client = self.database.urgent().await?;
        let turn = self.database.in_time(async {
            let tx = client.transaction().await?;
            let turn = self.turn(&tx).await?;
            tx.commit().await?;
            Ok(turn)
        });
        let turn = turn.await?;
        client.give_back();
        Ok(turn)
    }

    async fn turn(&self, tx: &Transaction<'_>) -> Result<Turn, DatabaseError> {
        tx.execute(ALIVE, &[&self.worker, &(self.ttl_ms as f64)]).await?;
        tx.execute(BURY, &[]).await?;
        let held = tx.query(RENEW, &[&self.worker, &(self.ttl_ms as f64)]).await?;
        let mut leases: Vec<_> = held.iter().map(lease).collect();
        let row = tx.query_one(SHARES, &[&self.worker]).await?;
        let [shards, workers, fewest] = [0, 1, 2].map(|index| row.get::<_, i64>(index) as usize);
        let (least, most) = (shards / workers.max(1), shards.div_ceil(workers.max(1)));
        let room = most.saturating_sub(leases.len());
        if room > 0 {
            let taken = tx
                .query(
                    TAKE,
                    &[
                        &self.worker,
                        &(self.ttl_ms as f64),
                        &(room as i64),
                        &self.fold_version,
                        &self.half_life.ms,
                    ],
                )
                .await?;
            leases.extend(taken.iter().map(lease));
        }
        let others_lack = workers > 1 && fewest < least;
        let share = if others_lack { least.max(1) } else { most };
        let surplus = leases.len().saturating_sub(share);
        Ok(Turn { leases, surplus })
    }

    /// Gives a lease up, so that another worker may take the shard at once. Nothing happens if it was lost before.
    pub async fn release(&self, lease: Lease) -> Result<(), DatabaseError> {
        let client = self.database.connection().await?;
        client.execute(RELEASE, &[&number(lease.shard), &lease.epoch, &self.worker]).await?;
        Ok(())
    }

    /// Says that the worker goes, so that the others count on it no longer.
    pub async fn leave(&self) -> Result<(), DatabaseError> {
        let client = self.database.connection().await?;
        client.execute("DELETE FROM workers WHERE worker = $1", &[&self.worker]).await?;
        Ok(())
    }
}

fn lease(row: &Row) -> Lease {
    Lease { shard: Shard(row.get::<_, i16>(0) as u16), epoch: row.get(1) }
}
