//! What a screening says, in seed 002's names.

use std::time::Duration;

use serde::Serialize;
use tidegate_domain::assessment::Assessment;
use utoipa::ToSchema;

use super::request::Text;
use crate::api::event_json::{AssessmentJson, CategoryScoreJson, FlagJson, SimilarExemplarJson};

/// The assessment of a text.
#[derive(Serialize, ToSchema)]
pub struct ScreenAnswer {
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<String>,
    /// 0..1.
    risk_score: f64,
    /// `LOW_RISK`, `SPAM`, `TOXIC`, `TARGETED_HARASSMENT`, …
    risk_category: &'static str,
    /// 0..1.
    confidence: f64,
    /// Names of the rules that fired.
    flags: Vec<String>,
    details: ScreenDetails,
    model_version: String,
    screening_time_ms: f64,
    /// With `store`: where the text lies in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stored: Option<StoredText>,
}

/// Where a stored text lies.
#[derive(Serialize, ToSchema)]
pub struct StoredText {
    /// The event's id here.
    pub event_id: String,
    /// Its place in the log.
    pub position: u64,
    /// True if it was there before.
    pub duplicate: bool,
}

/// Where the score comes from.
#[derive(Serialize, ToSchema)]
pub struct ScreenDetails {
    /// What rules and classifiers say.
    heuristic_score: f64,
    /// What labelled texts near this one say; `null` if none is near.
    embedding_score: Option<f64>,
    /// Labelled texts near this one, the nearest first.
    similar_events: Vec<SimilarExemplarJson>,
    /// How likely the text is of each category, the likeliest first.
    scores: Vec<CategoryScoreJson>,
    /// The rules that fired, with places.
    flags: Vec<FlagJson>,
    /// True if a tier that is switched on did not answer.
    degraded: bool,
}

impl ScreenAnswer {
    /// The answer about `text`.
    pub(super) fn new(text: Text, assessment: &Assessment, model_version: &str, elapsed: Duration) -> Self {
        let shown = AssessmentJson::new(assessment, &text.content, model_version);
        Self {
            event_id: text.event_id,
            risk_score: shown.risk_score,
            risk_category: shown.category,
            confidence: shown.confidence,
            flags: shown.flags.iter().map(|flag| flag.code.clone()).collect(),
            details: ScreenDetails {
                heuristic_score: shown.heuristic_score,
                embedding_score: shown.embedding_score,
                similar_events: shown.similar,
                scores: shown.scores,
                flags: shown.flags,
                degraded: shown.degraded,
            },
            model_version: shown.model_version,
            screening_time_ms: milliseconds(elapsed),
            stored: None,
        }
    }
}

/// With three digits behind the point.
pub(super) fn milliseconds(elapsed: Duration) -> f64 {
    (elapsed.as_secs_f64() * 1e6).round() / 1e3
}
