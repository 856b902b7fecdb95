//! One prompt, one answer: what every vendor can do, and a file for each.

pub(crate) mod anthropic;
mod failure;
pub(crate) mod openai;
mod vendor;

pub use anthropic::Anthropic;
pub use openai::{OpenAi, OutputLimit};
pub use vendor::Vendor;

use std::error::Error;

use async_trait::async_trait;
use serde_json::Value;
use tidegate_domain::ports::ThreatModelError;

/// What a model is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Prompt {
    /// What it is to do: trusted.
    pub system: String,
    /// What it is to do it with: holds untrusted text.
    pub user: String,
    /// Name of the answer's form, `[a-z_]+`.
    pub schema_name: &'static str,
    /// The form of the answer, as JSON Schema: an object, every member required, none besides.
    pub schema: Value,
    /// Longest answer, in tokens.
    pub output_tokens_max: u32,
}

/// What a model answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The answer: JSON, if the model did as asked.
    pub text: String,
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
}

/// Why a call gave no answer. No variant repeats a key, a prompt or a vendor's sentence.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The deadline passed.
    #[error("no answer within {timeout_ms} ms")]
    Timeout {
        /// The limit.
        timeout_ms: u64,
    },
    /// It could not be reached, failed (5xx), or its answer broke off.
    #[error("the vendor is unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// It wants no more for now, or was not asked because it failed too often.
    #[error("the vendor takes no requests for {retry_after_ms} ms")]
    Busy {
        /// When to try again, in ms.
        retry_after_ms: u64,
    },
    /// It answered with something that is not its protocol.
    #[error("the answer is not the vendor's protocol: {reason}")]
    Garbled {
        /// What was wrong.
        reason: String,
    },
    /// The model stopped before it had answered: too long, filtered, declined.
    #[error("the model did not finish: {reason}")]
    Unfinished {
        /// Why.
        reason: String,
    },
    /// It refuses this request for good.
    #[error("the vendor refuses: {reason}")]
    Refused {
        /// Status, and the vendor's word for it.
        reason: String,
    },
}

impl From<CallError> for ThreatModelError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Timeout { timeout_ms } => Self::Timeout { timeout_ms },
            CallError::Unavailable(cause) => Self::Unavailable(cause),
            CallError::Busy { retry_after_ms } => Self::Busy { retry_after_ms },
            CallError::Garbled { reason } => {
                Self::Answer { reason: format!("not the vendor's protocol: {reason}") }
            }
            CallError::Unfinished { reason } => Self::Answer { reason: format!("not finished: {reason}") },
            CallError::Refused { reason } => Self::Refused { reason },
        }
    }
}

/// Asks one model of one vendor.
///
/// Within its own time-out, it answers or errs; it does not ask again, but for a request in a form that the server takes.
#[async_trait]
pub trait ModelClient: Send + Sync {
    /// Asks. Errors: see [`CallError`].
    async fn complete(&self, prompt: &Prompt) -> Result<Completion, CallError>;
}
