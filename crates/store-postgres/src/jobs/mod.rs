//! Jobs in schema `control`: what waits, what is held, the dead letter, and counters.
//!
//! A row of `control.jobs` is a job that waits, or one that is held if it has a `leased_until`; two partial unique
//! indexes hold J2, and whatever comes to wait is one `INSERT … ON CONFLICT`, so that processes may do all of it at
//! once. Workers pass over what another one is leasing at this moment (`SKIP LOCKED`). Time is the caller's: processes
//! whose clocks differ end each other's leases by as much too early.
//!
//! A call is one transaction and one round trip; `lease`, `stats` and `revive` first let ended leases wait, in a
//! statement of its own that changes nothing that could be told. Costs, of `n` jobs that wait and `h` that are held:
//! enqueue and settle O(log n) a job and one commit; lease and next_due O(max log n + h); stats counts index entries,
//! O(n).

mod read;
mod sql;

use std::collections::BTreeMap;

use async_trait::async_trait;
use deadpool_postgres::Object;
use tidegate_domain::ports::{
    DeadJob, JobId, JobOutcome, JobStats, Jobs, JobsError, LeasedJob, NewJob, Settled,
};
use tidegate_domain::time::UnixMs;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::database::{Database, DatabaseError};
use crate::value::Moment;

/// How often a call is tried that other transactions got in the way of.
const TRIES: usize = 5;

/// Jobs of one database.
pub struct PostgresJobs {
    database: Database,
}

type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

impl PostgresJobs {
    /// Jobs in `database`.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// The rows of one statement, which is one transaction.
    async fn query(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>, JobsError> {
        let mut tries = 1;
        loop {
            match self.database.in_time(self.try_query(sql, params)).await {
                Err(error) if error.is_contention() && tries < TRIES => tries += 1,
                done => return done.map_err(unavailable),
            }
        }
    }

    async fn try_query(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>, DatabaseError> {
        let client = self.database.connection().await?;
        query(&client, sql, params).await
    }

    /// As [`PostgresJobs::query`], where every lease that has ended by `now` waits again (J3).
    async fn query_at(&self, sql: &str, params: Params<'_>, now: UnixMs) -> Result<Vec<Row>, JobsError> {
        let mut tries = 1;
        loop {
            match self.database.in_time(self.try_query_at(sql, params, now)).await {
                Err(error) if error.is_contention() && tries < TRIES => tries += 1,
                done => return done.map_err(unavailable),
            }
        }
    }

    /// Both statements are sent at once; the connection does one after the other.
    async fn try_query_at(
        &self,
        sql: &str,
        params: Params<'_>,
        now: UnixMs,
    ) -> Result<Vec<Row>, DatabaseError> {
        let client = self.database.connection().await?;
        let (end, asked) =
            (client.prepare_cached(&sql::END_LEASES).await?, client.prepare_cached(sql).await?);
        let now: Params<'_> = &[&Moment(now)];
        let (_, rows) = tokio::try_join!(client.query(&end, now), client.query(&asked, params))?;
        Ok(rows)
    }
}

async fn query(client: &Object, sql: &str, params: Params<'_>) -> Result<Vec<Row>, DatabaseError> {
    let statement = client.prepare_cached(sql).await?;
    Ok(client.query(&statement, params).await?)
}

fn unavailable(error: DatabaseError) -> JobsError {
    JobsError(error.into())
}

/// A number as `bigint`; one beyond it counts as the largest.
fn bound(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn limit(max: usize) -> i64 {
    i64::try_from(max).unwrap_or(i64::MAX)
}

/// One job a key, in the order of keys: one statement changes a row once, and all lock rows in one order (J2).
fn coalesced(jobs: &[NewJob]) -> Vec<NewJob> {
    let mut kept: BTreeMap<(&str, &str, &str), NewJob> = BTreeMap::new();
    for job in jobs {
        kept.entry((&job.kind, &job.project, &job.key))
            .and_modify(|kept| {
                if job.version >= kept.version {
                    (kept.version, kept.payload) = (job.version, job.payload.clone());
                }
                kept.priority = kept.priority.max(job.priority);
                kept.run_at = kept.run_at.min(job.run_at);
            })
            .or_insert_with(|| job.clone());
    }
    kept.into_values().collect()
}

#[async_trait]
impl Jobs for PostgresJobs {
    async fn enqueue(&self, jobs: &[NewJob], now: UnixMs) -> Result<(), JobsError> {
        if jobs.is_empty() {
            return Ok(());
        }
        let jobs = coalesced(jobs);
        let texts = |of: fn(&NewJob) -> &str| jobs.iter().map(of).collect::<Vec<_>>();
        let (kinds, projects) = (texts(|job| &job.kind), texts(|job| &job.project));
        let (keys, payloads) = (texts(|job| &job.key), texts(|job| &job.payload));
        let versions: Vec<_> = jobs.iter().map(|job| bound(job.version)).collect();
        let priorities: Vec<_> = jobs.iter().map(|job| i16::from(job.priority)).collect();
        let run_at: Vec<_> = jobs.iter().map(|job| Moment(job.run_at)).collect();
        let params: Params<'_> =
            &[&kinds, &projects, &keys, &versions, &priorities, &run_at, &payloads, &Moment(now)];
        self.query(&sql::ENQUEUE, params).await.map(drop)
    }

    async fn lease(
        &self,
        kinds: &[&str],
        max: usize,
        now: UnixMs,
        ttl_ms: i64,
    ) -> Result<Vec<LeasedJob>, JobsError> {
        let params: Params<'_> = &[&kinds, &limit(max), &Moment(now), &Moment(now.plus_ms(ttl_ms))];
        let rows = self.query_at(sql::LEASE, params, now).await?;
        Ok(rows.iter().map(read::leased).collect())
    }

    async fn settle(&self, settled: &[Settled], now: UnixMs) -> Result<usize, JobsError> {
        if settled.is_empty() {
            return Ok(0);
        }
        let ids: Vec<_> = settled.iter().map(|said| bound(said.id.0)).collect();
        let leases: Vec<_> = settled.iter().map(|said| bound(said.lease)).collect();
        let (mut outcomes, mut run_at, mut errors) = (Vec::new(), Vec::new(), Vec::new());
        for said in settled {
            let (outcome, at, error) = match &said.outcome {
                JobOutcome::Completed => (sql::COMPLETED, None, None),
                JobOutcome::Retry { run_at, error } => (sql::RETRY, Some(*run_at), Some(&**error)),
                JobOutcome::Deferred { run_at } => (sql::DEFERRED, Some(*run_at), None),
                JobOutcome::Dead { error } => (sql::DEAD, None, Some(&**error)),
            };
            outcomes.push(outcome);
            run_at.push(at.map(Moment));
            errors.push(error);
        }
        let params: Params<'_> = &[&ids, &leases, &outcomes, &run_at, &errors, &Moment(now)];
        let rows = self.query(&sql::SETTLE, params).await?;
        Ok(rows.first().map_or(0, |row| row.get::<_, i64>(0) as usize))
    }

    async fn next_due(&self, kinds: &[&str]) -> Result<Option<UnixMs>, JobsError> {
        let rows = self.query(sql::NEXT_DUE, &[&kinds]).await?;
        Ok(rows.first().and_then(|row| row.get::<_, Option<Moment>>(0)).map(|Moment(at)| at))
    }

    async fn stats(&self, now: UnixMs) -> Result<Vec<JobStats>, JobsError> {
        let rows = self.query_at(sql::STATS, &[&Moment(now)], now).await?;
        Ok(rows.iter().map(read::stats).collect())
    }

    async fn dead(
        &self,
        project: &str,
        before: Option<JobId>,
        max: usize,
    ) -> Result<Vec<DeadJob>, JobsError> {
        let before = before.map_or(i64::MAX, |id| bound(id.0));
        let rows = self.query(sql::DEAD_JOBS, &[&project, &before, &limit(max)]).await?;
        Ok(rows.iter().map(read::dead).collect())
    }

    async fn revive(&self, project: &str, id: JobId, now: UnixMs) -> Result<bool, JobsError> {
        let params: Params<'_> = &[&project, &bound(id.0), &Moment(now)];
        Ok(!self.query_at(&sql::REVIVE, params, now).await?.is_empty())
    }

    async fn pause(&self, kind: &str, is_paused: bool) -> Result<(), JobsError> {
        self.query(sql::PAUSE, &[&kind, &is_paused]).await.map(drop)
    }
}
