//! The analysis of a chain of thought as readers see it.

use serde::Serialize;
use tidegate_domain::analysis::{CotLabel, Indicator};
use tidegate_domain::ports::CotAnalyzed;
use tidegate_domain::time::UnixMs;
use utoipa::ToSchema;

use super::event_json::SpanJson;

/// What an analysis says of a chain of thought.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CotAnalysisJson<'e> {
    /// 0..1.
    risk_score: f64,
    /// `deception`, `harmful_intent`, `safety_bypass`, …, the strongest first.
    labels: Vec<&'static str>,
    /// Places that speak for the labels, in order; at most 16.
    indicators: Vec<IndicatorJson<'e>>,
    /// In words.
    summary: &'e str,
    /// Name and version of the model.
    model: &'e str,
    #[schema(value_type = String, format = DateTime)]
    analyzed_at: UnixMs,
}

/// A place that speaks for a label.
#[derive(Serialize, ToSchema)]
pub struct IndicatorJson<'e> {
    label: &'static str,
    /// In characters (Unicode code points) of the content.
    span: SpanJson,
    /// The words there, or what they are compared with.
    text: &'e str,
}

impl<'e> CotAnalysisJson<'e> {
    /// The analysis of `content`.
    pub fn new(analyzed: &'e CotAnalyzed, content: &str) -> Self {
        let analysis = &analyzed.data.analysis;
        let indicator = |Indicator { label, span, text }: &'e Indicator| IndicatorJson {
            label: label.name(),
            span: SpanJson::new(*span, content),
            text,
        };
        Self {
            risk_score: analysis.risk_score.get(),
            labels: analysis.labels.iter().copied().map(CotLabel::name).collect(),
            indicators: analysis.indicators.iter().map(indicator).collect(),
            summary: &analysis.summary,
            model: &analyzed.data.model,
            analyzed_at: analyzed.at,
        }
    }
}
