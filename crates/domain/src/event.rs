//! The envelope: one shape for everything that happens.

use std::borrow::Cow;

/// Who did something, whom it was done to, or what it was done to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference<'a> {
    /// Its id, 1..=255 bytes.
    pub id: Cow<'a, str>,
    /// Its type, 1..=255 bytes; `None` when the sender did not say.
    pub kind: Option<Cow<'a, str>>,
}

/// An event as its sender described it. What the log adds (id, position, `recordedAt`) is beside it, in
/// [`crate::ports::Stored`].
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Event<'a> {
    /// The tenant it belongs to.
    pub project_id: Cow<'a, str>,
    /// The conversation or visit it belongs to; unique inside the project only.
    pub session_id: Option<Cow<'a, str>>,
    /// What happened, kept as sent: `message.user`, `cot`, `asset_viewed`, …
    pub event_type: Cow<'a, str>,
    /// Where it came from: `api`, `web`, `discord`, …
    pub source: Cow<'a, str>,
    /// Who did it.
    pub actor: Option<Reference<'a>>,
    /// Whom it was done to.
    pub target: Option<Reference<'a>>,
    /// What it was done to.
    pub object: Option<Reference<'a>>,
    /// `user`, `assistant`, `system` or `tool`.
    pub role: Option<Cow<'a, str>>,
    /// The text that is screened.
    pub content: Option<Cow<'a, str>>,
    /// Free data: one JSON object on one line, otherwise as sent.
    pub data: Option<Cow<'a, str>>,
    /// Campaign and referrer: one JSON object on one line.
    pub attribution: Option<Cow<'a, str>>,
    /// The sender's own id of this event; the same key is accepted once.
    pub idempotency_key: Option<Cow<'a, str>>,
    /// Ties events of one operation together.
    pub correlation_id: Option<Cow<'a, str>>,
    /// W3C trace id, or the sender's own.
    pub trace_id: Option<Cow<'a, str>>,
    /// Version of the type's schema.
    pub schema_version: u32,
    /// When it happened, by the sender's clock, in ms since the epoch; `None` means when it was recorded.
    pub occurred_at_ms: Option<i64>,
    /// What the sender said and the door does not know: one JSON object on one line.
    pub extra: Option<Cow<'a, str>>,
    /// What the door saw: one JSON object on one line.
    pub context: Cow<'a, str>,
}
