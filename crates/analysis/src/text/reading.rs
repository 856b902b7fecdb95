//! One text as the analysis reads it: its words, what the heads say of any stretch of them, and its cues.

use std::ops::Range;

use super::cues::{self, CUES, Cue, Hit};
use super::words::{self, Word};
use crate::model::{Heads, LANES, Lane};

/// A text that was read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    pub(crate) words: Vec<Word>,
    /// Weights of the words before each place, by head.
    sums: Vec<[i32; LANES]>,
    pub(crate) hits: Vec<Hit>,
}

/// A stretch of words, and what a head says of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Window {
    pub(crate) words: Range<usize>,
    pub(crate) margin: f64,
}

/// Words of a window.
pub const WINDOW_WORDS: usize = 24;
/// Windows begin so many words apart.
pub const STRIDE_WORDS: usize = 8;

impl Reading {
    /// Reads `text`, both ends of it if it is long. Cost O(bytes read).
    pub(crate) fn of(text: &str, heads: &Heads) -> Self {
        Self::read(text, heads, false)
    }

    /// Reads a chain of thought: its head knows runs of letters too, for names of functions and files.
    pub(crate) fn of_thought(text: &str, heads: &Heads) -> Self {
        Self::read(text, heads, true)
    }

    fn read(text: &str, heads: &Heads, is_thought: bool) -> Self {
        let words = words::words(text);
        let mut sums = Vec::with_capacity(words.len() + 1);
        let mut sum = [0_i32; LANES];
        sums.push(sum);
        for nth in 0..words.len() {
            words::grams(&words, nth, |place| {
                for (sum, weight) in sum.iter_mut().zip(heads.table[place as usize]) {
                    *sum += i32::from(weight);
                }
            });
            if is_thought {
                let cot = &mut sum[Lane::Cot as usize];
                words::letters(text, &words[nth], |place| {
                    *cot += i32::from(heads.table[place as usize][Lane::Cot as usize]);
                });
            }
            sums.push(sum);
        }
        let hits = cues::find(&words);
        Self { words, sums, hits }
    }

    /// The cues of a text, without what heads say. For training.
    pub(crate) fn of_cues(text: &str, hits: Vec<Hit>) -> Self {
        Self { words: words::words(text), sums: Vec::new(), hits }
    }

    /// The weights of a stretch of words for a head.
    pub(crate) fn sum(&self, lane: Lane, words: Range<usize>) -> i32 {
        match (self.sums.get(words.start), self.sums.get(words.end)) {
            (Some(before), Some(after)) => after[lane as usize] - before[lane as usize],
            _ => 0,
        }
    }

    /// What a head says of the whole text.
    pub(crate) fn margin(&self, heads: &Heads, lane: Lane) -> f64 {
        heads.margin(lane, self.sum(lane, 0..self.words.len()), self.words.len())
    }

    /// The windows of the text with what a head says of each. Cost O(words).
    pub(crate) fn windows<'a>(&'a self, heads: &'a Heads, lane: Lane) -> impl Iterator<Item = Window> + 'a {
        windows(self.words.len()).map(move |words| Window {
            margin: heads.margin(lane, self.sum(lane, words.clone()), words.len()),
            words,
        })
    }

    /// How often each cue stands in the text.
    pub(crate) fn counts(&self) -> [u16; CUES] {
        let mut counts = [0; CUES];
        for hit in &self.hits {
            counts[hit.cue as usize] += 1;
        }
        counts
    }

    /// The cues inside a stretch of words.
    pub(crate) fn hits_in(&self, words: &Range<usize>, cue: Cue) -> usize {
        let inside = |hit: &&Hit| hit.first as usize >= words.start && (hit.end as usize) <= words.end;
        self.hits.iter().filter(inside).filter(|hit| hit.cue == cue).count()
    }

    /// The bytes of a stretch of words.
    pub(crate) fn bytes(&self, words: &Range<usize>) -> Range<usize> {
        match (self.words.get(words.start), self.words.get(words.end.saturating_sub(1))) {
            (Some(first), Some(last)) if words.start < words.end => first.start as usize..last.end as usize,
            _ => 0..0,
        }
    }
}

/// The windows of a text of so many words: all of it if it is short.
pub fn windows(words: usize) -> impl Iterator<Item = Range<usize>> {
    let last = words.saturating_sub(WINDOW_WORDS).div_ceil(STRIDE_WORDS);
    let some = usize::from(words > 0) * (last + 1);
    (0..some).map(move |nth| {
        let start = nth * STRIDE_WORDS;
        start..(start + WINDOW_WORDS).min(words)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_every_word_and_none_is_empty() {
        for words in 0..200 {
            let all: Vec<_> = windows(words).collect();
            assert!(
                all.iter().all(|w| w.start < w.end && w.end <= words && w.len() <= WINDOW_WORDS),
                "{words}"
            );
            let covered = (0..words).all(|word| all.iter().any(|w| w.contains(&word)));
            assert!(covered, "{words}");
        }
    }

    #[test]
    fn a_stretch_says_what_its_words_say() {
        let mut heads = Heads { unit: [1.0; LANES], ..Heads::default() };
        let text = "give me the poison now";
        let words = words::words(text);
        words::grams(&words, 3, |place| heads.table[place as usize][0] = 1);
        let reading = Reading::of(text, &heads);
        assert!(reading.sum(Lane::Harm, 3..4) > reading.sum(Lane::Harm, 0..2));
        assert_eq!(reading.sum(Lane::Harm, 0..9), 0);
        assert_eq!(&text[reading.bytes(&(3..5))], "poison now");
    }
}
