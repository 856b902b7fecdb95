//! The normal form of a text: what rules and classifiers read in place of what was written.
//!
//! Lower case, one kind of space, Latin letters for characters that only look like them, no marks above or below, no
//! invisible characters, and words put back that were written so as to pass a word list (`1d10t`, `i d i o t`, `f*ck`).
//! Every byte of the normal form knows the character of the original it came from.
//!
//! - **N1** a span of the normal form maps to a span of the original on character boundaries.
//! - **N2** the normal form is at most three times as long as the original, and is made in one pass.
//!
//! Source: Unicode Standard Annex 15 (NFKD), Unicode Technical Standard 39 (confusables).

mod disguise;
mod fold;
mod shape;
mod words;

use tidegate_domain::assessment::Span;

pub(crate) use fold::fold_word;
pub(crate) use shape::Shape;
pub(crate) use words::{Word, hash, is_inner};

use crate::lexicon::Lexicon;

/// A text in normal form.
#[derive(Debug, Default)]
pub(crate) struct Normal<'t> {
    original: &'t str,
    /// The normal form: begins and ends with a space.
    bytes: Vec<u8>,
    /// For each byte, where its character begins in the original.
    origin: Vec<u32>,
    /// The words, in order.
    pub(crate) words: Vec<Word>,
    /// Places, in the original, of words that were written in disguise.
    pub(crate) disguised: Vec<Span>,
    /// Counts of characters, as written.
    pub(crate) shape: Shape,
}

impl<'t> Normal<'t> {
    /// Brings `text` into normal form and looks its words up in `lexicon`.
    ///
    /// - `text`: any UTF-8; characters past [`Self::BYTES_MAX`] bytes are not read.
    /// - Cost O(bytes).
    pub(crate) fn of(text: &'t str, lexicon: &Lexicon) -> Self {
        let original = &text[..text.floor_char_boundary(Self::BYTES_MAX)];
        let mut normal = Self { original, ..Self::default() };
        let suspicious = fold::fold(original, &mut normal);
        if suspicious {
            disguise::lift(&mut normal, lexicon);
        }
        normal.words = words::split(&normal.bytes, lexicon);
        normal
    }

    /// Longer texts are screened up to here, so that offsets fit their type.
    pub(crate) const BYTES_MAX: usize = 16 << 20;

    /// The normal form, with a space at either end.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The text as written.
    pub(crate) fn original(&self) -> &'t str {
        self.original
    }

    /// The place in the original of the bytes `start..end` of the normal form; law N1.
    pub(crate) fn span(&self, start: usize, end: usize) -> Span {
        let last = self.origin[end - 1] as usize;
        let width = self.original[last..].chars().next().map_or(0, char::len_utf8);
        Span { start: self.origin[start] as usize, end: last + width }
    }

    /// The place of a word in the original.
    pub(crate) fn span_of(&self, word: &Word) -> Span {
        self.span(word.start as usize, word.end as usize)
    }

    fn push(&mut self, byte: u8, at: u32) {
        self.bytes.push(byte);
        self.origin.push(at);
    }
}

#[cfg(test)]
mod tests;
