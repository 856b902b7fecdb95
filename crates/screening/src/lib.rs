//! Screening: text in, assessment out, by rules, word lists and linear classifiers. CPU only, no I/O.
//!
//! A text is brought into normal form (`normal`), its words are looked up (`lexicon`), rules (`rules`) and classifiers
//! (`linear`) read both, and `score` turns what they found into a risk, a category and a confidence. How each part
//! works, and what it was measured to do, is in `docs/screening.md`.
//!
//! The laws are those of [`Screener`](tidegate_domain::assessment::Screener), tested in `tests/laws.rs`.

mod decode;
mod exemplars;
mod language;
mod learned;
mod lexicon;
mod linear;
mod normal;
mod rules;
mod score;
mod screener;
mod sentence;
mod settings;
#[cfg(test)]
mod testing;
mod tiered;

pub use exemplars::Blend;
pub use linear::{
    Block, Calibration, Head, LANES, Margins, Model, ModelError, Row, Scale, Table, features_of, norms,
};
pub use screener::TextScreener;
pub use sentence::{Column, SentenceHeads};
pub use settings::{Settings, SettingsError};
pub use tiered::{Encoder, TieredScreener, Vectors};

/// What a flag of this `code` means, in words; `None` for a code of another version.
pub fn reason(code: &str) -> Option<&'static str> {
    let labelled = "A person labelled a text like this one.";
    if code == exemplars::FLAG { Some(labelled) } else { rules::reason(code) }
}
