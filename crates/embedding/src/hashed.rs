//! An embedder without a model: character n-grams and words, hashed into 256 dimensions.
//!
//! Lexical, not semantic: texts that share spellings are near, texts that share only a meaning are not. Good for
//! near-duplicates of exemplars where no model directory is given.
//!
//! Each feature adds +1 or -1 to one of 256 counters (a word counts twice); a counter `c` becomes
//! `±√|c|`, which dampens what repeats; the vector is scaled to length 1. Counters are integers and the square root
//! is exact to the last bit by IEEE 754, so every machine gives the same vector.
//!
//! Source: Weinberger et al. (2009), Feature Hashing for Large Scale Multitask Learning.

use crate::embedder::{EmbedError, Embedder};
use crate::vector::Vector;

/// Feature hashing of lower-cased text. Stateless.
#[derive(Clone, Copy, Debug, Default)]
pub struct HashedEmbedder;

impl HashedEmbedder {
    /// Length of its vectors.
    pub const DIMS: usize = 256;
    /// Name of these rules.
    pub const VERSION: &'static str = "hashed-1";
    /// Bytes of a text looked at; the rest is cut off.
    pub const TEXT_BYTES_MAX: usize = 16 << 10;

    /// The vector of one text; zeros for a text without a letter, digit or sign. Some 20 ns a character.
    pub fn vector(text: &str) -> Vector {
        let cut = &text[..text.floor_char_boundary(Self::TEXT_BYTES_MAX)];
        let mut counters = [0_i32; Self::DIMS];
        let mut grams = Grams::default();
        let mut word = None;
        for c in cut.chars().flat_map(char::to_lowercase) {
            let in_word = c.is_alphanumeric();
            if !in_word && let Some(word) = word.take() {
                count(&mut counters, word, 2);
            }
            if in_word {
                word = Some(mix(word.unwrap_or(WORD), c));
            }
            grams.push(c, &mut counters);
        }
        if let Some(word) = word {
            count(&mut counters, word, 2);
        }
        grams.push(' ', &mut counters);
        vector_of(&counters)
    }
}

impl Embedder for HashedEmbedder {
    fn dims(&self) -> usize {
        Self::DIMS
    }

    fn version(&self) -> &str {
        Self::VERSION
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vector>, EmbedError> {
        Ok(texts.iter().map(|text| Self::vector(text)).collect())
    }
}

/// Where the hashes of words and of n-grams begin, so that a short word and its letters differ.
const WORD: u64 = 0x9e37_79b9_7f4a_7c15;
const GRAM: u64 = 0xd1b5_4a32_d192_ed03;

/// The last five characters; white space in a row counts as one space, and one stands before the text.
struct Grams {
    last: [char; 5],
    len: usize,
}

impl Default for Grams {
    fn default() -> Self {
        Self { last: [' '; 5], len: 1 }
    }
}

impl Grams {
    /// Adds a character and counts the n-grams of 3 to 5 that end with it.
    fn push(&mut self, c: char, counters: &mut [i32; HashedEmbedder::DIMS]) {
        let c = if c.is_whitespace() { ' ' } else { c };
        if c == ' ' && self.last[4] == ' ' {
            return;
        }
        self.last.rotate_left(1);
        self.last[4] = c;
        self.len = (self.len + 1).min(5);
        let mut hash = GRAM;
        for (length, &c) in (1..=self.len).zip(self.last.iter().rev()) {
            hash = mix(hash, c);
            if length >= 3 {
                count(counters, hash, 1);
            }
        }
    }
}

/// One step of a multiplicative hash over characters.
fn mix(hash: u64, c: char) -> u64 {
    (hash.rotate_left(5) ^ u64::from(c)).wrapping_mul(0xf135_7aea_2e62_a9c5)
}

/// Adds a feature to the counter and with the sign that its hash says.
fn count(counters: &mut [i32; HashedEmbedder::DIMS], hash: u64, weight: i32) {
    let hash = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let sign = if hash >> 63 == 0 { weight } else { -weight };
    counters[(hash >> 40) as usize % HashedEmbedder::DIMS] += sign;
}

/// `±√|c|` of each counter over the root of their sum, which is the vector's length.
fn vector_of(counters: &[i32; HashedEmbedder::DIMS]) -> Vector {
    let total: u32 = counters.iter().map(|counter| counter.unsigned_abs()).sum();
    let value = |&counter: &i32| {
        let share = f64::from(counter.unsigned_abs()) / f64::from(total.max(1));
        (f64::from(counter.signum()) * share.sqrt()) as f32
    };
    Vector::unit(counters.iter().map(value).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cosine(a: &str, b: &str) -> f32 {
        HashedEmbedder::vector(a).cosine(&HashedEmbedder::vector(b))
    }

    #[test]
    fn near_duplicates_are_near_and_other_texts_are_not() {
        let text = "Please send the signed contract to the office before Friday noon.";
        assert!(cosine(text, "please send the signed contract to the office before friday noon!") > 0.9);
        assert!(cosine(text, "Please send the signed contracts to our office by Friday noon.") > 0.6);
        assert!(cosine(text, "The weather on the coast was lovely last week.").abs() < 0.3);
    }

    #[test]
    fn vector_is_the_same_on_every_machine() {
        let vector = HashedEmbedder::vector("Tidegate keeps every event.");
        let bits = vector.iter().fold(0_u64, |hash, value| {
            (hash.rotate_left(7) ^ u64::from(value.to_bits())).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        });
        assert_eq!(bits, PINNED, "{bits:#x}: another vector needs another version");
    }

    const PINNED: u64 = 0x11a9_fdf4_c783_75dd;

    #[test]
    fn text_without_features_gives_zeros() {
        assert!(HashedEmbedder::vector(" \n\t ").iter().all(|&value| value == 0.0));
    }

    #[test]
    fn text_beyond_the_limit_is_cut() {
        let long = "x".repeat(1 << 20);
        assert_eq!(
            HashedEmbedder::vector(&long),
            HashedEmbedder::vector(&long[..HashedEmbedder::TEXT_BYTES_MAX])
        );
    }

    proptest! {
        #[test]
        fn any_text_gives_a_unit_vector_or_zeros(text in any::<String>()) {
            let length = cosine(&text, &text);
            prop_assert!(length == 0.0 || (length - 1.0).abs() < 1e-4, "{length}");
        }

        #[test]
        fn white_space_and_case_do_not_matter(words in prop::collection::vec("[a-z]{1,8}", 1..9)) {
            let one = words.join(" ");
            let other = words.join("\n \t").to_uppercase();
            prop_assert_eq!(HashedEmbedder::vector(&one), HashedEmbedder::vector(&other));
        }
    }
}
