//! The score of a session: three kinds of evidence, any of which is enough.
//!
//! The surest one counts. Each says yes from 0.5 on, at few false alarms; several doubts at once would be more of them.

use super::facts::Facts;
use super::patterns::{self, Finding};
use super::tool::{self, Found};
use super::transcript::{self, Piece};
use super::{chat, patterns::Scene};
use crate::model::{CHAT, TOOL, Weights};
use tidegate_domain::analysis::SessionRequest;

/// What the parts of the analysis say.
#[derive(Debug)]
pub(crate) struct Scored<'a> {
    pub(crate) pieces: Vec<Piece<'a>>,
    pub(crate) chat: f64,
    pub(crate) tool: f64,
    pub(crate) findings: Vec<Finding>,
    /// All together, 0..1.
    pub(crate) risk: f64,
}

/// The numbers that the channels read. For training.
#[derive(Clone, Debug)]
pub struct Features {
    /// Of the chat channel.
    pub chat: [f64; CHAT],
    /// Of the tool channel; `None` if no tool said anything.
    pub tool: Option<[f64; TOOL]>,
}

/// The numbers of a session under these weights' heads. Cost O(bytes read).
pub fn features(request: &SessionRequest, weights: &Weights) -> Features {
    let pieces = transcript::pieces(request, &weights.heads);
    let facts = Facts::of(&pieces, &weights.heads);
    Features {
        chat: chat::features(&pieces, &facts, &weights.heads),
        tool: tool::find(&pieces, &weights.heads).map(|found| found.features),
    }
}

/// Analyses a session. Cost O(bytes read).
pub(crate) fn score<'a>(request: &'a SessionRequest, weights: &Weights) -> Scored<'a> {
    let pieces = transcript::pieces(request, &weights.heads);
    let facts = Facts::of(&pieces, &weights.heads);
    let chat = if facts.asked.is_empty() {
        0.0
    } else {
        weights.chat.probability(&chat::features(&pieces, &facts, &weights.heads))
    };
    let found: Option<Found> = tool::find(&pieces, &weights.heads);
    let tool = found.as_ref().map_or(0.0, |found| weights.tool.probability(&found.features));
    let findings =
        patterns::find(&Scene { pieces: &pieces, facts: &facts, found: found.as_ref(), chat, tool, weights });
    let moves = findings.iter().fold(1.0, |none, finding| none * (1.0 - finding.evidence));
    let risk = chat.max(tool).max(1.0 - moves);
    Scored { pieces, chat, tool, findings, risk }
}
