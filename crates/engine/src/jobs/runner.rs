//! What runs the jobs of one kind.

use std::time::Duration;

use async_trait::async_trait;
use tidegate_domain::ports::LeasedJob;

/// What became of a job, as its runner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Done,
    /// There was nothing to do.
    Unchanged,
    /// Not now; it is no failure (W3).
    Busy {
        /// When to try again, in ms.
        retry_after_ms: u64,
    },
    /// It failed, and may succeed later.
    Failed {
        /// Why, without content.
        error: String,
    },
    /// It failed, and will again.
    Hopeless {
        /// Why, without content.
        error: String,
    },
}

impl Outcome {
    /// The name in metrics and log lines.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Unchanged => "unchanged",
            Self::Busy { .. } => "busy",
            Self::Failed { .. } => "failed",
            Self::Hopeless { .. } => "hopeless",
        }
    }
}

/// Runs jobs of one kind.
#[async_trait]
pub trait Runner: Send + Sync {
    /// The kind.
    fn kind(&self) -> &'static str;

    /// Jobs that are leased and run together, at least 1.
    fn batch_max(&self) -> usize {
        1
    }

    /// Batches that run at once, at least 1.
    fn concurrency(&self) -> usize {
        1
    }

    /// Runs `jobs`: one outcome for each, in order. A job may come again after it was done (W1), so the effect of running
    /// it twice is that of running it once.
    async fn run(&self, jobs: &[LeasedJob]) -> Vec<Outcome>;
}

/// One settled job, for metrics.
#[derive(Clone, Debug)]
pub struct Report {
    /// The kind.
    pub kind: &'static str,
    /// [`Outcome::name`], or `dead` for one that was given up.
    pub outcome: &'static str,
    /// How often it was tried.
    pub attempts: u32,
    /// From its request to the start of this run.
    pub waited: Duration,
}

/// Hears of each settled job.
pub trait JobObserver: Send + Sync {
    /// A job was settled.
    fn settled(&self, report: &Report);
}
