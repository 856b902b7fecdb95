//! How often models may be asked, and what their errors mean for a job.

use std::sync::Arc;

use tidegate_domain::ports::{Bucket, RateLimiter, ThreatModel, ThreatModelError};
use tidegate_domain::rate::Quota;

use crate::jobs::Outcome;

/// Waits shorter than this are not worth a round trip to the jobs' store.
const BUSY_MIN_MS: u64 = 50;

/// How often providers and projects may ask; shared by all processes that share the limiter.
#[derive(Clone)]
pub struct Limits {
    /// Where calls are counted.
    pub limiter: Arc<dyn RateLimiter>,
    /// Calls a minute to one provider, by its name; none for one that is not named.
    pub provider_calls_per_minute: Arc<std::collections::HashMap<String, u32>>,
}

impl Limits {
    /// Takes one call of `project` to `model`; how long to wait instead, in ms. A model of this program is free, and a
    /// limiter that does not answer limits nothing.
    pub(super) async fn take(
        &self,
        model: &dyn ThreatModel,
        project: &str,
        project_calls_per_minute: u32,
    ) -> Result<(), u64> {
        if model.is_built_in() {
            return Ok(());
        }
        let per_provider = self.provider_calls_per_minute.get(model.provider()).copied().unwrap_or(0);
        let names =
            [format!("analysis:provider:{}", model.provider()), format!("analysis:project:{project}")];
        // A tenth of a minute at once: a burst spends no minute's budget.
        let quota = |calls: u32| Quota::per_minute(calls, calls.div_ceil(10));
        let quotas = [quota(per_provider), quota(project_calls_per_minute)];
        let buckets: Vec<_> = names
            .iter()
            .zip(quotas)
            .filter_map(|(name, quota)| Some(Bucket { name, quota: quota? }))
            .collect();
        if buckets.is_empty() {
            return Ok(());
        }
        match self.limiter.take(&buckets).await {
            Ok(taken) if !taken.is_admitted => Err((taken.retry_after_us / 1000).max(BUSY_MIN_MS)),
            _ => Ok(()),
        }
    }
}

/// What `error` of a model means for the job that asked.
pub(super) fn outcome(error: &ThreatModelError) -> Outcome {
    match error {
        ThreatModelError::Busy { retry_after_ms } => {
            Outcome::Busy { retry_after_ms: (*retry_after_ms).max(BUSY_MIN_MS) }
        }
        error if error.is_transient() => Outcome::Failed { error: error.to_string() },
        error => Outcome::Hopeless { error: error.to_string() },
    }
}
