//! Analyses of a session as readers see them.

use serde::Serialize;
use tidegate_domain::analysis::{Carrier, Pattern};
use tidegate_domain::ports::Snapshot;
use tidegate_domain::session::Verdict;
use tidegate_domain::time::UnixMs;
use utoipa::ToSchema;

use super::sessions::rounded;

/// What the newest analysis of a session said.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerdictJson {
    /// How risky it found the session, 0..1.
    risk_score: f64,
    /// How it found the session to move, the strongest first.
    patterns: Vec<&'static str>,
    /// Why, in words.
    explanation: String,
    /// Name and version of the model.
    model: String,
    #[schema(value_type = String, format = DateTime)]
    analyzed_at: UnixMs,
    /// Position of the last event that it read.
    until: u64,
}

/// What a session's risk was right after an analysis.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotJson {
    /// Where the analysis lies in the log.
    position: u64,
    #[schema(value_type = String, format = DateTime)]
    created_at: UnixMs,
    /// The session's risk right after the analysis.
    risk_score: f64,
    /// What the analysis itself said.
    analysis_risk_score: f64,
    /// How it found the session to move, the strongest first.
    patterns: Vec<&'static str>,
    /// Why, in words.
    explanation: String,
    /// The events that carry it, in order; at most 16.
    events: Vec<CarrierJson>,
    /// Position of the last event that it read.
    until: u64,
    /// Name and version of the model.
    model: String,
}

/// An event that carries what an analysis found.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CarrierJson {
    event_id: String,
    position: u64,
    /// What it shows, in words.
    reason: String,
}

fn names(patterns: &[Pattern]) -> Vec<&'static str> {
    patterns.iter().copied().map(Pattern::name).collect()
}

impl From<Verdict> for VerdictJson {
    fn from(verdict: Verdict) -> Self {
        Self {
            risk_score: rounded(verdict.risk_score.get()),
            patterns: names(&verdict.patterns),
            explanation: verdict.explanation,
            model: verdict.model,
            analyzed_at: verdict.at,
            until: verdict.until.0,
        }
    }
}

impl From<Snapshot> for SnapshotJson {
    fn from(snapshot: Snapshot) -> Self {
        Self {
            position: snapshot.position.0,
            created_at: snapshot.at,
            risk_score: rounded(snapshot.session_risk.get()),
            analysis_risk_score: rounded(snapshot.risk_score.get()),
            patterns: names(&snapshot.patterns),
            explanation: snapshot.explanation,
            events: snapshot.carriers.into_iter().map(CarrierJson::from).collect(),
            until: snapshot.until.0,
            model: snapshot.model,
        }
    }
}

impl From<Carrier> for CarrierJson {
    fn from(carrier: Carrier) -> Self {
        Self { event_id: carrier.event_id, position: carrier.position.0, reason: carrier.reason }
    }
}
