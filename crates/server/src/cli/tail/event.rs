//! An event as the stream shows it: the fields that a line needs, each optional.

use serde::Deserialize;
use serde_json::value::RawValue;

/// An event of the stream.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct SeenEvent {
    pub(super) recorded_at: String,
    pub(super) session_id: Option<String>,
    #[serde(rename = "type")]
    pub(super) event_type: String,
    pub(super) actor: Option<Actor>,
    pub(super) content: Option<String>,
    pub(super) data: Option<Box<RawValue>>,
    pub(super) assessment: Option<SeenAssessment>,
}

/// Who did it.
#[derive(Debug, Deserialize)]
pub(super) struct Actor {
    pub(super) id: String,
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
}

/// What screening said.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SeenAssessment {
    pub(super) risk_score: f64,
    pub(super) category: String,
}
