//! The pipeline: one batch of the log in, one commit on Views out, checkpoint included (law 3).
//!
//! It tails the log from memory while it keeps up and from disk when it does not; the log decides which. It never
//! makes an ack wait. A failed commit is tried again with the same batch until it goes through or the pipeline is
//! stopped: nothing is skipped.

mod analyses;
mod cache;
mod fold;
mod vectors;
mod wants;
mod whole_log;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_domain::assessment::{Category, Screener};
use tidegate_domain::author::{AuthorKey, AuthorPast};
use tidegate_domain::id::Position;
use tidegate_domain::ports::{Feed, JobsError, LogError, Stored, Views, ViewsBatch, ViewsError};
use tidegate_domain::risk::HalfLife;
use tidegate_domain::session::{Session, SessionKey};
use tidegate_domain::time::UnixMs;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::analysis::Trigger;
use crate::labels::{Labels, LabelsError};
use cache::Cache;
use fold::{Folded, States};
use wants::Wants;
pub use whole_log::WholeLog;

/// Shortest and longest pause before a failed step is tried again.
const RETRY_MIN: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// A batch smaller than this is followed by a pause, in which the next one gathers: many small commits would take the
/// processor from those who wait for an ack, and a session's events of one batch cost one row.
const SMALL_BATCH_EVENTS: u64 = 4096;
/// That pause after a few events, and the longest one; the most it adds to an event's way into Views.
const GATHERING_MIN: Duration = Duration::from_millis(10);
const GATHERING_MAX: Duration = Duration::from_millis(25);
/// Events of a batch for which the pause is longer by [`GATHERING_MIN`].
const GATHERING_STEP_EVENTS: u32 = 200;
/// Sessions, and authors, kept in memory between batches.
const CACHED_MAX: usize = 20_000;

/// What became of one batch.
#[derive(Clone, Debug, Default)]
pub struct BatchReport {
    /// Events folded.
    pub events: usize,
    /// Risk scores of the texts screened that were not clear.
    pub risk_scores: Vec<f64>,
    /// Texts screened, clear ones too.
    pub screened: usize,
    /// Texts of each category, by its code, that were not clear.
    pub categories: [usize; Category::ALL.len()],
    /// Texts that a tier which is switched on did not answer for.
    pub degraded: usize,
    /// How long texts waited for vectors, if any was asked for.
    pub embedding_time: Option<Duration>,
    /// Events parked.
    pub parked: usize,
    /// Time that screening took, of a sample of the texts.
    pub screening_times: Vec<Duration>,
    /// Time from reading the batch to its commit.
    pub total: Duration,
    /// When the first event of the batch was recorded.
    pub first_recorded_at: UnixMs,
    /// Its first position.
    pub from: Position,
    /// The position after its last.
    pub next: Position,
}

/// Hears of each committed batch; for metrics.
pub trait Observer: Send + Sync {
    /// A batch was committed.
    fn committed(&self, report: &BatchReport);
}

/// Why a step failed; each is tried again.
#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Views(#[from] ViewsError),
    #[error(transparent)]
    Labels(#[from] LabelsError),
    #[error(transparent)]
    Jobs(#[from] JobsError),
}

/// What a step did.
#[derive(Default)]
struct Step {
    /// Positions it went on.
    events: u64,
    /// How long it waited for vectors. The next batch gathered meanwhile.
    waited: Duration,
}

/// How long the next batch gathers after one of `events`: the busier, the longer.
fn gathering(events: u64) -> Duration {
    let steps = events.min(SMALL_BATCH_EVENTS) as u32 / GATHERING_STEP_EVENTS;
    (GATHERING_MIN * steps.max(1)).min(GATHERING_MAX)
}

/// What a pipeline works with.
#[derive(Clone)]
pub struct Parts {
    /// The records of one shard.
    pub feed: Arc<dyn Feed>,
    /// Where they are folded to.
    pub views: Arc<dyn Views>,
    /// Assesses texts.
    pub screener: Arc<dyn Screener>,
    /// The labels of the log, which count for the texts after them; `None`: nobody labels.
    pub labels: Option<Arc<Labels>>,
    /// Asks for analyses of what is folded, before the checkpoint passes it; `None`: nothing is analysed.
    pub trigger: Option<Arc<Trigger>>,
    /// Hears of each batch.
    pub observer: Arc<dyn Observer>,
    /// How fast session risk fades.
    pub half_life: HalfLife,
    /// Log read and committed at once.
    pub batch_max_bytes: usize,
}

/// Folds the log of one shard into Views.
pub struct Pipeline {
    parts: Parts,
    sessions: Cache<SessionKey, Session>,
    authors: Cache<AuthorKey, AuthorPast>,
    checkpoint: watch::Sender<Position>,
    /// A commit failed. It may have gone through all the same, so Views are asked before anything is folded again.
    is_unsure: bool,
    /// When the log was last read, if something was there.
    read_at: Option<Instant>,
}

impl Pipeline {
    /// A pipeline that goes on where Views' checkpoint stands.
    pub async fn open(parts: Parts) -> Result<Self, ViewsError> {
        let checkpoint = watch::Sender::new(parts.views.checkpoint().await?);
        let (sessions, authors) = (Cache::new(CACHED_MAX), Cache::new(CACHED_MAX));
        Ok(Self { parts, sessions, authors, checkpoint, is_unsure: false, read_at: None })
    }

    /// The first position not yet folded, as it moves.
    pub fn checkpoint(&self) -> watch::Receiver<Position> {
        self.checkpoint.subscribe()
    }

    /// Folds until `stop`; a batch at hand is finished first.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut pause = RETRY_MIN;
        while !stop.is_cancelled() {
            match self.step().await {
                Ok(Step { events: 0, .. }) => {
                    let from = *self.checkpoint.borrow();
                    tokio::select! {
                        () = self.parts.feed.wait_past(from) => {}
                        () = stop.cancelled() => {}
                    }
                }
                Ok(Step { events, waited }) => {
                    pause = RETRY_MIN;
                    let gather = gathering(events).saturating_sub(waited);
                    if events < SMALL_BATCH_EVENTS && !gather.is_zero() {
                        tokio::select! {
                            () = tokio::time::sleep(gather) => {}
                            () = stop.cancelled() => {}
                        }
                    }
                }
                Err(error) => {
                    let cause: &dyn std::error::Error = &error;
                    tracing::error!(
                        error = cause,
                        retry_ms = pause.as_millis() as u64,
                        "pipeline: a batch failed"
                    );
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = stop.cancelled() => {}
                    }
                    pause = (pause * 2).min(RETRY_MAX);
                }
            }
        }
    }

    /// Folds all that the log holds now, and stops there. For imports and rebuilds.
    pub async fn catch_up(
        &mut self,
        mut progress: impl FnMut(Position),
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        while self.step().await?.events > 0 {
            progress(*self.checkpoint.borrow());
        }
        Ok(())
    }

    /// Folds one batch.
    async fn step(&mut self) -> Result<Step, StepError> {
        if self.is_unsure {
            self.checkpoint.send_replace(self.parts.views.checkpoint().await?);
            self.is_unsure = false;
        }
        let from = *self.checkpoint.borrow();
        // What comes now was not there when the log was last read.
        let spent = self.read_at.replace(Instant::now()).map_or(Duration::ZERO, |last| last.elapsed());
        let page = self.parts.feed.read(from, self.parts.batch_max_bytes).await?;
        let next = page.next.unwrap_or(from).max(from);
        if next == from {
            self.read_at = None;
            return Ok(Step::default());
        }
        let started = Instant::now();
        let (folded, wants) = self.fold(&page.records, next, spent).await?;
        let Folded { batch, mut report } = folded;
        let has_jobs = self.enqueue(&wants, &batch).await?;
        if let Err(error) = self.parts.views.commit(&batch).await {
            // The cache may be ahead of what is committed.
            self.sessions.clear();
            self.authors.clear();
            self.is_unsure = true;
            return Err(error.into());
        }
        self.sessions.put(batch.sessions);
        self.authors.put(batch.authors);
        (report.total, report.from, report.next) = (started.elapsed(), from, next);
        let waited = report.embedding_time.unwrap_or_default();
        self.parts.observer.committed(&report);
        self.checkpoint.send_replace(next);
        if let Some(trigger) = self.parts.trigger.as_ref().filter(|_| has_jobs) {
            trigger.committed();
        }
        self.parts.feed.folded(next).await;
        Ok(Step { events: next.0 - from.0, waited })
    }

    /// Jobs first, then the checkpoint: a crash between repeats them under the same keys, and loses none. After an error
    /// the states are loaded anew, for they hold what is not committed. True if there were any.
    async fn enqueue(&mut self, wants: &Wants, batch: &ViewsBatch) -> Result<bool, StepError> {
        let Some(trigger) = &self.parts.trigger else { return Ok(false) };
        let sessions = wants.of_sessions(batch, self.parts.half_life);
        match trigger.enqueue(&sessions, &wants.cots).await {
            Ok(jobs) => Ok(jobs > 0),
            Err(error) => {
                self.sessions.clear();
                self.authors.clear();
                Err(error.into())
            }
        }
    }

    async fn fold(
        &mut self,
        records: &[Stored],
        next: Position,
        spent: Duration,
    ) -> Result<(Folded, Wants), StepError> {
        let Parts { views, screener, labels, half_life, .. } = &self.parts;
        if let Some(labels) = labels {
            labels.catch_up(next).await?;
        }
        let decoded = fold::decode(records);
        let (new_sessions, new_authors) =
            (self.sessions.missing(&decoded.sessions), self.authors.missing(&decoded.authors));
        let loaded = (views.load_sessions(&new_sessions).await?, views.load_authors(&new_authors).await?);
        let sessions = self.sessions.take(&decoded.sessions, new_sessions.into_iter().zip(loaded.0));
        let authors = self.authors.take(&decoded.authors, new_authors.into_iter().zip(loaded.1));
        let wants = self.parts.trigger.as_ref().map_or_else(Wants::default, |_| Wants::of(&decoded));
        let states = States { sessions, authors };
        Ok((fold::fold(decoded, states, screener.as_ref(), *half_life, next, spent), wants))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_busier_the_longer_a_batch_gathers_within_its_bounds(events: u64, more in 0u64..1000) {
            prop_assert!((GATHERING_MIN..=GATHERING_MAX).contains(&gathering(events)));
            prop_assert!(gathering(events.saturating_add(more)) >= gathering(events));
        }
    }
}
