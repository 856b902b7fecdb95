//! Built-in threat models: whole sessions and chains of thought in, how risky they are out. CPU only, no I/O.
//!
//! [`RulesModel`] reads how a session moves and whose words moved it; [`MockModel`] is the seed's. How scores come about, and
//! what was measured, is in `docs/analysis.md`.
//!
//! The laws are those of [`ThreatModel`](tidegate_domain::ports::ThreatModel), tested in `tests/laws.rs`.

mod cot;
mod mock;
mod model;
mod model_rules;
mod session;
#[cfg(test)]
mod testing;
mod text;

pub use mock::MockModel;
pub use model::{CHAT, COT, Channel, Heads, LANES, Lane, TOOL, Weights, WeightsError, norm};
pub use model_rules::RulesModel;

/// What training learns from: the same reading as the analysis uses.
pub mod learn {
    pub use crate::cot::{COT_NAMES, features_of as cot_features};
    pub use crate::session::chat::{CHAT_NAMES, PROTECTION};
    pub use crate::session::score::{Features, features};
    pub use crate::session::tool::TOOL_NAMES;
    pub use crate::text::reading::{STRIDE_WORDS, WINDOW_WORDS, windows};
    pub use crate::text::words::{BUCKETS, Word, grams, letters, words};

    use crate::text::cues;

    /// How much each window of `text` looks like an order by its cues alone, 0..1: where training begins to look.
    pub fn orders_by_cues(text: &str) -> Vec<f64> {
        let reading = crate::text::reading::Reading::of_cues(text, cues::find(&words(text)));
        windows(reading.words.len()).map(|window| crate::session::tool::by_cues(&reading, &window)).collect()
    }
}
