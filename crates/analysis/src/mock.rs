//! `mock`: the deterministic weights of seed 000, for tests and demonstrations. No model of anything.
//!
//! Sub-strings of the lower-cased text, each counted once; a score is their sum, at most 1. Its quirks are kept: `actually`
//! alone is a hidden agenda, `dont tell` is looked for without its apostrophe, and a chain of thought without an answer lacks a
//! refusal too.
//!
//! Source: seed 000, mock threat model.

use async_trait::async_trait;
use tidegate_domain::analysis::{
    Answer, Carrier, CotAnalysis, CotLabel, CotRequest, Indicator, Pattern, SessionAnalysis, SessionRequest,
    Turn, Usage,
};
use tidegate_domain::assessment::{RiskScore, Span};
use tidegate_domain::ports::{ThreatModel, ThreatModelError};

/// The seed's mock.
#[derive(Clone, Copy, Debug, Default)]
pub struct MockModel;

/// Name and version.
const VERSION: &str = "mock-1";
/// Longer sessions count as long.
const LONG_EVENTS: usize = 20;

impl MockModel {
    /// Analyses a session. Cost O(bytes).
    pub fn session(self, request: &SessionRequest) -> SessionAnalysis {
        let texts: Vec<String> = request.turns.iter().map(|turn| turn.content.to_lowercase()).collect();
        let all = texts.join(" ");
        let mut score = 0.0;
        let mut patterns = Vec::new();
        let mut carriers = Vec::new();
        let mut carry = |words: &[&str], reason: &str| {
            let holds = |text: &&String| words.iter().any(|word| text.contains(word));
            let Some(nth) = texts.iter().position(|text| holds(&text)) else { return };
            carriers.push(carrier(&request.turns[nth], reason));
        };
        if all.contains("jailbreak") || all.contains("bypass") {
            score += 0.5;
            patterns.push(Pattern::JailbreakAttempt);
            carry(&["jailbreak", "bypass"], "speaks of a jailbreak or a bypass");
        }
        if all.contains("ignore") && all.contains("instructions") {
            score += 0.3;
            patterns.push(Pattern::InstructionOverride);
            carry(&["ignore"], "speaks of ignoring instructions");
        }
        if request.turns.len() > LONG_EVENTS {
            score += 0.1;
            patterns.push(Pattern::LongConversation);
        }
        carriers.sort_by_key(|carrier: &Carrier| carrier.position);
        SessionAnalysis {
            risk_score: RiskScore::saturating(f64::max(score, request.floor.get())),
            explanation: explanation(&patterns),
            patterns,
            carriers,
        }
    }

    /// Analyses a chain of thought. Cost O(bytes).
    pub fn cot(self, request: &CotRequest) -> CotAnalysis {
        let text = request.cot.content.to_lowercase();
        let answer = request.final_output.as_deref().unwrap_or_default().to_lowercase();
        let mut score = 0.0;
        let (mut labels, mut indicators) = (Vec::new(), Vec::new());
        for (words, label, weight) in COT {
            let Some(word) = words.iter().find(|word| text.contains(**word)) else { continue };
            if label == CotLabel::Misalignment && ["cannot", "sorry"].iter().any(|no| answer.contains(no)) {
                continue;
            }
            score += weight;
            labels.push(label);
            indicators.extend(place(&request.cot.content, word).map(|span| Indicator {
                label,
                text: request.cot.content[span.start..span.end].to_owned(),
                span,
            }));
        }
        let summary = match labels.len() {
            0 => "No sign of deception.".to_owned(),
            found => format!("{found} kinds of words that the mock looks for."),
        };
        indicators.sort_by_key(|indicator: &Indicator| indicator.span.start);
        CotAnalysis { risk_score: RiskScore::saturating(score), labels, indicators, summary }
    }
}

/// What the mock looks for in a chain of thought.
const COT: [(&[&str], CotLabel, f64); 5] = [
    (&["pretend", "deceive", "mislead"], CotLabel::Deception, 0.6),
    (&["harmful", "dangerous", "weapon"], CotLabel::HarmfulIntent, 0.7),
    (&["bypass", "circumvent", "ignore safety"], CotLabel::SafetyBypass, 0.8),
    (&["should refuse"], CotLabel::Misalignment, 0.5),
    (&["actually", "secretly", "dont tell"], CotLabel::HiddenAgenda, 0.4),
];

/// Where `word` stands in `text` in any case of ASCII letters.
fn place(text: &str, word: &str) -> Option<Span> {
    let at = text.to_ascii_lowercase().find(word)?;
    Some(Span { start: at, end: at + word.len() })
}

fn carrier(turn: &Turn, reason: &str) -> Carrier {
    Carrier { event_id: turn.event_id.clone(), position: turn.position, reason: reason.to_owned() }
}

fn explanation(patterns: &[Pattern]) -> String {
    if patterns.is_empty() {
        return "No pattern of the mock's.".to_owned();
    }
    let names: Vec<&str> = patterns.iter().map(|pattern| pattern.name()).collect();
    format!("Patterns of the mock's: {}.", names.join(", "))
}

#[async_trait]
impl ThreatModel for MockModel {
    fn provider(&self) -> &'static str {
        "mock"
    }

    fn version(&self) -> &'static str {
        VERSION
    }

    fn is_built_in(&self) -> bool {
        true
    }

    async fn analyze_session(
        &self,
        request: &SessionRequest,
    ) -> Result<Answer<SessionAnalysis>, ThreatModelError> {
        let analysis = self.session(request);
        Ok(Answer { analysis, usage: Usage::default(), model: VERSION.to_owned() })
    }

    async fn analyze_cot(&self, request: &CotRequest) -> Result<Answer<CotAnalysis>, ThreatModelError> {
        Ok(Answer { analysis: self.cot(request), usage: Usage::default(), model: VERSION.to_owned() })
    }
}
