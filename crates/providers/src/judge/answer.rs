//! What both kinds of answers have in common (J3).

use serde::de::DeserializeOwned;
use tidegate_domain::ports::ThreatModelError;

/// An answer that obeys the laws, and what of it did not.
pub(super) struct Checked<T> {
    /// What is left.
    pub(super) analysis: T,
    /// How many parts were left out.
    pub(super) dropped: u64,
    /// The score was below the floor.
    pub(super) is_raised: bool,
}

/// Reads the one JSON object of `text`. Servers that take no form for answers wrap it in words or a code fence: what
/// stands before its first brace and after its last does not count.
///
/// Errors: [`ThreatModelError::Answer`], which says where it went wrong and not what stood there.
pub(super) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, ThreatModelError> {
    let wrong = |reason: String| ThreatModelError::Answer { reason };
    let object = text.find('{').and_then(|start| text.get(start..=text.rfind('}')?));
    let object = object.ok_or_else(|| wrong("no JSON object".into()))?;
    serde_json::from_str(object).map_err(|error| {
        let kind = error.classify();
        wrong(format!("{kind:?} error at line {} column {}", error.line(), error.column()))
    })
}

/// The values of `names` that are known, each once, in order; and how many were not.
pub(super) fn known<T: PartialEq>(names: &[String], find: impl Fn(&str) -> Option<T>) -> (Vec<T>, u64) {
    let (mut known, mut dropped) = (Vec::new(), 0);
    for name in names {
        match find(name) {
            Some(value) if known.contains(&value) => {}
            Some(value) => known.push(value),
            None => dropped += 1,
        }
    }
    (known, dropped)
}

/// The first `max` characters of `text`, without a copy if that is all.
pub(super) fn capped(mut text: String, max: usize) -> String {
    if let Some((byte, _)) = text.char_indices().nth(max) {
        text.truncate(byte);
    }
    text
}
