//! The analysis of a whole session: how it moves, and whose words moved it.
//!
//! ```text
//! turns ─► transcript: voices, words, heads, cues ─► channels: chat, tool ─┐
//!                        │                                                 ├─► score = noisy-or, at least the floor
//!                        └─► patterns: eleven rules over named facts ──────┘   explanation, carriers
//! ```

pub(crate) mod chat;
pub(crate) mod facts;
pub(crate) mod patterns;
mod rules;
pub(crate) mod score;
pub(crate) mod tool;
pub(crate) mod transcript;
mod words_of_call;
