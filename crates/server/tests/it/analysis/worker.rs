//! Workers on a real store: a poison job spoils no neighbour, one that kills its process is given up, and a long queue drains.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tempfile::TempDir;
use tidegate_domain::ports::{Clock, JobStats, Jobs, LeasedJob, NewJob};
use tidegate_engine::jobs::{Backoff, Doorbell, JobObserver, Outcome, Report, Runner, Worker};
use tidegate_server::clock::{SystemClock, SystemEntropy};
use tidegate_store_embedded::jobs::EmbeddedJobs;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::support::nightly;
use crate::support::patience::eventually;

const KIND: &str = "counted";

/// Counts how often each key ran to its end; panics on `poison`.
#[derive(Default)]
struct Counting(Mutex<HashMap<String, u32>>);

#[async_trait]
impl Runner for Counting {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn batch_max(&self) -> usize {
        64
    }

    async fn run(&self, jobs: &[LeasedJob]) -> Vec<Outcome> {
        assert!(jobs.iter().all(|job| job.key != "poison"), "poison");
        let mut counts = self.0.lock().unwrap();
        jobs.iter().for_each(|job| *counts.entry(job.key.clone()).or_default() += 1);
        vec![Outcome::Done; jobs.len()]
    }
}

struct Deaf;

impl JobObserver for Deaf {
    fn settled(&self, _: &Report) {}
}

fn job(key: &str) -> NewJob {
    let (kind, project, payload) = (KIND.to_owned(), "p".to_owned(), "{}".to_owned());
    NewJob { kind, project, key: key.to_owned(), version: 0, payload, priority: 0, run_at: SystemClock.now() }
}

struct Bench {
    jobs: Arc<EmbeddedJobs>,
    runner: Arc<Counting>,
    _dir: TempDir,
}

impl Bench {
    async fn with(keys: impl Iterator<Item = String>) -> Self {
        let dir = TempDir::new().unwrap();
        let jobs = Arc::new(EmbeddedJobs::open(&dir.path().join("jobs.sqlite")).unwrap());
        let new: Vec<_> = keys.map(|key| job(&key)).collect();
        for some in new.chunks(2000) {
            jobs.enqueue(some, SystemClock.now()).await.unwrap();
        }
        Self { jobs, runner: Arc::default(), _dir: dir }
    }

    async fn stats(&self) -> JobStats {
        self.jobs.stats(SystemClock.now()).await.unwrap().remove(0)
    }

    /// Runs a worker until nothing is left.
    async fn drain(&self) -> JobStats {
        let worker = Worker {
            jobs: self.jobs.clone(),
            runner: self.runner.clone(),
            doorbell: Doorbell::default(),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            observer: Arc::new(Deaf),
            backoff: Backoff { min_ms: 1, max_ms: 5, attempts_max: 3 },
            lease_ttl_ms: 60_000,
        };
        let stop = CancellationToken::new();
        let mut running = JoinSet::new();
        running.spawn(worker.run(stop.clone()));
        let stats = eventually("the queue is empty", async || {
            let stats = self.stats().await;
            (stats.waiting + stats.active + stats.delayed == 0).then_some(stats)
        })
        .await;
        stop.cancel();
        let stopped = tokio::time::timeout(Duration::from_secs(30), running.join_next()).await;
        stopped.expect("it stops").unwrap().unwrap();
        stats
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_job_spoils_no_neighbour() {
    let bench = Bench::with((0..9).map(|n| n.to_string()).chain(["poison".to_owned()])).await;
    let stats = bench.drain().await;
    assert_eq!((stats.completed, stats.failed), (9, 1));
    let dead = bench.jobs.dead("p", None, 10).await.unwrap().remove(0);
    assert_eq!((dead.key.as_str(), dead.attempts, dead.error.as_str()), ("poison", 3, "the runner panicked"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_takes_its_process_down_is_given_up() {
    let bench = Bench::with(["killer".to_owned()].into_iter()).await;
    // Three processes that never came back.
    for _ in 0..3 {
        let leased = bench.jobs.lease(&[KIND], 1, SystemClock.now(), 0).await.unwrap();
        assert_eq!(leased.len(), 1);
    }
    let stats = bench.drain().await;
    assert_eq!((stats.completed, stats.failed), (0, 1));
    assert!(bench.runner.0.lock().unwrap().is_empty(), "it was not begun a fourth time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_queue_drains_and_nothing_runs_twice() {
    let many = nightly::count("JOBS_QUEUED", 3_000);
    let bench = Bench::with((0..many).map(|n| n.to_string())).await;
    let stats = bench.drain().await;
    assert_eq!((stats.completed, stats.failed), (many, 0));
    let counts = bench.runner.0.lock().unwrap();
    assert_eq!(counts.len() as u64, many);
    assert!(counts.values().all(|count| *count == 1));
}
