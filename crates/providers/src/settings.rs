//! What an operator says of one model.

use serde::{Deserialize, Serialize};
use tidegate_domain::secret::Secret;

use crate::http::BaseUrl;
use crate::model::OutputLimit;

/// How a vendor is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// OpenAI's chat completions: OpenAI, Azure, Ollama, vLLM, …
    #[default]
    Openai,
    /// Anthropic's Messages.
    Anthropic,
}

impl Api {
    /// Where the vendor itself is found.
    pub fn base_url(self) -> &'static str {
        match self {
            Self::Openai => "https://api.openai.com/v1",
            Self::Anthropic => "https://api.anthropic.com",
        }
    }
}

/// One model of one vendor. What is left out is as in [`ModelSettings::default`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelSettings {
    /// How it is spoken to.
    pub api: Api,
    /// What its paths begin with; the vendor's own if not set. For OpenAI's it ends in `/v1`, for Anthropic's it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<BaseUrl>,
    /// The key; none for servers that take none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<Secret>,
    /// The model, as the vendor calls it.
    pub model: String,
    /// How random its answers are; sent unless the model does not take one. Negative: never sent.
    pub temperature: f64,
    /// Name of the member that limits an answer; OpenAI's API only.
    pub output_limit: OutputLimit,
    /// Longest answer, in tokens; those of a model that reasons first count too.
    pub output_tokens_max: u32,
    /// Recorded text in one prompt, in characters; four are about a token.
    pub prompt_chars_max: usize,
    /// For one request, from connecting to the last byte.
    pub timeout_ms: u64,
    /// For resolving, connecting and the TLS handshake.
    pub connect_timeout_ms: u64,
    /// Largest answer that is read, in bytes.
    pub response_bytes_max: usize,
    /// Allows a server in a network of one's own. This machine is always allowed, cloud metadata never.
    pub allow_private: bool,
    /// Allows `http://` to other machines than this one: the key and all text travel in the clear.
    pub allow_plain_http: bool,
    /// Failures in a row after which the model is left alone.
    pub breaker_failures: u32,
    /// For how long at first; twice as long after each failed probe, up to eight times.
    pub breaker_open_ms: u64,
    /// Price of a million tokens of prompts, in millionths of a US dollar.
    pub price_input_microusd_per_mtok: u64,
    /// Price of a million tokens of answers, in millionths of a US dollar.
    pub price_output_microusd_per_mtok: u64,
}

impl Default for ModelSettings {
    /// OpenAI's `gpt-5-nano`, as seed 000 had it, without a key and without prices.
    fn default() -> Self {
        Self {
            api: Api::Openai,
            base_url: None,
            api_key: None,
            model: "gpt-5-nano".into(),
            temperature: 0.3,
            output_limit: OutputLimit::default(),
            output_tokens_max: 4000,
            prompt_chars_max: 24_000,
            timeout_ms: 30_000,
            connect_timeout_ms: 5_000,
            response_bytes_max: 1 << 20,
            allow_private: false,
            allow_plain_http: false,
            breaker_failures: 5,
            breaker_open_ms: 30_000,
            price_input_microusd_per_mtok: 0,
            price_output_microusd_per_mtok: 0,
        }
    }
}

/// A setting that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} {rule}")]
pub struct SettingError {
    /// Its name.
    pub key: &'static str,
    /// What it must be.
    pub rule: &'static str,
}

impl ModelSettings {
    /// The first setting that cannot be, if any.
    pub fn check(&self) -> Result<(), SettingError> {
        let rules = [
            ("model", !self.model.is_empty(), "must name a model"),
            ("temperature", self.temperature <= 2.0, "must be at most 2; negative: not sent"),
            ("output_tokens_max", self.output_tokens_max >= 64, "must be at least 64"),
            ("prompt_chars_max", self.prompt_chars_max >= 1000, "must be at least 1000"),
            ("timeout_ms", (1..=600_000).contains(&self.timeout_ms), "must be in 1..=600000"),
            ("connect_timeout_ms", (1..=600_000).contains(&self.connect_timeout_ms), "must be in 1..=600000"),
            ("response_bytes_max", self.response_bytes_max >= 1024, "must be at least 1024"),
            ("breaker_failures", self.breaker_failures >= 1, "must be at least 1"),
            ("breaker_open_ms", (1..=3_600_000).contains(&self.breaker_open_ms), "must be in 1..=3600000"),
        ];
        match rules.into_iter().find(|(_, holds, _)| !holds) {
            None => Ok(()),
            Some((key, _, rule)) => Err(SettingError { key, rule }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_right_and_a_misspelt_key_is_named() {
        assert_eq!(ModelSettings::default().check(), Ok(()));
        let error = serde_json::from_str::<ModelSettings>(r#"{"timeout": 1}"#).unwrap_err();
        assert!(error.to_string().contains("timeout"), "{error}");
    }

    #[test]
    fn each_rule_names_its_key() {
        let settings = |json: &str| serde_json::from_str::<ModelSettings>(json).unwrap();
        for (json, key) in [
            (r#"{"model": ""}"#, "model"),
            (r#"{"temperature": 2.5}"#, "temperature"),
            (r#"{"output_tokens_max": 1}"#, "output_tokens_max"),
            (r#"{"prompt_chars_max": 1}"#, "prompt_chars_max"),
            (r#"{"timeout_ms": 0}"#, "timeout_ms"),
            (r#"{"connect_timeout_ms": 0}"#, "connect_timeout_ms"),
            (r#"{"response_bytes_max": 0}"#, "response_bytes_max"),
            (r#"{"breaker_failures": 0}"#, "breaker_failures"),
            (r#"{"breaker_open_ms": 0}"#, "breaker_open_ms"),
        ] {
            assert_eq!(settings(json).check().unwrap_err().key, key);
        }
    }

    #[test]
    fn a_key_is_not_shown() {
        let settings = ModelSettings { api_key: Some(Secret::new("hunter2")), ..ModelSettings::default() };
        let shown = format!("{settings:?}{}", serde_json::to_string(&settings).unwrap());
        assert!(!shown.contains("hunter2") && shown.contains("***"), "{shown}");
    }
}
