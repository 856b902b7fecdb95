//! Limits on one event. No limit is implicit (law 8): each has a name here, in the config and in its error.

use serde::{Deserialize, Serialize};

/// Largest length of an idempotency key, correlation id, trace id, and of the ids and types of an actor,
/// target or object, in bytes.
pub const ID_MAX_BYTES: usize = 255;
/// Largest length of a session id, in characters.
pub const SESSION_ID_MAX_CHARS: usize = 255;
/// Largest length of an event type or a source, in characters.
pub const TYPE_MAX_CHARS: usize = 100;

/// The limits on one event that an operator may set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventLimits {
    /// Largest `content`, in characters.
    pub content_max_chars: usize,
    /// Largest `content` on the moderation door, in characters.
    pub moderation_content_max_chars: usize,
    /// Largest `data`, in bytes of its JSON.
    pub data_max_bytes: usize,
    /// Deepest nesting of `data`, in levels.
    pub data_max_depth: usize,
    /// How far ahead of our clock `occurredAt` may be, in seconds.
    pub occurred_ahead_max_s: u64,
    /// How far behind our clock `occurredAt` may be, in seconds.
    pub occurred_behind_max_s: u64,
}

impl Default for EventLimits {
    fn default() -> Self {
        Self {
            content_max_chars: 50_000,
            moderation_content_max_chars: 10_000,
            data_max_bytes: 65_536,
            data_max_depth: 32,
            occurred_ahead_max_s: 3_600,
            occurred_behind_max_s: 366 * 86_400,
        }
    }
}
