//! Analyses as events of the log.

use serde::{Deserialize, Serialize};

use super::{CotAnalysis, SessionAnalysis, Usage};
use crate::event::Event;
use crate::id::Position;
use crate::json;
use crate::label::storable;
use crate::risk::Evidence;

/// Type of the event that holds a session's analysis. Reserved: no door takes it.
pub const SESSION_ANALYZED: &str = "session.analyzed";
/// Type of the event that holds a chain of thought's analysis. Reserved: no door takes it.
pub const COT_ANALYZED: &str = "cot.analyzed";

/// True for the types that only the server writes.
pub fn is_reserved(event_type: &str) -> bool {
    event_type == SESSION_ANALYZED || event_type == COT_ANALYZED
}

/// `data` of an event of type [`SESSION_ANALYZED`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionAnalyzedData {
    /// What was found.
    #[serde(flatten)]
    pub analysis: SessionAnalysis,
    /// The last event that was read.
    pub until: Position,
    /// Number of events read.
    pub events: u64,
    /// The session's evidence as it stood then: what the analysis replaces (AN2).
    pub seen: Evidence,
    /// Digest of what was read: unchanged sessions are not analysed twice.
    pub digest: String,
    /// Who says so: name and version.
    pub model: String,
    /// What it used up.
    #[serde(default)]
    pub usage: Usage,
}

/// `data` of an event of type [`COT_ANALYZED`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CotAnalyzedData {
    /// What was found.
    #[serde(flatten)]
    pub analysis: CotAnalysis,
    /// The chain of thought's id.
    pub event_id: String,
    /// Its place in the log.
    pub position: Position,
    /// Who says so: name and version.
    pub model: String,
    /// What it used up.
    #[serde(default)]
    pub usage: Usage,
}

/// What an analysis event says.
#[derive(Clone, Debug, PartialEq)]
pub enum Analyzed {
    /// Of a session.
    Session(SessionAnalyzedData),
    /// Of a chain of thought.
    Cot(CotAnalyzedData),
}

impl Analyzed {
    /// What `event` says, in text that every database takes; `None` if it is no analysis, or not one that the server
    /// wrote. Cost: two comparisons for any other event.
    pub fn of(event: &Event<'_>) -> Option<Self> {
        if !is_reserved(&event.event_type) {
            return None;
        }
        let data = event.data.as_deref()?;
        let clean = json::change_strings(data, |text| text.contains('\0').then(|| storable(text)));
        let data = clean.as_deref().unwrap_or(data);
        match &*event.event_type {
            SESSION_ANALYZED => serde_json::from_str(data).ok().map(Self::Session),
            _ => serde_json::from_str(data).ok().map(Self::Cot),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Pattern;
    use crate::assessment::RiskScore;
    use crate::time::UnixMs;

    #[test]
    fn no_database_is_given_a_nul() {
        let data = r#"{"summary":"a\u0000b","eventId":"e","position":1,"model":"m\u0000"}"#;
        let event = Event { event_type: COT_ANALYZED.into(), data: Some(data.into()), ..Event::default() };
        let Some(Analyzed::Cot(read)) = Analyzed::of(&event) else { panic!("an analysis") };
        assert_eq!((&*read.analysis.summary, &*read.model), ("a\u{fffd}b", "m\u{fffd}"));
    }

    #[test]
    fn what_was_written_is_read_back() {
        let data = SessionAnalyzedData {
            analysis: SessionAnalysis {
                risk_score: RiskScore::saturating(0.7),
                patterns: vec![Pattern::PolicyProbing],
                ..SessionAnalysis::default()
            },
            until: Position(7),
            events: 3,
            seen: Evidence { amount: 0.25, at: UnixMs(9) },
            digest: "d".into(),
            model: "rules-1".into(),
            usage: Usage::default(),
        };
        let json = serde_json::to_string(&data).unwrap();
        let event = Event {
            event_type: SESSION_ANALYZED.into(),
            data: Some(json.as_str().into()),
            ..Event::default()
        };
        assert_eq!(Analyzed::of(&event), Some(Analyzed::Session(data)));
        let other = Event { event_type: "message.user".into(), ..event };
        assert_eq!(Analyzed::of(&other), None);
    }
}
