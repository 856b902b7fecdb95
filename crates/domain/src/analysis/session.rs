//! The analysis of a whole session.

use serde::{Deserialize, Serialize};

use super::Turn;
use crate::assessment::RiskScore;
use crate::id::Position;

/// How a session moves that is not what it says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pattern {
    /// A persona, a story or a trick that is to make the model drop its rules.
    JailbreakAttempt,
    /// Instructions that are to replace the owner's, from a user or from a tool's text.
    InstructionOverride,
    /// Each step asks for a little more than the one before.
    GradualEscalation,
    /// A role or a fiction carries what would be refused if asked plainly.
    RolePlayManipulation,
    /// Instructions hidden by an encoding.
    EncodedInstructions,
    /// Pressure, authority or sympathy in place of a right to ask.
    SocialEngineering,
    /// Questions about the system, its rules, tools and people.
    Reconnaissance,
    /// Refusals followed by the same request in other words.
    PolicyProbing,
    /// Steps toward rights that the user does not have.
    PrivilegeEscalation,
    /// Reasoning that hides something from the user.
    CotDeception,
    /// Harmless alone, harmful with what came before.
    ContextDependentThreat,
    /// A very long conversation (the mock model's).
    LongConversation,
}

impl Pattern {
    /// Every pattern.
    pub const ALL: [Self; 12] = [
        Self::JailbreakAttempt,
        Self::InstructionOverride,
        Self::GradualEscalation,
        Self::RolePlayManipulation,
        Self::EncodedInstructions,
        Self::SocialEngineering,
        Self::Reconnaissance,
        Self::PolicyProbing,
        Self::PrivilegeEscalation,
        Self::CotDeception,
        Self::ContextDependentThreat,
        Self::LongConversation,
    ];

    /// The name in JSON, queries and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::JailbreakAttempt => "jailbreak_attempt",
            Self::InstructionOverride => "instruction_override",
            Self::GradualEscalation => "gradual_escalation",
            Self::RolePlayManipulation => "role_play_manipulation",
            Self::EncodedInstructions => "encoded_instructions",
            Self::SocialEngineering => "social_engineering",
            Self::Reconnaissance => "reconnaissance",
            Self::PolicyProbing => "policy_probing",
            Self::PrivilegeEscalation => "privilege_escalation",
            Self::CotDeception => "cot_deception",
            Self::ContextDependentThreat => "context_dependent_threat",
            Self::LongConversation => "long_conversation",
        }
    }
}

/// The events of a session, for a threat model.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionRequest {
    /// The tenant.
    pub project: String,
    /// The session.
    pub session: String,
    /// Its last events, oldest first; analyses are not among them.
    pub turns: Vec<Turn>,
    /// Risk that the screener's firm findings set: no answer is below it.
    pub floor: RiskScore,
}

/// An event that carries a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Carrier {
    /// The event.
    pub event_id: String,
    /// Its place in the log.
    pub position: Position,
    /// What it shows, in words.
    pub reason: String,
}

/// What a threat model says of a session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SessionAnalysis {
    /// How risky the session is as a whole.
    pub risk_score: RiskScore,
    /// How it moves, strongest first.
    pub patterns: Vec<Pattern>,
    /// Why, in a sentence or two, for a person.
    pub explanation: String,
    /// The events that carry it, in order; at most [`SessionAnalysis::CARRIERS_MAX`].
    pub carriers: Vec<Carrier>,
}

impl SessionAnalysis {
    /// Most events that are named.
    pub const CARRIERS_MAX: usize = 16;
    /// Longest explanation, in characters.
    pub const EXPLANATION_MAX_CHARS: usize = 2000;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_has_one_name() {
        for pattern in Pattern::ALL {
            assert_eq!(serde_json::to_string(&pattern).unwrap(), format!("\"{}\"", pattern.name()));
        }
    }
}
