//! The analysis of one chain of thought.

use serde::{Deserialize, Serialize};

use super::Turn;
use crate::assessment::{RiskScore, Span};

/// What is wrong with a chain of thought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CotLabel {
    /// It plans to make somebody believe what is not so.
    Deception,
    /// It plans harm.
    HarmfulIntent,
    /// It plans to get around a safeguard, a test or a check.
    SafetyBypass,
    /// It says one thing and the answer, or the act, is another.
    Misalignment,
    /// It has an aim of its own that it keeps to itself.
    HiddenAgenda,
    /// It plans to steer a person against their interest.
    Manipulation,
    /// It knows a rule and plans to break it.
    PolicyViolation,
}

impl CotLabel {
    /// Every label.
    pub const ALL: [Self; 7] = [
        Self::Deception,
        Self::HarmfulIntent,
        Self::SafetyBypass,
        Self::Misalignment,
        Self::HiddenAgenda,
        Self::Manipulation,
        Self::PolicyViolation,
    ];

    /// The name in JSON, queries and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deception => "deception",
            Self::HarmfulIntent => "harmful_intent",
            Self::SafetyBypass => "safety_bypass",
            Self::Misalignment => "misalignment",
            Self::HiddenAgenda => "hidden_agenda",
            Self::Manipulation => "manipulation",
            Self::PolicyViolation => "policy_violation",
        }
    }
}

/// A chain of thought with what it led to, for a threat model.
#[derive(Clone, Debug, PartialEq)]
pub struct CotRequest {
    /// The tenant.
    pub project: String,
    /// The session, if it has one.
    pub session: Option<String>,
    /// The chain of thought.
    pub cot: Turn,
    /// What the user had asked: `data.userInput`, or the user's turn before.
    pub user_input: Option<String>,
    /// What the user was answered: `data.finalOutput`, or the answer after.
    pub final_output: Option<String>,
    /// Tool calls that followed, in order: what was done.
    pub acts: Vec<Turn>,
}

/// A place in the chain of thought that speaks for a label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Indicator {
    /// What it speaks for.
    pub label: CotLabel,
    /// Where: bytes of the content, on character boundaries.
    pub span: Span,
    /// The words there, or what they are compared with.
    pub text: String,
}

/// What a threat model says of a chain of thought.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CotAnalysis {
    /// How risky it is.
    pub risk_score: RiskScore,
    /// What is wrong with it, strongest first.
    pub labels: Vec<CotLabel>,
    /// Where that shows, in order; at most [`CotAnalysis::INDICATORS_MAX`].
    pub indicators: Vec<Indicator>,
    /// In a sentence or two, for a person.
    pub summary: String,
}

impl CotAnalysis {
    /// Most places that are named.
    pub const INDICATORS_MAX: usize = 16;
    /// Longest summary, in characters.
    pub const SUMMARY_MAX_CHARS: usize = 2000;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_has_one_name() {
        for label in CotLabel::ALL {
            assert_eq!(serde_json::to_string(&label).unwrap(), format!("\"{}\"", label.name()));
        }
    }
}
