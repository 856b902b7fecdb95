//! Doors: each a pure translation of one wire shape to and from the envelope, on the same log.

pub mod chat;
mod context;
mod elements;
mod judge;
pub mod moderation;

pub use context::DoorContext;
pub(crate) use judge::Verdict;
