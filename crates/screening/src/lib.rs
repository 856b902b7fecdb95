//! Screening: text in, assessment out, by rules and a lexicon. CPU only, no I/O.
//!
//! Five rules look at the text; `score` turns what they found into a risk, a category and a confidence:
//!
//! | rule | fires on | adds | module |
//! |---|---|---|---|
//! | `all_caps_spam` | more than 10 characters, over 80 % of the letters capital | 0.20 | `shouting` |
//! | `repeated_punctuation` | three or more of `!` and `?` in a row | 0.15 | `floods` |
//! | `repeated_characters` | one character five or more times in a row | 0.15 | `floods` |
//! | `offensive_language` | words of the offensive list | 0.10 each, at most 0.30 | `words` |
//! | `targeting_behavior` | words that address the reader | 0.20 once | `words` |
//!
//! The laws are those of [`Screener`]: SC1 and SC3 are tested in `tests/laws.rs`, SC2 in `words`.
//!
//! Seed 002 blends 0.6 heuristics with 0.4 embeddings, and its embedding score was always 0: nothing could
//! pass 0.6, its threshold was 0.7, so its reasoning queue stayed empty. Here the weights are renormalised
//! over the tiers present. There is no embedding tier in `lexical-1`, so the rules count fully.
//!
//! Source: seed 002, "Behavioral heuristics scoring"; weights and words as there.

mod floods;
mod lexicon;
mod openings;
mod score;
mod shouting;
mod trie;
mod words;

pub use lexicon::{Lexicon, LexiconError};

use score::Evidence;
use tidegate_domain::assessment::{Assessment, Input, Screener};
use words::Words;

/// Rules and a lexicon. Cheap to share, built once; screening allocates only when a rule fires.
#[derive(Clone, Debug)]
pub struct LexicalScreener {
    words: Words,
    version: String,
}

impl LexicalScreener {
    /// Name of the rules with the built-in lexicon.
    pub const VERSION: &'static str = "lexical-1";

    /// A screener with these words.
    ///
    /// - Version: [`Self::VERSION`] for the built-in lexicon; any other one adds a fingerprint of its words
    ///   (`lexical-1+5d41402abc4b2a76`), for an assessment is a pure function of (text, version).
    /// - Errors: a word is empty or too long, or a list is too long. Configuration errors: never retried.
    pub fn new(words: &Lexicon) -> Result<Self, LexiconError> {
        words.check()?;
        Ok(Self::of(words))
    }

    /// Assesses `text` by itself.
    pub fn assess(&self, text: &str) -> Assessment {
        let mut evidence = Evidence::default();
        shouting::scan(text, &mut evidence);
        floods::scan(text, &mut evidence);
        self.words.scan(text, &mut evidence);
        score::assess(evidence)
    }

    fn of(words: &Lexicon) -> Self {
        let version = match words.fingerprint() {
            own if own == Lexicon::default().fingerprint() => Self::VERSION.to_owned(),
            own => format!("{}+{own:016x}", Self::VERSION),
        };
        Self { words: Words::new(words), version }
    }
}

impl Default for LexicalScreener {
    fn default() -> Self {
        Self::of(&Lexicon::default())
    }
}

impl Screener for LexicalScreener {
    fn screen(&self, input: &Input<'_>) -> Assessment {
        self.assess(input.text)
    }

    fn version(&self) -> &str {
        &self.version
    }
}

/// What a flag of this `code` means, in words.
pub fn reason(code: &str) -> &'static str {
    match code {
        "all_caps_spam" => "most letters are capitals",
        "offensive_language" => "words that offend",
        "repeated_characters" => "one character many times in a row",
        "repeated_punctuation" => "exclamation or question marks in a row",
        "targeting_behavior" => "words that address the reader",
        _ => "a rule of another version fired",
    }
}
