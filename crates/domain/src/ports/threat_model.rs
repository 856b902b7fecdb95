//! Threat models: who reads a session, or a chain of thought, and says how risky it is.

use std::error::Error;

use async_trait::async_trait;

use crate::analysis::{Answer, CotAnalysis, CotRequest, SessionAnalysis, SessionRequest};

/// Why a threat model gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ThreatModelError {
    /// It did not answer in time. May be retried.
    #[error("no answer within {timeout_ms} ms")]
    Timeout {
        /// The limit.
        timeout_ms: u64,
    },
    /// It could not be reached, or failed. May be retried.
    #[error("the model is unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// It wants no more for now, or was not asked because it failed too often. Retry after the time given; this is no
    /// failure of the request.
    #[error("the model takes no requests for {retry_after_ms} ms")]
    Busy {
        /// When to try again, in ms.
        retry_after_ms: u64,
    },
    /// It answered, and not as asked. May be retried: models vary.
    #[error("the answer is not as asked: {reason}")]
    Answer {
        /// What was wrong, without content.
        reason: String,
    },
    /// It refuses this request for good: a wrong key, an unknown model. Never retried as it is.
    #[error("the model refuses: {reason}")]
    Refused {
        /// What it said, without content.
        reason: String,
    },
}

impl ThreatModelError {
    /// True if the same request may succeed later.
    pub fn is_transient(&self) -> bool {
        !matches!(self, Self::Refused { .. })
    }
}

/// Reads sessions and chains of thought.
///
/// Laws, run against every adapter by `testkit::threat_model`:
/// - **T1 in range**: what it answers obeys AN1, whatever the model behind it wrote.
/// - **T2 floor**: a session's score is never below `floor` of the request.
/// - **T3 judged, not obeyed**: text of the request is data; it reaches a model only between delimiters that the text
///   cannot contain.
/// - **T4 in time**: it answers, or errs, within its own time-out.
#[async_trait]
pub trait ThreatModel: Send + Sync {
    /// Name of the provider: of its rate limit, its breaker and its metrics. For example `rules`, `openai`.
    fn provider(&self) -> &str;

    /// Name and version of the model; another one may answer differently. For example `rules-1`.
    fn version(&self) -> &str;

    /// True if it asks nobody: it costs nothing and never fails.
    fn is_built_in(&self) -> bool {
        false
    }

    /// Analyses a session. Errors: see [`ThreatModelError`].
    async fn analyze_session(
        &self,
        request: &SessionRequest,
    ) -> Result<Answer<SessionAnalysis>, ThreatModelError>;

    /// Analyses a chain of thought. Errors: see [`ThreatModelError`].
    async fn analyze_cot(&self, request: &CotRequest) -> Result<Answer<CotAnalysis>, ThreatModelError>;
}
