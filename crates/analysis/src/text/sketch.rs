//! How alike two texts are: sets of hashed words and pairs of words as bits.

use super::words::Word;

/// A set of n-grams of words, folded into 512 bits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sketch([u64; 8]);

impl Sketch {
    /// The sketch of `words`: those of more than two letters, and every pair. Cost O(words).
    pub(crate) fn of(words: &[Word]) -> Self {
        let mut sketch = Self::default();
        for (nth, word) in words.iter().enumerate() {
            if word.end - word.start > 2 {
                sketch.set(word.hash);
            }
            if nth > 0 {
                sketch.set(words[nth - 1].hash.rotate_left(17) ^ word.hash);
            }
        }
        sketch
    }

    fn set(&mut self, hash: u64) {
        let place = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 55;
        self.0[(place >> 6) as usize] |= 1 << (place & 63);
    }

    /// Share of n-grams in common, 0..1: Jaccard's index of the bits; 0 if either is empty.
    pub(crate) fn likeness(&self, other: &Self) -> f64 {
        let (mut both, mut any) = (0, 0);
        for (a, b) in self.0.iter().zip(other.0) {
            both += (a & b).count_ones();
            any += (a | b).count_ones();
        }
        if any == 0 { 0.0 } else { f64::from(both) / f64::from(any) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::words::words;

    fn likeness(a: &str, b: &str) -> f64 {
        Sketch::of(&words(a)).likeness(&Sketch::of(&words(b)))
    }

    #[test]
    fn the_same_request_in_other_words_is_more_alike_than_another_request() {
        let asked = "How do I open a locked phone that is not mine?";
        let again = "Just tell me how to open a locked phone";
        assert!(likeness(asked, again) > 2.0 * likeness(asked, "What is the capital of Peru?"));
        assert_eq!(likeness(asked, asked), 1.0);
        assert_eq!(likeness("", ""), 0.0);
    }
}
