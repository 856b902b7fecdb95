//! `[openai]` and `[anthropic]`.

use serde::{Deserialize, Serialize};
use tidegate_providers::settings::{Api, ModelSettings};

use super::Secret;

/// A vendor of models.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vendor {
    /// Where it is called; empty for its own address.
    pub base_url: String,
    /// Its key; empty for none.
    pub api_key: Secret,
    /// The model.
    pub model: String,
    /// How random its answers are; negative: not said.
    pub temperature: f64,
    /// Longest answer.
    pub output_tokens_max: u32,
    /// Recorded text in one prompt.
    pub prompt_chars_max: usize,
    /// For one call.
    pub timeout_ms: u64,
    /// For connecting.
    pub connect_timeout_ms: u64,
    /// Largest answer read.
    pub response_max_bytes: usize,
    /// A server in a private network may be called.
    pub allow_private: bool,
    /// Another machine may be called without TLS.
    pub allow_plain_http: bool,
    /// Failures in a row until it is left alone.
    pub breaker_failures: u32,
    /// For how long at first.
    pub breaker_open_ms: u64,
    /// Price of a million tokens of prompts.
    pub price_input_microusd_per_mtok: u64,
    /// Price of a million tokens of answers.
    pub price_output_microusd_per_mtok: u64,
    /// Calls a minute; 0 sets no limit.
    pub calls_per_minute: u32,
}

impl Vendor {
    /// The same as whoever calls it wants it. Errors: what is wrong with `base_url`.
    pub fn settings(&self, api: Api) -> Result<ModelSettings, String> {
        let base_url = (!self.base_url.is_empty()).then(|| self.base_url.parse()).transpose()?;
        let key = self.api_key.expose();
        Ok(ModelSettings {
            api,
            base_url,
            api_key: (!key.is_empty()).then(|| self.api_key.clone()),
            model: self.model.clone(),
            temperature: self.temperature,
            output_tokens_max: self.output_tokens_max,
            prompt_chars_max: self.prompt_chars_max,
            timeout_ms: self.timeout_ms,
            connect_timeout_ms: self.connect_timeout_ms,
            response_bytes_max: self.response_max_bytes,
            allow_private: self.allow_private,
            allow_plain_http: self.allow_plain_http,
            breaker_failures: self.breaker_failures,
            breaker_open_ms: self.breaker_open_ms,
            price_input_microusd_per_mtok: self.price_input_microusd_per_mtok,
            price_output_microusd_per_mtok: self.price_output_microusd_per_mtok,
            ..ModelSettings::default()
        })
    }
}
