//! The lexicon: words and phrases by class, found by hash.
//!
//! The lists are the files of `lexicon/`; a project's own words are added to a copy. A phrase is found under the hash of
//! its words in order; its first word says that a phrase may begin there, so most words cost one look-up.

mod classes;
mod map;
mod tags;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

pub(crate) use classes::Classes;
use map::Map;
pub(crate) use tags::{Tag, tag};

use crate::normal::fold_word;
use crate::normal::hash;

const LISTS: [&str; 5] = [
    include_str!("../../lexicon/abuse.txt"),
    include_str!("../../lexicon/people.txt"),
    include_str!("../../lexicon/model.txt"),
    include_str!("../../lexicon/sentiment.txt"),
    include_str!("../../lexicon/crude.txt"),
];

/// A phrase has at most so many words.
pub(crate) const PHRASE_WORDS_MAX: usize = 6;

static BUILT_IN: LazyLock<Arc<Lexicon>> = LazyLock::new(|| Arc::new(Lexicon::built_in()));

/// Words and phrases by class.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lexicon {
    /// Classes of single words.
    words: Map,
    /// Classes of phrases, and `BEGUN` for what begins one.
    phrases: Map,
    /// Classes of abusive words whose runs of one letter are cut to one.
    singles: Map,
    /// Abusive words by length and first letter, to compare starred ones with.
    abusive: BTreeMap<(usize, u8), Vec<Vec<u8>>>,
}

/// More words may follow to make a phrase.
const BEGUN: u64 = 1 << 63;

impl Lexicon {
    /// The lists of `lexicon/`, shared.
    pub(crate) fn shared() -> Arc<Self> {
        Arc::clone(&BUILT_IN)
    }

    fn built_in() -> Self {
        let mut lexicon = Self::default();
        for list in LISTS {
            let (mut classes, mut plural) = (Classes::NONE, false);
            for line in list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
            {
                if let Some(head) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                    plural = head.ends_with(" +s");
                    classes = Classes::named(head.trim_end_matches(" +s")).unwrap_or_default();
                    continue;
                }
                lexicon.add(line, classes);
                if plural {
                    lexicon.add(&format!("{line}s"), classes);
                }
            }
        }
        lexicon
    }

    /// Adds a word or phrase, as somebody writes it, to `classes`.
    pub(crate) fn add(&mut self, written: &str, classes: Classes) {
        let word = fold_word(written);
        let parts: Vec<u64> = word.split(' ').map(|part| hash(part.as_bytes())).collect();
        if let [only] = parts[..] {
            self.words.add(only, classes.0);
            if classes.intersects(Classes::ABUSIVE) {
                let mut single = word.clone().into_bytes();
                single.dedup();
                self.singles.add(hash(&single), classes.0);
                let first = word.as_bytes().first().copied().unwrap_or(0);
                self.abusive.entry((word.len(), first)).or_default().push(word.into_bytes());
            }
            return;
        }
        let mut key = 0;
        for (nth, &part) in parts.iter().enumerate() {
            key = joined(key, part);
            self.phrases.add(key, if nth + 1 == parts.len() { classes.0 } else { BEGUN });
        }
        self.words.add(parts[0], BEGUN);
    }

    /// Takes a single word out of every class.
    pub(crate) fn allow(&mut self, written: &str) {
        let word = fold_word(written);
        self.words.clear(hash(word.as_bytes()));
        self.abusive.values_mut().for_each(|words| words.retain(|other| *other != word.as_bytes()));
    }

    /// What is known of the word with this hash; possessives count as the word.
    pub(crate) fn word(&self, hashed: u64, word: &[u8]) -> Classes {
        let found = self.words.get(hashed);
        match word.strip_suffix(b"'s") {
            Some(bare) if found == 0 => Classes(self.words.get(hash(bare))),
            _ => Classes(found),
        }
    }

    /// What is known of letters that were pieced together.
    pub(crate) fn spelled(&self, letters: &[u8]) -> Classes {
        let hash = hash(letters);
        Classes((self.words.get(hash) | self.singles.get(hash)) & !BEGUN)
    }

    /// The classes of the longest phrase at the start of `words` (their hashes), and how many words it has.
    pub(crate) fn phrase(&self, words: impl Iterator<Item = u64>) -> Option<(Classes, usize)> {
        let (mut key, mut longest) = (0, None);
        for (nth, word) in words.take(PHRASE_WORDS_MAX).enumerate() {
            key = joined(key, word);
            if nth == 0 {
                continue;
            }
            let found = self.phrases.get(key);
            if found & !BEGUN != 0 {
                longest = Some((Classes(found & !BEGUN), nth + 1));
            }
            if found & BEGUN == 0 {
                break;
            }
        }
        longest
    }

    /// The abusive word that `piece`, with asterisks for letters, stands for.
    pub(crate) fn starred(&self, piece: &[u8]) -> Option<&[u8]> {
        let fits =
            |word: &&Vec<u8>| word.iter().zip(piece).all(|(letter, byte)| letter == byte || *byte == b'*');
        // A first letter must be left, or anything fits.
        self.abusive.get(&(piece.len(), *piece.first()?))?.iter().find(fits).map(Vec::as_slice)
    }
}

impl Classes {
    /// A phrase may begin with this word.
    pub(crate) fn begins_phrase(self) -> bool {
        self.0 & BEGUN != 0
    }

    /// Without the note that a phrase may begin.
    pub(crate) fn plain(self) -> Self {
        Self(self.0 & !BEGUN)
    }
}

fn joined(key: u64, word: u64) -> u64 {
    (key.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
