//! Anthropic's Messages. The answer's form is a tool that the model is made to call.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::vendor::read;
use super::{CallError, Completion, ModelClient, Prompt, Vendor};

/// The path after the base address.
pub(crate) const PATH: &str = "/v1/messages";
/// The version of the protocol that is spoken here; it goes with a key in `x-api-key`.
pub(crate) const VERSION: &str = "2023-06-01";

/// A model behind Anthropic's Messages.
pub struct Anthropic {
    vendor: Vendor,
    model: String,
    temperature: Option<f64>,
    takes_temperature: AtomicBool,
}

impl Anthropic {
    /// `model` at `vendor`; `temperature` is sent unless the model does not take one.
    pub fn new(vendor: Vendor, model: String, temperature: Option<f64>) -> Self {
        Self { vendor, model, temperature, takes_temperature: AtomicBool::new(true) }
    }

    fn request(&self, prompt: &Prompt, temperature: Option<f64>) -> Value {
        let mut body = json!({
            "model": self.model,
            "max_tokens": prompt.output_tokens_max,
            "system": prompt.system,
            "messages": [{"role": "user", "content": prompt.user}],
            "tools": [{
                "name": prompt.schema_name,
                "description": "Takes the verdict.",
                "input_schema": prompt.schema,
            }],
            "tool_choice": {"type": "tool", "name": prompt.schema_name},
        });
        if let Some(temperature) = temperature {
            body["temperature"] = temperature.into();
        }
        body
    }
}

#[async_trait]
impl ModelClient for Anthropic {
    async fn complete(&self, prompt: &Prompt) -> Result<Completion, CallError> {
        let deadline = self.vendor.deadline();
        let mut temperature = self.temperature.filter(|_| self.takes_temperature.load(Ordering::Relaxed));
        loop {
            match self.vendor.send(&self.request(prompt, temperature), deadline).await? {
                Ok(response) => {
                    self.takes_temperature.store(temperature.is_some(), Ordering::Relaxed);
                    return read::<Reply>(&response)?.completion(prompt.schema_name);
                }
                Err(failure) if temperature.is_some() && failure.blames("temperature") => temperature = None,
                Err(failure) => return Err(failure.into_error()),
            }
        }
    }
}

#[derive(Deserialize)]
struct Reply {
    content: Vec<Block>,
    #[serde(default)]
    stop_reason: Option<String>,
    #[serde(default)]
    usage: TokenCounts,
}

#[derive(Deserialize)]
struct Block {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    input: Option<Box<RawValue>>,
}

/// Tokens that went to or came from the vendor's cache are not among `input_tokens`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenCounts {
    input_tokens: u64,
    output_tokens: u64,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
}

impl TokenCounts {
    fn input(&self) -> u64 {
        let cached = [self.cache_creation_input_tokens, self.cache_read_input_tokens];
        cached.into_iter().flatten().fold(self.input_tokens, u64::saturating_add)
    }
}

impl Reply {
    fn completion(self, tool: &str) -> Result<Completion, CallError> {
        let unfinished = |reason: &str| CallError::Unfinished { reason: reason.into() };
        match self.stop_reason.as_deref() {
            Some("max_tokens" | "model_context_window_exceeded") => {
                return Err(unfinished("longer than output_tokens_max"));
            }
            Some("refusal") => return Err(unfinished("declined")),
            _ => {}
        }
        let is_call = |block: &Block| block.kind == "tool_use" && block.name.as_deref() == Some(tool);
        let call = self.content.into_iter().find(is_call).and_then(|block| block.input);
        Ok(Completion {
            text: call.ok_or_else(|| unfinished("no call of the tool"))?.get().to_owned(),
            input_tokens: self.usage.input(),
            output_tokens: self.usage.output_tokens,
        })
    }
}
