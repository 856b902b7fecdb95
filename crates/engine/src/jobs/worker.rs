//! The loop that leases jobs of one kind, runs them, and settles them.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tidegate_domain::ports::{Clock, Entropy, JobOutcome, Jobs, JobsError, LeasedJob, Settled};
use tidegate_domain::time::UnixMs;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Backoff, JobObserver, Outcome, Report, Runner};

/// How long an idle worker waits before it looks again: another process may have enqueued something.
const IDLE_MAX: Duration = Duration::from_millis(500);
/// How long until a job is asked for again that is due and cannot be leased: its kind is paused, or one of its key is active.
const HELD_BACK: Duration = Duration::from_millis(50);
/// How long until a store that did not answer is asked again.
const STORE_RETRY: Duration = Duration::from_millis(250);

/// Tells the workers of this process that jobs were enqueued, so that they need not look every millisecond.
#[derive(Clone, Debug, Default)]
pub struct Doorbell(Arc<Notify>);

impl Doorbell {
    /// Jobs were enqueued.
    pub fn ring(&self) {
        self.0.notify_waiters();
    }
}

/// Runs the jobs of one kind.
pub struct Worker {
    /// Where they are kept.
    pub jobs: Arc<dyn Jobs>,
    /// What runs them.
    pub runner: Arc<dyn Runner>,
    /// Rings when there may be some.
    pub doorbell: Doorbell,
    /// Tells when they are due.
    pub clock: Arc<dyn Clock>,
    /// Spreads those that failed.
    pub entropy: Arc<dyn Entropy>,
    /// Hears of each.
    pub observer: Arc<dyn JobObserver>,
    /// How long those that failed wait, and how often they are tried.
    pub backoff: Backoff,
    /// How long a lease holds, in ms: longer than any run.
    pub lease_ttl_ms: i64,
}

type Running<'w> = FuturesUnordered<BoxFuture<'w, ()>>;

impl Worker {
    /// Runs jobs until `stop`; batches at hand are finished.
    pub async fn run(self, stop: CancellationToken) {
        let mut running: Running<'_> = FuturesUnordered::new();
        while !stop.is_cancelled() {
            let rung = self.doorbell.0.notified();
            tokio::pin!(rung);
            rung.as_mut().enable();
            let has_room = running.len() < self.runner.concurrency().max(1);
            if has_room {
                match self.lease().await {
                    Ok(leased) if !leased.is_empty() => {
                        running.push(self.batch(leased).boxed());
                        continue;
                    }
                    Ok(_) => {}
                    Err(error) => self.warn(&error),
                }
            }
            let idle = if has_room { self.idle().await } else { Duration::MAX };
            tokio::select! {
                () = stop.cancelled() => {}
                Some(()) = running.next() => {}
                () = &mut rung, if has_room => {}
                () = tokio::time::sleep(idle), if has_room => {}
            }
        }
        while running.next().await.is_some() {}
    }

    async fn lease(&self) -> Result<Vec<LeasedJob>, JobsError> {
        let max = self.runner.batch_max().max(1);
        self.jobs.lease(&[self.runner.kind()], max, self.clock.now(), self.lease_ttl_ms).await
    }

    /// How long until there is something to do, as far as is known.
    async fn idle(&self) -> Duration {
        match self.jobs.next_due(&[self.runner.kind()]).await {
            Ok(Some(due)) => {
                let ms = due.0.saturating_sub(self.clock.now().0);
                if ms <= 0 { HELD_BACK } else { Duration::from_millis(ms as u64).min(IDLE_MAX) }
            }
            Ok(None) => IDLE_MAX,
            Err(error) => {
                self.warn(&error);
                STORE_RETRY
            }
        }
    }

    async fn batch(&self, leased: Vec<LeasedJob>) {
        let started_at = self.clock.now();
        let (spent, fresh): (Vec<_>, Vec<_>) =
            leased.into_iter().partition(|job| job.attempts > self.backoff.attempts_max);
        let gave_up = Outcome::Hopeless { error: "it was begun too often and never settled".to_owned() };
        let mut outcomes: Vec<_> = spent.into_iter().map(|job| (job, gave_up.clone())).collect();
        outcomes.extend(self.outcomes(fresh).await);
        let settled: Vec<_> = outcomes.iter().map(|(job, outcome)| self.settle(job, outcome)).collect();
        self.put(&settled).await;
        for ((job, outcome), settled) in outcomes.iter().zip(&settled) {
            self.report(job, outcome, settled, started_at);
        }
    }

    /// Runs `jobs` together; if that panics, one by one (W2).
    async fn outcomes(&self, jobs: Vec<LeasedJob>) -> Vec<(LeasedJob, Outcome)> {
        if let Some(outcomes) = self.unless_panicking(&jobs).await {
            return jobs.into_iter().zip(outcomes).collect();
        }
        let mut all = Vec::with_capacity(jobs.len());
        for job in jobs {
            let alone = std::slice::from_ref(&job);
            let outcome = self.unless_panicking(alone).await.and_then(|mut outcomes| outcomes.pop());
            let panicked = || Outcome::Failed { error: "the runner panicked".to_owned() };
            all.push((job, outcome.unwrap_or_else(panicked)));
        }
        all
    }

    async fn unless_panicking(&self, jobs: &[LeasedJob]) -> Option<Vec<Outcome>> {
        if jobs.is_empty() {
            return Some(Vec::new());
        }
        let outcomes = AssertUnwindSafe(self.runner.run(jobs)).catch_unwind().await.ok()?;
        (outcomes.len() == jobs.len()).then_some(outcomes)
    }

    fn settle(&self, job: &LeasedJob, outcome: &Outcome) -> Settled {
        let after = |ms: u64| self.clock.now().plus_ms(i64::try_from(ms).unwrap_or(i64::MAX));
        let outcome = match outcome {
            Outcome::Done | Outcome::Unchanged => JobOutcome::Completed,
            Outcome::Busy { retry_after_ms } => JobOutcome::Deferred { run_at: after(*retry_after_ms) },
            Outcome::Failed { error } if self.backoff.allows_another(job.attempts) => {
                let delay_ms = self.backoff.delay_ms(job.attempts, self.entropy.as_ref());
                JobOutcome::Retry { run_at: after(delay_ms), error: error.clone() }
            }
            Outcome::Failed { error } | Outcome::Hopeless { error } => {
                JobOutcome::Dead { error: error.clone() }
            }
        };
        Settled { id: job.id, lease: job.lease, outcome }
    }

    /// Tells the store, as often as it takes: until the leases end nobody else runs these jobs (W4).
    async fn put(&self, settled: &[Settled]) {
        let give_up_at = self.clock.now().plus_ms(self.lease_ttl_ms);
        while let Err(error) = self.jobs.settle(settled, self.clock.now()).await {
            self.warn(&error);
            if self.clock.now() > give_up_at {
                return;
            }
            tokio::time::sleep(STORE_RETRY).await;
        }
    }

    fn report(&self, job: &LeasedJob, outcome: &Outcome, settled: &Settled, started_at: UnixMs) {
        let is_dead = matches!(settled.outcome, JobOutcome::Dead { .. });
        if is_dead && let Outcome::Failed { error } | Outcome::Hopeless { error } = outcome {
            tracing::error!(
                job = job.id.0,
                kind = job.kind,
                project = job.project,
                attempts = job.attempts,
                error,
                "jobs: one went to the dead letter"
            );
        }
        let waited_ms = started_at.0.saturating_sub(job.enqueued_at.0).max(0) as u64;
        self.observer.settled(&Report {
            kind: self.runner.kind(),
            outcome: if is_dead { "dead" } else { outcome.name() },
            attempts: job.attempts,
            waited: Duration::from_millis(waited_ms),
        });
    }

    fn warn(&self, error: &JobsError) {
        let cause: &dyn std::error::Error = error;
        tracing::warn!(error = cause, kind = self.runner.kind(), "jobs: the store does not answer");
    }
}
