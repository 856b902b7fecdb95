//! A session as it is read: its pieces in order, each in one voice.
//!
//! A tool call whose event also holds the result is two pieces. What stands for text that was left out is no piece. At most
//! [`BYTES_MAX`] bytes are read, those of the newest events first, so the cost of an analysis is bounded.

use tidegate_domain::analysis::{SessionRequest, Turn, TurnKind};
use tidegate_domain::assessment::{Assessment, Category};

use super::words_of_call::{self, Call};
use crate::model::Heads;
use crate::text::cues::{CUES, Cue};
use crate::text::decode;
use crate::text::reading::Reading;
use crate::text::sketch::Sketch;
use crate::text::words::END_BYTES;

/// Whose words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Voice {
    User,
    Assistant,
    Cot,
    /// What the model asked a tool to do.
    Call,
    /// What a tool gave back.
    Tool,
}

/// A stretch of text in one voice.
#[derive(Clone, Debug)]
pub(crate) struct Piece<'a> {
    pub(crate) voice: Voice,
    /// Number of its event among the request's.
    pub(crate) turn: usize,
    pub(crate) text: std::borrow::Cow<'a, str>,
    pub(crate) reading: Reading,
    pub(crate) counts: [u16; CUES],
    pub(crate) sketch: Sketch,
    pub(crate) scores: Scores,
    /// What was encoded in it.
    pub(crate) decoded: Option<Reading>,
}

/// What screening said of an event, 0..1 each.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Scores {
    pub(crate) risk: f64,
    pub(crate) harm: f64,
    pub(crate) injection: f64,
    pub(crate) jailbreak: f64,
    pub(crate) abuse: f64,
    pub(crate) sexual: f64,
    pub(crate) self_harm: f64,
}

impl Scores {
    fn of(assessment: Option<&Assessment>) -> Self {
        let mut scores = Self::default();
        let Some(assessment) = assessment else { return scores };
        scores.risk = assessment.risk_score.get();
        for score in &assessment.scores {
            let slot = match score.category {
                Category::HarmfulIntent => &mut scores.harm,
                Category::PromptInjection => &mut scores.injection,
                Category::Jailbreak => &mut scores.jailbreak,
                Category::Sexual => &mut scores.sexual,
                Category::SelfHarm => &mut scores.self_harm,
                Category::LowRisk | Category::Spam => continue,
                Category::Toxic
                | Category::TargetedHarassment
                | Category::HateSpeech
                | Category::Violence => &mut scores.abuse,
            };
            *slot = slot.max(score.probability);
        }
        scores
    }
}

impl Piece<'_> {
    /// How often a cue stands in it.
    pub(crate) fn count(&self, cue: Cue) -> usize {
        self.counts[cue as usize].into()
    }

    /// True if a cue stands in it.
    pub(crate) fn has(&self, cue: Cue) -> bool {
        self.counts[cue as usize] > 0
    }
}

/// What stands where an answer was left out.
const OMITTED: &str = "[omitted]";

/// So many bytes of a session are read.
pub(crate) const BYTES_MAX: usize = 96 << 10;

/// The pieces of a session, oldest first. Cost O(bytes read).
pub(crate) fn pieces<'a>(request: &'a SessionRequest, heads: &Heads) -> Vec<Piece<'a>> {
    let mut left = BYTES_MAX;
    let mut pieces = Vec::new();
    for (turn, event) in request.turns.iter().enumerate().rev() {
        for (voice, text) in voices(event).into_iter().rev() {
            let cost = text.len().min(2 * END_BYTES);
            if text.trim().is_empty() || text.trim() == OMITTED || cost > left {
                continue;
            }
            left -= cost;
            pieces.push(piece(voice, turn, text, event, heads));
        }
    }
    pieces.reverse();
    pieces
}

/// The voices of an event, each with its text.
fn voices(event: &Turn) -> Vec<(Voice, std::borrow::Cow<'_, str>)> {
    let whole = |voice| vec![(voice, event.content.as_str().into())];
    match event.kind {
        TurnKind::User | TurnKind::Other => whole(Voice::User),
        TurnKind::Assistant => whole(Voice::Assistant),
        TurnKind::Cot => whole(Voice::Cot),
        TurnKind::ToolResult => {
            let Call { result, .. } = words_of_call::of(event);
            if event.content.is_empty() { vec![(Voice::Tool, result.into())] } else { whole(Voice::Tool) }
        }
        TurnKind::ToolCall => {
            let Call { asked, result } = words_of_call::of(event);
            vec![(Voice::Call, asked.into()), (Voice::Tool, result.into())]
        }
        // The operator's own words, and our own decisions, are nobody's attack.
        TurnKind::System | TurnKind::PolicyDecision => Vec::new(),
    }
}

/// What a tool call asked, as text.
pub(crate) fn call_text(event: &Turn) -> String {
    words_of_call::of(event).asked
}

fn piece<'a>(
    voice: Voice,
    turn: usize,
    text: std::borrow::Cow<'a, str>,
    event: &Turn,
    heads: &Heads,
) -> Piece<'a> {
    let reading =
        if voice == Voice::Cot { Reading::of_thought(&text, heads) } else { Reading::of(&text, heads) };
    let decoded = match voice {
        Voice::User | Voice::Tool => decode::decode(&text[..text.floor_char_boundary(2 * END_BYTES)]),
        _ => Vec::new(),
    };
    let decoded = (!decoded.is_empty()).then(|| Reading::of(&decoded.join(" "), heads));
    Piece {
        voice,
        turn,
        counts: reading.counts(),
        sketch: if voice == Voice::User { Sketch::of(&reading.words) } else { Sketch::default() },
        scores: Scores::of(event.assessment.as_ref()),
        decoded,
        reading,
        text,
    }
}
