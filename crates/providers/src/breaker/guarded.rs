//! A model behind a breaker.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tidegate_domain::ports::Entropy;
use tokio::time::Instant;

use super::{Breaker, Outcome, Policy};
use crate::model::{CallError, Completion, ModelClient, Prompt};

/// Asks a model unless its breaker is open: then the call is [`CallError::Busy`] at once.
pub struct Guarded {
    name: String,
    model: Arc<dyn ModelClient>,
    breaker: Mutex<Breaker>,
    entropy: Arc<dyn Entropy>,
}

impl Guarded {
    /// `model` behind a closed breaker; `name` stands in log lines.
    pub fn new(name: String, model: Arc<dyn ModelClient>, policy: Policy, entropy: Arc<dyn Entropy>) -> Self {
        Self { name, model, breaker: Mutex::new(Breaker::new(policy)), entropy }
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, outcome: Outcome) {
        let mut chance = [0; 8];
        self.entropy.fill(&mut chance);
        let mut breaker = self.breaker();
        let was_open = breaker.is_open();
        breaker.settle(outcome, Instant::now(), u64::from_le_bytes(chance));
        let is_open = breaker.is_open();
        drop(breaker);
        match (was_open, is_open) {
            (false, true) => {
                tracing::warn!(provider = self.name, "the model failed too often and is left alone");
            }
            (true, false) => tracing::info!(provider = self.name, "the model answers again"),
            _ => {}
        }
    }
}

#[async_trait]
impl ModelClient for Guarded {
    async fn complete(&self, prompt: &Prompt) -> Result<Completion, CallError> {
        let admitted = self.breaker().admit(Instant::now());
        admitted.map_err(|wait| CallError::Busy { retry_after_ms: wait.as_millis().max(1) as u64 })?;
        let answer = self.model.complete(prompt).await;
        self.settle(outcome(&answer));
        answer
    }
}

/// What a model writes is no failure of its vendor: else a text could shut the judge for everybody.
fn outcome(answer: &Result<Completion, CallError>) -> Outcome {
    match answer {
        Ok(_) | Err(CallError::Unfinished { .. } | CallError::Refused { .. }) => Outcome::Answered,
        Err(CallError::Busy { retry_after_ms }) => Outcome::Busy(Duration::from_millis(*retry_after_ms)),
        Err(CallError::Timeout { .. } | CallError::Unavailable(_) | CallError::Garbled { .. }) => {
            Outcome::Failed
        }
    }
}
