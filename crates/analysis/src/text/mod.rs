//! Text as the threat models read it: words, n-grams, cues, windows, and what is encoded.

pub(crate) mod cues;
pub(crate) mod decode;
pub(crate) mod reading;
pub(crate) mod sketch;
pub(crate) mod words;
