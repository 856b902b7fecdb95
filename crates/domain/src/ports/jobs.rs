//! Jobs: work that is slow, foreign or may fail, kept in Control until it is done.

use std::error::Error;

use async_trait::async_trait;

use crate::time::UnixMs;

/// Names a job for ever: given once, never again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub u64);

/// A job to enqueue.
#[derive(Clone, Debug, PartialEq)]
pub struct NewJob {
    /// What is to be done.
    pub kind: String,
    /// The tenant.
    pub project: String,
    /// Jobs of one kind, project and key are one job while they wait (J2). 1..=512 bytes.
    pub key: String,
    /// Of two payloads under one key the one with the higher version stays; the later one if they are equal. At most
    /// `i64::MAX`; a higher one counts as that.
    pub version: u64,
    /// What the runner must know: JSON, at most [`NewJob::PAYLOAD_MAX_BYTES`].
    pub payload: String,
    /// Higher goes first, 0..=9.
    pub priority: u8,
    /// Not before this moment.
    pub run_at: UnixMs,
}

impl NewJob {
    /// Longest payload.
    pub const PAYLOAD_MAX_BYTES: usize = 16 << 10;
    /// Highest priority.
    pub const PRIORITY_MAX: u8 = 9;
}

/// A job that a worker holds.
#[derive(Clone, Debug, PartialEq)]
pub struct LeasedJob {
    /// Its name.
    pub id: JobId,
    /// The number of its lease: a later lease of the same job has another one (J3).
    pub lease: u64,
    /// See [`NewJob::kind`].
    pub kind: String,
    /// See [`NewJob::project`].
    pub project: String,
    /// See [`NewJob::key`].
    pub key: String,
    /// See [`NewJob::version`].
    pub version: u64,
    /// See [`NewJob::payload`].
    pub payload: String,
    /// See [`NewJob::priority`].
    pub priority: u8,
    /// How often it was leased, this time too: 1 at the first try.
    pub attempts: u32,
    /// When the oldest request that it stands for was enqueued.
    pub enqueued_at: UnixMs,
}

/// What became of a leased job.
#[derive(Clone, Debug, PartialEq)]
pub enum JobOutcome {
    /// Done. What was enqueued under its key meanwhile waits (J2).
    Completed,
    /// Failed; it waits until `run_at`.
    Retry {
        /// When it may be leased again.
        run_at: UnixMs,
        /// Why, without content.
        error: String,
    },
    /// Not tried; it waits until `run_at`, and this lease does not count as an attempt.
    Deferred {
        /// When it may be leased again.
        run_at: UnixMs,
    },
    /// Failed for good: into the dead letter.
    Dead {
        /// Why, without content.
        error: String,
    },
}

/// What a worker says of a job that it holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// The job.
    pub id: JobId,
    /// The lease under which it was held.
    pub lease: u64,
    /// What became of it.
    pub outcome: JobOutcome,
}

/// Numbers of one kind of jobs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobStats {
    /// The kind.
    pub kind: String,
    /// Due, and held by nobody.
    pub waiting: u64,
    /// Held by a worker.
    pub active: u64,
    /// Not yet due.
    pub delayed: u64,
    /// In the dead letter.
    pub failed: u64,
    /// Completed ever since.
    pub completed: u64,
    /// Since when the oldest due one has been due.
    pub oldest_due_at: Option<UnixMs>,
    /// Nobody leases of this kind.
    pub is_paused: bool,
}

/// A job of the dead letter.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadJob {
    /// Its name.
    pub id: JobId,
    /// See [`NewJob::kind`].
    pub kind: String,
    /// See [`NewJob::project`].
    pub project: String,
    /// See [`NewJob::key`].
    pub key: String,
    /// See [`NewJob::payload`].
    pub payload: String,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it failed the last time.
    pub error: String,
    /// When the oldest request that it stands for was enqueued.
    pub enqueued_at: UnixMs,
    /// When it was given up.
    pub failed_at: UnixMs,
}

/// Why the jobs' store did not do it. May be retried.
#[derive(Debug, thiserror::Error)]
#[error("the jobs' store is unavailable")]
pub struct JobsError(#[source] pub Box<dyn Error + Send + Sync>);

/// Durable jobs of all projects.
///
/// Laws, run against every adapter by `testkit::jobs`:
/// - **J1 kept**: what was answered `Ok` is there after reopening, power cut included; a call is one transaction.
/// - **J2 coalesced**: of one (kind, project, key) at most one job waits. Enqueuing again keeps the payload of the higher
///   version, the higher priority and the earlier `run_at`; the first `enqueued_at` stays. While one is active, one more
///   may be enqueued beside it, and is leased only after that one is settled; if the active one is to be tried again,
///   the two become one that waits, and its attempts stay. What came meanwhile is the later of the two.
/// - **J3 one holder**: a job is held by one worker until its lease ends at `now + ttl`; from that moment on it waits, due
///   since then, another may lease it, and what the first one settles under the old lease changes nothing.
/// - **J4 order**: of what is due, higher priority goes first, then what has been due longest.
/// - **J5 not early**: nothing is leased before its `run_at`, and nothing of a paused kind.
/// - **J6 dead letter**: a dead job is leased never again until it is revived; it is listed for its own project only, newest
///   first. A dead job keeps nobody from enqueuing its key anew; reviving it then merges with what waits (J2),
///   which is the later of the two and keeps its attempts.
/// - **J7 counted**: `stats` agrees with what is there; `completed` only grows. What waits behind an active job of its key
///   counts as waiting or delayed, by its `run_at`.
#[async_trait]
pub trait Jobs: Send + Sync {
    /// Enqueues `jobs` in one transaction (J2). Cost: one commit, whatever their number.
    async fn enqueue(&self, jobs: &[NewJob], now: UnixMs) -> Result<(), JobsError>;

    /// Leases at most `max` due jobs of `kinds` until `now + ttl_ms` (J3, J4, J5). What nobody has settled when its lease
    /// ends is due again.
    async fn lease(
        &self,
        kinds: &[&str],
        max: usize,
        now: UnixMs,
        ttl_ms: i64,
    ) -> Result<Vec<LeasedJob>, JobsError>;

    /// Settles leased jobs in one transaction; how many of them were still held under their lease (J3).
    async fn settle(&self, settled: &[Settled], now: UnixMs) -> Result<usize, JobsError>;

    /// When a job of `kinds` may be leased next if nothing changes until then: the first `run_at` of what waits behind
    /// nobody, or the first end of a lease; may be in the past. None if there is none, or all of these kinds are paused.
    async fn next_due(&self, kinds: &[&str]) -> Result<Option<UnixMs>, JobsError>;

    /// Numbers of every kind that was ever enqueued or paused, by name.
    async fn stats(&self, now: UnixMs) -> Result<Vec<JobStats>, JobsError>;

    /// Dead jobs of a project below `before`, newest first; at most `max` (J6).
    async fn dead(&self, project: &str, before: Option<JobId>, max: usize)
    -> Result<Vec<DeadJob>, JobsError>;

    /// Lets a project's dead job wait again, with no attempts behind it; false if the project has none of this name.
    async fn revive(&self, project: &str, id: JobId, now: UnixMs) -> Result<bool, JobsError>;

    /// Stops or starts leasing of a kind, for all workers (J5).
    async fn pause(&self, kind: &str, is_paused: bool) -> Result<(), JobsError>;
}
