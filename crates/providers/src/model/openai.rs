//! OpenAI's chat completions, as spoken by OpenAI, Azure, Ollama, vLLM and many more.
//!
//! Servers differ in what they take. A request begins in the strictest form; a member that the server blames is left out
//! or changed, at once, and the form that succeeded is remembered.

use std::sync::Mutex;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::failure::Failure;
use super::vendor::read;
use super::{CallError, Completion, ModelClient, Prompt, Vendor};

/// The path after the base address.
pub(crate) const PATH: &str = "/chat/completions";

/// Name of the member that limits an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputLimit {
    /// OpenAI's of today.
    #[default]
    MaxCompletionTokens,
    /// The older one, which some servers know alone.
    MaxTokens,
}

impl OutputLimit {
    fn name(self) -> &'static str {
        match self {
            Self::MaxCompletionTokens => "max_completion_tokens",
            Self::MaxTokens => "max_tokens",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::MaxCompletionTokens => Self::MaxTokens,
            Self::MaxTokens => Self::MaxCompletionTokens,
        }
    }
}

/// How an answer's form is asked for, strictest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Schema,
    Object,
    Words,
}

/// What the server takes, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Dialect {
    format: Format,
    limit: OutputLimit,
    may_change_limit: bool,
    temperature: Option<f64>,
}

impl Dialect {
    /// What to try after `failure`; `None` if that does not speak of a member that can go. Each step takes something away,
    /// so that there are at most four.
    fn after(self, failure: &Failure) -> Option<Self> {
        let format = match self.format {
            Format::Schema => Format::Object,
            Format::Object | Format::Words => Format::Words,
        };
        if format != self.format && (failure.blames("response_format") || failure.blames("json_schema")) {
            return Some(Self { format, ..self });
        }
        if self.may_change_limit && failure.blames(self.limit.name()) {
            return Some(Self { limit: self.limit.other(), may_change_limit: false, ..self });
        }
        if self.temperature.is_some() && failure.blames("temperature") {
            return Some(Self { temperature: None, ..self });
        }
        None
    }

    fn request(self, model: &str, prompt: &Prompt) -> Value {
        let mut body = json!({
            "model": model,
            "messages": [
                {"role": "system", "content": prompt.system},
                {"role": "user", "content": prompt.user},
            ],
        });
        body[self.limit.name()] = prompt.output_tokens_max.into();
        if let Some(temperature) = self.temperature {
            body["temperature"] = temperature.into();
        }
        match self.format {
            Format::Schema => {
                let schema = json!({"name": prompt.schema_name, "strict": true, "schema": prompt.schema});
                body["response_format"] = json!({"type": "json_schema", "json_schema": schema});
            }
            Format::Object => body["response_format"] = json!({"type": "json_object"}),
            Format::Words => {}
        }
        body
    }
}

/// A model behind the chat completions of OpenAI.
pub struct OpenAi {
    vendor: Vendor,
    model: String,
    dialect: Mutex<Dialect>,
}

impl OpenAi {
    /// `model` at `vendor`; `temperature` is sent unless the server does not take one.
    pub fn new(vendor: Vendor, model: String, temperature: Option<f64>, limit: OutputLimit) -> Self {
        let dialect = Dialect { format: Format::Schema, limit, may_change_limit: true, temperature };
        Self { vendor, model, dialect: Mutex::new(dialect) }
    }

    fn dialect(&self) -> std::sync::MutexGuard<'_, Dialect> {
        self.dialect.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[async_trait]
impl ModelClient for OpenAi {
    async fn complete(&self, prompt: &Prompt) -> Result<Completion, CallError> {
        let deadline = self.vendor.deadline();
        let mut dialect = *self.dialect();
        loop {
            match self.vendor.send(&dialect.request(&self.model, prompt), deadline).await? {
                Ok(response) => {
                    *self.dialect() = dialect;
                    return read::<Reply>(&response)?.completion();
                }
                Err(failure) => match dialect.after(&failure) {
                    Some(next) => dialect = next,
                    None => return Err(failure.into_error()),
                },
            }
        }
    }
}

#[derive(Deserialize)]
struct Reply {
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<TokenCounts>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenCounts {
    prompt_tokens: u64,
    completion_tokens: u64,
}

impl Reply {
    fn completion(self) -> Result<Completion, CallError> {
        let unfinished = |reason: &str| CallError::Unfinished { reason: reason.into() };
        let Some(choice) = self.choices.into_iter().next() else {
            return Err(CallError::Garbled { reason: "no choice".into() });
        };
        match choice.finish_reason.as_deref() {
            Some("length") => return Err(unfinished("longer than output_tokens_max")),
            Some("content_filter") => return Err(unfinished("filtered")),
            _ if choice.message.refusal.is_some() => return Err(unfinished("declined")),
            _ => {}
        }
        let usage = self.usage.unwrap_or_default();
        Ok(Completion {
            text: choice.message.content.ok_or_else(|| unfinished("no content"))?,
            input_tokens: usage.prompt_tokens,
            output_tokens: usage.completion_tokens,
        })
    }
}
