//! The lexicon: which words offend, which address the reader, and how words are compared.
//!
//! A word is compared *folded*: lower case, one kind of apostrophe, any run of white space as one space.
//! A word of the list may be a phrase ("you are"). Spelling tricks (`1d10t`, spaced letters, plurals that are
//! not listed) are out of reach of `lexical-1`.

use std::fmt;

/// The words of a screener. Letter case, order and repetitions do not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lexicon {
    /// Insults and words of contempt.
    pub offensive: Vec<String>,
    /// Words that address the reader.
    pub targeting: Vec<String>,
}

impl Lexicon {
    /// Most words in one list.
    pub const WORDS_MAX: usize = 10_000;
    /// Most characters in one word; bounds the work at each token of a text.
    pub const WORD_CHARS_MAX: usize = 64;

    const OFFENSIVE: [&str; 11] = [
        "trash", "terrible", "awful", "stupid", "idiot", "fool", "bad", "hate", "despise", "pathetic",
        "loser",
    ];
    const TARGETING: [&str; 5] = ["you are", "you're", "your", "you all", "y'all"];

    /// Checks the limits that every lexicon keeps.
    pub(crate) fn check(&self) -> Result<(), LexiconError> {
        for (list, words) in [("offensive", &self.offensive), ("targeting", &self.targeting)] {
            if words.len() > Self::WORDS_MAX {
                return Err(LexiconError::TooManyWords { list, count: words.len() });
            }
            for (index, word) in words.iter().enumerate() {
                match fold_word(word).count() {
                    0 => return Err(LexiconError::EmptyWord { list, index }),
                    chars if chars > Self::WORD_CHARS_MAX => {
                        return Err(LexiconError::WordTooLong { list, index, chars });
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// FNV-1a over the folded words: equal for lexicons that match the same texts, on every machine.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for words in [&self.offensive, &self.targeting] {
            let mut words: Vec<String> = words.iter().map(|word| fold_word(word).collect()).collect();
            words.sort_unstable();
            words.dedup();
            for byte in words.iter().flat_map(|word| word.bytes().chain([0])).chain([1]) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        hash
    }
}

impl Default for Lexicon {
    /// The words of seed 002.
    fn default() -> Self {
        Self {
            offensive: Self::OFFENSIVE.map(str::to_owned).to_vec(),
            targeting: Self::TARGETING.map(str::to_owned).to_vec(),
        }
    }
}

/// Why a lexicon is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LexiconError {
    /// A word is nothing but white space and underscores.
    EmptyWord {
        /// `offensive` or `targeting`.
        list: &'static str,
        /// Its place in the list, from 0.
        index: usize,
    },
    /// A word is longer than [`Lexicon::WORD_CHARS_MAX`].
    WordTooLong {
        /// `offensive` or `targeting`.
        list: &'static str,
        /// Its place in the list, from 0.
        index: usize,
        /// Its length.
        chars: usize,
    },
    /// A list is longer than [`Lexicon::WORDS_MAX`].
    TooManyWords {
        /// `offensive` or `targeting`.
        list: &'static str,
        /// Its length.
        count: usize,
    },
}

impl fmt::Display for LexiconError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyWord { list, index } => write!(f, "{list} word {index} is empty"),
            Self::WordTooLong { list, index, chars } => {
                write!(f, "{list} word {index} has {chars} characters, at most {}", Lexicon::WORD_CHARS_MAX)
            }
            Self::TooManyWords { list, count } => {
                write!(f, "{count} {list} words, at most {}", Lexicon::WORDS_MAX)
            }
        }
    }
}

impl std::error::Error for LexiconError {}

/// One character as it is compared.
///
/// One to one, so positions survive: `İ` is the only character with a longer lower case, and its `i` is kept.
pub(crate) fn fold(c: char) -> char {
    match c {
        '`' | '´' | '‘' | '’' | '＇' => '\'',
        c if c.is_whitespace() => ' ',
        c if c.is_ascii() => c.to_ascii_lowercase(),
        c => c.to_lowercase().next().unwrap_or(c),
    }
}

/// The characters outside ASCII, white space aside, that fold into ASCII.
pub(crate) const FOREIGN: [char; 6] = ['´', '‘', '’', '＇', 'İ', '\u{212a}'];

/// A word of a list as it is compared. Underscores around it are dropped, as those around a token are.
pub(crate) fn fold_word(word: &str) -> impl Iterator<Item = char> {
    let parts = word.trim_matches(|c: char| c == '_' || c.is_whitespace()).split_whitespace().enumerate();
    parts.flat_map(|(nth, part)| (nth > 0).then_some(' ').into_iter().chain(part.chars().map(fold)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offensive(words: &[&str]) -> Lexicon {
        Lexicon { offensive: words.iter().map(|&word| word.to_owned()).collect(), targeting: Vec::new() }
    }

    #[test]
    fn built_in_lexicon_keeps_its_own_limits() {
        assert_eq!(Lexicon::default().check(), Ok(()));
    }

    #[test]
    fn empty_word_is_refused_with_its_place() {
        let err = offensive(&["bad", " _\u{a0}"]).check().unwrap_err();
        assert_eq!(err, LexiconError::EmptyWord { list: "offensive", index: 1 });
        assert_eq!(err.to_string(), "offensive word 1 is empty");
    }

    #[test]
    fn long_word_and_long_list_are_refused() {
        let err = offensive(&[&"x".repeat(65)]).check().unwrap_err();
        assert_eq!(err.to_string(), "offensive word 0 has 65 characters, at most 64");
        let err = offensive(&vec!["bad"; 10_001]).check().unwrap_err();
        assert_eq!(err.to_string(), "10001 offensive words, at most 10000");
    }

    #[test]
    fn folding_ignores_case_apostrophe_shape_and_white_space_runs() {
        assert_eq!(fold_word(" You\u{a0} \n ARE ").collect::<String>(), "you are");
        assert_eq!(fold_word("Y’ALL").collect::<String>(), "y'all");
        assert_eq!(fold_word("ÄRGER İ").collect::<String>(), "ärger i");
    }

    #[test]
    fn foreign_characters_are_all_that_fold_into_ascii() {
        let folds = |&c: &char| fold(c).is_ascii() && !c.is_whitespace();
        let mut foreign = FOREIGN;
        foreign.sort_unstable();
        assert!(('\u{80}'..=char::MAX).filter(folds).eq(foreign));
    }

    #[test]
    fn fingerprint_ignores_order_case_and_repetition_but_not_the_list() {
        let own = offensive(&["bad", "Fool"]).fingerprint();
        assert_eq!(own, offensive(&["fool", "BAD", "bad"]).fingerprint());
        let other_list = Lexicon { offensive: Vec::new(), targeting: vec!["bad".into(), "fool".into()] };
        assert_ne!(own, other_list.fingerprint());
        assert_ne!(own, offensive(&["badfool"]).fingerprint());
    }
}
