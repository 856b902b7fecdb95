//! Calls to model vendors over HTTP, and the threat models that stand on them.
//!
//! - [`http`]: a client that checks whom it talks to, with a limit on everything.
//! - [`model`]: one prompt, one answer; a file a vendor ([`model::OpenAi`], [`model::Anthropic`]).
//! - [`breaker`]: who failed too often is left alone for a while.
//! - [`judge`]: the [`ThreatModel`](tidegate_domain::ports::ThreatModel) that asks a model: prompts, and answers that are
//!   checked.
//! - [`fallback`]: models in order; the next is asked when one errs.
//! - [`settings`]: what an operator says of a model, and [`open`] to put it all together.

pub mod breaker;
pub mod fallback;
pub mod http;
pub mod judge;
pub mod model;
mod open;
pub mod price;
pub mod settings;

pub use open::{OpenError, open};
