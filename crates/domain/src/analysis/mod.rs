//! Analysis: what a threat model says of a whole session, or of one chain of thought.
//!
//! The answer of a threat model is an event of the log (law 5): [`SESSION_ANALYZED`] or [`COT_ANALYZED`], written by the
//! server alone, in the session's own stream. The pipeline folds it into Views, so that a rebuild asks no model.
//!
//! - **AN1** scores lie in 0..=1, spans inside their text on character boundaries, evidence names events of the request.
//! - **AN2** an analysis replaces what it has seen of a session's evidence; what came after the events it read stays, and
//!   no analysis lowers a session below the screener's firm findings ([`crate::session::Session::analyzed`]).
//!
//! Source: seed 000, session and chain-of-thought analysis.

mod cot;
mod event;
mod session;
mod turn;

pub use cot::{CotAnalysis, CotLabel, CotRequest, Indicator};
pub use event::{
    Analyzed, COT_ANALYZED, CotAnalyzedData, SESSION_ANALYZED, SessionAnalyzedData, is_reserved,
};
pub use session::{Carrier, Pattern, SessionAnalysis, SessionRequest};
pub use turn::{Turn, TurnKind, is_cot};

use serde::{Deserialize, Serialize};

/// What is analysed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnalysisKind {
    /// A whole session.
    Session,
    /// One chain of thought.
    Cot,
}

impl AnalysisKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Session, Self::Cot];

    /// The name in config, logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Cot => "cot",
        }
    }
}

/// What a model call used up. All zero for a model that is part of this program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Usage {
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
    /// Price by the configured rates, in millionths of a US dollar.
    pub cost_microusd: u64,
}

/// An analysis, and who made it.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer<T> {
    /// What was found.
    pub analysis: T,
    /// What it used up.
    pub usage: Usage,
    /// Name and version of the model that answered, for example `rules-1` or `openai:gpt-5-nano`.
    pub model: String,
}
