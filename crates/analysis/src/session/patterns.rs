//! The patterns: each a rule over named facts, so that every one can be explained by the events that show it.
//!
//! | pattern | what must come together |
//! |---|---|
//! | jailbreak attempt | a user turn that screening takes for one, or a persona that has no rules |
//! | instruction override | a tool's text that gives orders, or a user turn that sets instructions aside |
//! | gradual escalation | three turns and more, the later ones ask for more than the earlier ones, the last ones for harm |
//! | role-play manipulation | a role or a story first, then a request for harm, or the wish to have it without the story |
//! | encoded instructions | encoded text that, decoded, gives orders or asks for harm |
//! | social engineering | two kinds of pressure (authority, urgency, sympathy) and a request for rights |
//! | reconnaissance | questions about rules, systems, tools or people in three turns, or in two and then a request for rights |
//! | policy probing | a refusal, and the same request again in other words |
//! | privilege escalation | requests for rights in two turns, or for a check to be skipped |
//! | chain-of-thought deception | reasoning of the model that hides something |
//! | context-dependent threat | no turn is a finding by itself, all together are |
//!
//! A pattern's `evidence` is its own weight in the score: for moves that no labelled set teaches, set by hand.

use tidegate_domain::analysis::Pattern;

use super::facts::Facts;
use super::rules;
use super::tool::Found;
use super::transcript::{Piece, Voice};
use crate::model::Weights;
use crate::text::cues::Cue;

/// All that a rule may look at.
pub(crate) struct Scene<'a> {
    pub(crate) pieces: &'a [Piece<'a>],
    pub(crate) facts: &'a Facts,
    pub(crate) found: Option<&'a Found>,
    /// Probability of the chat channel.
    pub(crate) chat: f64,
    /// Probability of the tool channel.
    pub(crate) tool: f64,
    pub(crate) weights: &'a Weights,
}

/// A pattern that was found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Finding {
    pub(crate) pattern: Pattern,
    /// How clear it is, 0..1: for the order.
    pub(crate) strength: f64,
    /// What it adds to the score, 0..1.
    pub(crate) evidence: f64,
    /// What was seen, in a few words.
    pub(crate) seen: String,
    /// The pieces that show it, each with what it shows.
    pub(crate) carriers: Vec<(usize, &'static str)>,
}

/// Every pattern that the session shows, clearest first. Cost O(pieces).
pub(crate) fn find(scene: &Scene<'_>) -> Vec<Finding> {
    let all: [fn(&Scene<'_>) -> Option<Finding>; 11] = [
        rules::jailbreak_attempt,
        rules::instruction_override,
        rules::gradual_escalation,
        rules::role_play,
        rules::encoded,
        rules::social_engineering,
        rules::reconnaissance,
        rules::policy_probing,
        rules::privilege,
        rules::cot_deception,
        rules::context,
    ];
    let mut findings: Vec<Finding> = all.iter().filter_map(|rule| rule(scene)).collect();
    findings.sort_by(|a, b| b.strength.total_cmp(&a.strength).then(a.pattern.cmp(&b.pattern)));
    findings
}

impl Scene<'_> {
    /// The pieces of the user, with their numbers.
    pub(crate) fn users(&self) -> impl DoubleEndedIterator<Item = (usize, &Piece<'_>)> {
        self.facts.asked.iter().map(|asked| (asked.piece, &self.pieces[asked.piece]))
    }

    /// The pieces of a voice, with their numbers.
    pub(crate) fn of(&self, voice: Voice) -> impl Iterator<Item = (usize, &Piece<'_>)> {
        self.pieces.iter().enumerate().filter(move |(_, piece)| piece.voice == voice)
    }

    /// The user's pieces that have a cue.
    pub(crate) fn with(&self, cue: Cue) -> Vec<usize> {
        self.users().filter(|(_, piece)| piece.has(cue)).map(|(nth, _)| nth).collect()
    }
}
