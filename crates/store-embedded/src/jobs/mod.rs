//! Jobs in one SQLite file of their own: what waits, what is held, the dead letter, and a counter for each kind.
//!
//! A job cannot be rebuilt, so `synchronous=FULL`, as for Control: what was answered is on the disk (J1). It is not
//! Control's file, because SQLite lets one connection of a file write at a time: a burst of jobs and its syncs would
//! keep waiting whoever makes or checks a key. A damaged or newer file is never replaced; `open` fails and a person
//! decides.
//!
//! One connection writes, a transaction a call; two read (`stats`, `next_due`, `dead`) and wait for no writer. A row
//! is a job that waits, or one that is held if it has a `leased_until_ms`; two partial unique indexes hold J2. What is
//! completed is deleted and counted.
//!
//! Costs, of `n` jobs that wait and `h` that are held: enqueue and settle O(log n) a job and one sync; lease and
//! next_due O(max log n + h), for each kind and priority one probe of an index in J4's order; stats counts the entries
//! of that index, O(n).

mod dead;
mod due;
mod schema;
mod settle;
mod stats;
mod waiting;

use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rusqlite::{Connection, TransactionBehavior};
use tidegate_domain::ports::{DeadJob, JobId, JobStats, Jobs, JobsError, LeasedJob, NewJob, Settled};
use tidegate_domain::time::UnixMs;
use tokio::task::spawn_blocking;

use crate::integrity;
use crate::readers::Readers;
use crate::sqlite::{Cause, lock, patiently};

/// Jobs in one SQLite file.
pub struct EmbeddedJobs {
    writer: Arc<Mutex<Connection>>,
    readers: Arc<Readers>,
}

impl EmbeddedJobs {
    /// Opens the file at `path`, made and brought to the newest layout if need be; its directory must exist.
    ///
    /// Blocks; for the start of the program. Errors: the file cannot be used, is damaged, was written by a newer
    /// program, or is gone while its write-ahead log is there.
    pub fn open(path: &Path) -> Result<Self, JobsError> {
        integrity::refuse_orphan(path).map_err(|orphan| JobsError(orphan.into()))?;
        let writer = patiently(|| schema::open(path)).map_err(JobsError)?;
        Ok(Self { writer: Arc::new(Mutex::new(writer)), readers: Arc::new(Readers::new(path)) })
    }

    /// Ends every lease: for the one process that runs jobs, before it leases any. What a process held that is gone need
    /// not wait for its lease to end. Blocks.
    pub fn end_leases(&self) -> Result<(), JobsError> {
        let ended = "UPDATE jobs SET leased_until_ms = 0 WHERE leased_until_ms IS NOT NULL";
        lock(&self.writer).execute(ended, []).map(drop).map_err(unavailable)
    }

    /// Does `work` on a blocking thread, in one transaction.
    async fn write<T, F>(&self, work: F) -> Result<T, JobsError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let writer = Arc::clone(&self.writer);
        let written = spawn_blocking(move || {
            let mut writer = lock(&writer);
            let tx = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&tx)?;
            tx.commit().map(|()| done)
        });
        written.await.map_err(unavailable)?.map_err(unavailable)
    }

    async fn read<T, F>(&self, work: F) -> Result<T, JobsError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.readers.read(work).await.map_err(JobsError)
    }
}

fn unavailable(cause: impl Into<Cause>) -> JobsError {
    JobsError(cause.into())
}

fn owned(kinds: &[&str]) -> Vec<String> {
    kinds.iter().map(|kind| (*kind).to_owned()).collect()
}

#[async_trait]
impl Jobs for EmbeddedJobs {
    async fn enqueue(&self, jobs: &[NewJob], now: UnixMs) -> Result<(), JobsError> {
        if jobs.is_empty() {
            return Ok(());
        }
        let jobs = jobs.to_vec();
        self.write(move |tx| waiting::enqueue(tx, &jobs, now)).await
    }

    async fn lease(
        &self,
        kinds: &[&str],
        max: usize,
        now: UnixMs,
        ttl_ms: i64,
    ) -> Result<Vec<LeasedJob>, JobsError> {
        let kinds = owned(kinds);
        self.write(move |tx| {
            waiting::end_leases(tx, now)?;
            due::lease(tx, &kinds, max, now, now.plus_ms(ttl_ms))
        })
        .await
    }

    async fn settle(&self, settled: &[Settled], now: UnixMs) -> Result<usize, JobsError> {
        if settled.is_empty() {
            return Ok(0);
        }
        let settled = settled.to_vec();
        self.write(move |tx| settle::settle(tx, &settled, now)).await
    }

    async fn next_due(&self, kinds: &[&str]) -> Result<Option<UnixMs>, JobsError> {
        let kinds = owned(kinds);
        self.read(move |jobs| due::next(jobs, &kinds)).await
    }

    async fn stats(&self, now: UnixMs) -> Result<Vec<JobStats>, JobsError> {
        if self.read(move |jobs| waiting::has_ended_leases(jobs, now)).await? {
            self.write(move |tx| waiting::end_leases(tx, now)).await?;
        }
        self.read(move |jobs| stats::read(jobs, now)).await
    }

    async fn dead(
        &self,
        project: &str,
        before: Option<JobId>,
        max: usize,
    ) -> Result<Vec<DeadJob>, JobsError> {
        let project = project.to_owned();
        self.read(move |jobs| dead::list(jobs, &project, before, max)).await
    }

    async fn revive(&self, project: &str, id: JobId, now: UnixMs) -> Result<bool, JobsError> {
        let project = project.to_owned();
        self.write(move |tx| {
            waiting::end_leases(tx, now)?;
            dead::revive(tx, &project, id, now)
        })
        .await
    }

    async fn pause(&self, kind: &str, is_paused: bool) -> Result<(), JobsError> {
        let kind = kind.to_owned();
        self.write(move |tx| stats::pause(tx, &kind, is_paused)).await
    }
}
