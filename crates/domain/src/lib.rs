//! What is true in Tidegate: the envelope, ids, units, rules, folds and ports.
//!
//! No I/O, no clock, no randomness and no async runtime: time, ids and entropy come in as values (law 9).
//!
//! - [`event`], [`record`]: the envelope and the bytes the log keeps of it.
//! - [`draft`]: the rules an event must meet before it is one; every refusal names its field.
//! - [`entry`]: a record with all that a log keeps of it.
//! - [`dedup`]: idempotency keys and fingerprints.
//! - [`assessment`], [`risk`], [`session`]: what screening says and what a session remembers of it.
//! - [`analysis`]: what a threat model says of a session or a chain of thought.
//! - [`author`], [`label`]: what an author wrote lately, and what people said of texts.
//! - [`rate`]: how many requests a bucket of tokens lets through.
//! - [`filter`]: what a reader may ask for, and the cursors of pages.
//! - [`secret`]: text of the settings that is never shown.
//! - [`ports`]: the traits that stores and screeners implement, each with numbered laws.

pub mod analysis;
pub mod assessment;
pub mod author;
pub mod dedup;
pub mod draft;
pub mod entry;
pub mod event;
pub mod fault;
pub mod filter;
pub mod id;
pub mod json;
pub mod label;
pub mod limits;
pub mod ports;
pub mod rate;
pub mod record;
pub mod risk;
pub mod risk_range;
pub mod secret;
pub mod session;
pub mod time;
pub mod varint;
