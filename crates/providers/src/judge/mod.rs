//! The threat model that asks a language model (laws T1 to T4 of
//! [`ThreatModel`]).
//!
//! - **J1** text of a request reaches the model as JSON strings between two marker lines (`fence`); a text can contain
//!   neither a line break nor what a marker begins with.
//! - **J2** a prompt is no longer than its budget, whatever the request (`budget`); what was left out is said.
//! - **J3** an answer is read strictly (`answer`): a member that is missing, of another type or unknown is no answer. What
//!   a right answer may say wrongly (a pattern that is none, an event that was not asked about, words that stand nowhere)
//!   is left out and counted.
//! - **J4** a score below the floor is raised to it (T2), and the explanation says so: whatever a text talks the model
//!   into, the screener's firm findings stand.

mod answer;
mod budget;
mod cot;
mod fence;
mod session;
mod words;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use tidegate_domain::analysis::{Answer, CotAnalysis, CotRequest, SessionAnalysis, SessionRequest, Usage};
use tidegate_domain::ports::{ThreatModel, ThreatModelError};

use crate::model::{Completion, ModelClient, Prompt};
use crate::price::Prices;

/// Version of the prompts: part of a judge's version, for with other prompts a model answers otherwise.
const PROMPTS: u32 = 1;

/// Limits of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Text of others in one prompt, in characters of its JSON form. Four are about a token.
    pub prompt_chars_max: usize,
    /// Longest answer, in tokens.
    pub output_tokens_max: u32,
}

/// A language model as a threat model.
pub struct Judge {
    provider: String,
    version: String,
    client: Arc<dyn ModelClient>,
    prices: Prices,
    limits: Limits,
    dropped: AtomicU64,
}

impl Judge {
    /// `client` asks model `model` of `provider`.
    pub fn new(
        provider: &str,
        model: &str,
        client: Arc<dyn ModelClient>,
        prices: Prices,
        limits: Limits,
    ) -> Self {
        let version = format!("{provider}:{model}#{PROMPTS}");
        Self { provider: provider.into(), version, client, prices, limits, dropped: AtomicU64::new(0) }
    }

    /// How much of all answers was left out so far (J3).
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    async fn ask(&self, prompt: Prompt) -> Result<(String, Usage), ThreatModelError> {
        let Completion { text, input_tokens, output_tokens } = self.client.complete(&prompt).await?;
        Ok((text, self.prices.usage(input_tokens, output_tokens)))
    }

    fn answer<T>(&self, checked: answer::Checked<T>, usage: Usage) -> Answer<T> {
        if checked.dropped > 0 {
            self.dropped.fetch_add(checked.dropped, Ordering::Relaxed);
            tracing::debug!(
                provider = self.provider,
                dropped = checked.dropped,
                "parts of an answer left out"
            );
        }
        Answer { analysis: checked.analysis, usage, model: self.version.clone() }
    }
}

#[async_trait]
impl ThreatModel for Judge {
    fn provider(&self) -> &str {
        &self.provider
    }

    fn version(&self) -> &str {
        &self.version
    }

    async fn analyze_session(
        &self,
        request: &SessionRequest,
    ) -> Result<Answer<SessionAnalysis>, ThreatModelError> {
        let (text, usage) = self.ask(session::prompt(request, self.limits)).await?;
        let checked = session::read(&text, request)?;
        if checked.is_raised {
            tracing::info!(
                provider = self.provider,
                "a score below the screener's findings was raised to them"
            );
        }
        Ok(self.answer(checked, usage))
    }

    async fn analyze_cot(&self, request: &CotRequest) -> Result<Answer<CotAnalysis>, ThreatModelError> {
        let (text, usage) = self.ask(cot::prompt(request, self.limits)).await?;
        Ok(self.answer(cot::read(&text, request)?, usage))
    }
}
