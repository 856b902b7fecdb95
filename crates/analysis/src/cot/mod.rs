//! The analysis of a chain of thought: what it plans, and whether the answer and the acts are what it says.

pub(crate) mod compare;
pub(crate) mod features;
mod labels;

pub use features::COT_NAMES;

use tidegate_domain::analysis::{CotAnalysis, CotRequest, Indicator};
use tidegate_domain::assessment::RiskScore;

use crate::model::{COT, Weights};
use crate::text::reading::Reading;
use compare::Mismatch;

/// Analyses a chain of thought. Cost O(bytes read).
pub(crate) fn analyze(request: &CotRequest, weights: &Weights) -> CotAnalysis {
    let text = &*request.cot.content;
    let reading = Reading::of_thought(text, &weights.heads);
    let mismatches = compare::mismatches(request, &reading, weights);
    let risk = risk(&features::of(&reading, mismatches.len(), weights), &mismatches, weights);
    let (labels, mut indicators) = labels::of(text, &reading, &mismatches, risk, weights);
    indicators.sort_by_key(|indicator| (indicator.span.start, indicator.span.end));
    indicators.truncate(CotAnalysis::INDICATORS_MAX);
    let summary = labels::summary(&labels, &mismatches, risk);
    CotAnalysis { risk_score: RiskScore::saturating(risk), labels, indicators, summary }
}

/// The risk of reasoning inside a session, beside the answer that follows. Cost O(bytes).
pub(crate) fn score(text: &str, reading: &Reading, answer: Option<&str>, weights: &Weights) -> f64 {
    let mismatches = compare::with_answer(text, reading, answer, weights);
    risk(&features::of(reading, mismatches.len(), weights), &mismatches, weights)
}

/// What the words say and what the comparison says, as independent evidence.
fn risk(features: &[f64; COT], mismatches: &[Mismatch], weights: &Weights) -> f64 {
    let words = weights.cot.probability(features);
    let none = mismatches.iter().fold(1.0 - words, |none, mismatch| none * (1.0 - mismatch.weight));
    1.0 - none
}

/// The numbers of a chain of thought under these weights' head. For training. Cost O(bytes read).
pub fn features_of(request: &CotRequest, weights: &Weights) -> [f64; COT] {
    let reading = Reading::of_thought(&request.cot.content, &weights.heads);
    let mismatches = compare::mismatches(request, &reading, weights);
    features::of(&reading, mismatches.len(), weights)
}

/// Keeps `text` short and on character boundaries.
fn excerpt(text: &str) -> String {
    text[..text.floor_char_boundary(EXCERPT_BYTES)].to_owned()
}

const EXCERPT_BYTES: usize = 160;

/// An indicator that points at a stretch of the content.
fn indicator(
    text: &str,
    label: tidegate_domain::analysis::CotLabel,
    bytes: std::ops::Range<usize>,
) -> Indicator {
    let span = tidegate_domain::assessment::Span { start: bytes.start, end: bytes.end };
    Indicator { label, text: excerpt(text.get(bytes).unwrap_or_default()), span }
}
