//! Tags: the words and phrases of a text that the lexicon knows, in order and apart.

use super::{Classes, Lexicon};
use crate::normal::Word;

/// One word or phrase of the lexicon in a text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tag {
    /// Number of its first word.
    pub(crate) first: u32,
    /// One past the number of its last word.
    pub(crate) end: u32,
    pub(crate) classes: Classes,
}

/// Finds the tags of `words`: leftmost, then longest; a phrase has its own classes only. Cost O(words).
pub(crate) fn tag(words: &[Word], lexicon: &Lexicon) -> Vec<Tag> {
    let mut tags = Vec::with_capacity(words.len() / 2);
    let mut at = 0;
    while at < words.len() {
        let word = &words[at];
        let phrase = word.classes.begins_phrase().then(|| {
            // A phrase does not go on over the end of a sentence.
            let inside = words[at..].iter().enumerate().take_while(|(nth, word)| *nth == 0 || !word.opens);
            lexicon.phrase(inside.map(|(_, word)| word.hash))
        });
        let (classes, len) = phrase.flatten().unwrap_or((word.classes.plain(), 1));
        if !classes.is_empty() {
            tags.push(Tag { first: at as u32, end: (at + len) as u32, classes });
        }
        at += len;
    }
    tags
}
