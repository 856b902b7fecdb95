//! A first look for words: places where two bytes fit the beginning of some word of the lexicon.
//!
//! It runs over every byte of every text, so it is two table look-ups and no branch; about one place in fifty
//! of ordinary prose passes. It may pass a place where no word begins, never miss one where a word does.

use crate::{
    lexicon::{FOREIGN, fold},
    trie::Trie,
};

/// Which bytes may begin a word, and which may follow them.
#[derive(Clone, Debug)]
pub(crate) struct Openings {
    /// By first byte of a word: the second bytes, as bits of [`AFTER`].
    after: [u32; 256],
}

/// All bits, but none after an ASCII letter or digit: there the word would be part of a longer token.
static BEFORE: [u32; 256] = {
    let mut table = [u32::MAX; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = if (byte as u8).is_ascii_alphanumeric() { 0 } else { u32::MAX };
        byte += 1;
    }
    table
};

/// One bit for a letter in either case, shared with other ASCII; what is not ASCII may be any letter.
static AFTER: [u32; 256] = {
    let mut table = [u32::MAX; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = 1 << (byte & 31);
        byte += 1;
    }
    table
};

impl Openings {
    /// The openings of every word in `trie`.
    pub(crate) fn of(trie: &Trie) -> Self {
        let mut after = [0; 256];
        for (first, second) in trie.openings() {
            // A second character that is no plain letter may be written in several ways: take any.
            let letter = second.and_then(|c| u8::try_from(c).ok()).filter(u8::is_ascii_alphabetic);
            let bits = letter.map_or(u32::MAX, |byte| AFTER[usize::from(byte)]);
            for byte in first_bytes(first) {
                after[usize::from(byte)] |= bits;
            }
        }
        Self { after }
    }

    /// The places in `text` where a word may begin, each on a character boundary.
    pub(crate) fn within(&self, text: &str) -> impl Iterator<Item = usize> {
        let bytes = text.as_bytes();
        let mut before = u32::MAX;
        let fits = move |&(at, &byte): &(usize, &u8)| {
            let after = bytes.get(at + 1).map_or(u32::MAX, |&next| AFTER[usize::from(next)]);
            let fits = before & self.after[usize::from(byte)] & after != 0;
            before = BEFORE[usize::from(byte)];
            fits
        };
        bytes.iter().enumerate().filter(fits).map(|(at, _)| at)
    }
}

/// The bytes with which a character may begin that folds to `first`.
fn first_bytes(first: char) -> impl Iterator<Item = u8> {
    let ascii = (0..128).filter(move |&byte| fold(char::from(byte)) == first);
    let foreign = FOREIGN.into_iter().filter(move |&c| fold(c) == first);
    let leads = foreign.map(|c| c.encode_utf8(&mut [0; 4]).as_bytes()[0]);
    let any_lead = if first.is_ascii() { 0..0 } else { 0xc2..0xf5 };
    ascii.chain(leads).chain(any_lead)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Lexicon;

    fn openings(words: &[&str]) -> Openings {
        let offensive = words.iter().map(|&word| word.to_owned()).collect();
        Openings::of(&Trie::new(&Lexicon { offensive, targeting: Vec::new() }))
    }

    #[test]
    fn every_way_to_write_a_word_passes() {
        let openings = openings(&["kick", "it", "x", "'tis", "été", "a b"]);
        for text in ["kick", "KICK", "\u{212a}i", "kİck", "İT", "x", "X", "’tis", "`T", "ÉT", "a\u{2003}b"]
        {
            assert_eq!(openings.within(text).next(), Some(0), "{text}");
        }
    }

    #[test]
    fn prose_passes_rarely() {
        let prose =
            "Thanks for the notes from Tuesday. I’ve moved the review to Thursday at ten. Does that work?";
        let openings = Openings::of(&Trie::new(&Lexicon::default()));
        let passed = openings.within(prose).filter_map(|at| prose[at..].split(' ').next());
        assert_eq!(passed.collect::<Vec<_>>(), ["for", "I’ve", "ten."]);
    }
}
