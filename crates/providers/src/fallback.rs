//! Models in order: the next is asked when one errs.
//!
//! - **FB1** the answer says which model gave it.
//! - **FB2** any error falls back, a refusal too: a key that was withdrawn must not stop analyses for which another model is
//!   ready. Each is logged.
//! - **FB3** if all err, the error is that which promises most: the shortest [`ThreatModelError::Busy`], then the first that
//!   may be retried, then the first refusal. So nothing is given up for good while one model may still answer.
//! - **FB4** its time-out is the sum of theirs.

use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use tidegate_domain::analysis::{Answer, CotAnalysis, CotRequest, SessionAnalysis, SessionRequest};
use tidegate_domain::ports::{ThreatModel, ThreatModelError};

/// A first model, and others for when it errs.
pub struct Fallback {
    first: Arc<dyn ThreatModel>,
    others: Vec<Arc<dyn ThreatModel>>,
}

type Asked<'a, T> = Pin<Box<dyn Future<Output = Result<Answer<T>, ThreatModelError>> + Send + 'a>>;

impl Fallback {
    /// `first`, then `others` in order.
    pub fn new(first: Arc<dyn ThreatModel>, others: Vec<Arc<dyn ThreatModel>>) -> Self {
        Self { first, others }
    }

    async fn ask<'a, T>(
        &'a self,
        ask: impl Fn(&'a dyn ThreatModel) -> Asked<'a, T> + Send,
    ) -> Result<Answer<T>, ThreatModelError> {
        let mut worst = match ask(&*self.first).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        log(&*self.first, &worst);
        for model in &self.others {
            match ask(&**model).await {
                Ok(answer) => return Ok(answer),
                Err(error) => {
                    log(&**model, &error);
                    worst = more_promising(worst, error);
                }
            }
        }
        Err(worst)
    }
}

fn log(model: &dyn ThreatModel, error: &ThreatModelError) {
    tracing::warn!(model = model.version(), %error, "a model gave no answer; the next is asked, if there is one");
}

fn more_promising(one: ThreatModelError, other: ThreatModelError) -> ThreatModelError {
    let rank = |error: &ThreatModelError| match error {
        ThreatModelError::Busy { retry_after_ms } => (0, *retry_after_ms),
        error if error.is_transient() => (1, 0),
        _ => (2, 0),
    };
    if rank(&other) < rank(&one) { other } else { one }
}

#[async_trait]
impl ThreatModel for Fallback {
    fn provider(&self) -> &str {
        self.first.provider()
    }

    fn version(&self) -> &str {
        self.first.version()
    }

    fn is_built_in(&self) -> bool {
        self.first.is_built_in()
    }

    async fn analyze_session(
        &self,
        request: &SessionRequest,
    ) -> Result<Answer<SessionAnalysis>, ThreatModelError> {
        self.ask(|model| model.analyze_session(request)).await
    }

    async fn analyze_cot(&self, request: &CotRequest) -> Result<Answer<CotAnalysis>, ThreatModelError> {
        self.ask(|model| model.analyze_cot(request)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy(retry_after_ms: u64) -> ThreatModelError {
        ThreatModelError::Busy { retry_after_ms }
    }

    #[test]
    fn the_most_promising_error_is_kept() {
        let timeout = || ThreatModelError::Timeout { timeout_ms: 1 };
        let refused = || ThreatModelError::Refused { reason: "no".into() };
        assert!(matches!(more_promising(refused(), timeout()), ThreatModelError::Timeout { .. }));
        assert!(matches!(more_promising(timeout(), refused()), ThreatModelError::Timeout { .. }));
        assert!(matches!(more_promising(timeout(), busy(5)), ThreatModelError::Busy { .. }));
        assert!(matches!(more_promising(busy(9), busy(5)), ThreatModelError::Busy { retry_after_ms: 5 }));
        assert!(matches!(more_promising(busy(5), busy(9)), ThreatModelError::Busy { retry_after_ms: 5 }));
    }
}
