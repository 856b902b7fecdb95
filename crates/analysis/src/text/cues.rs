//! Cues: phrases by what they do in a conversation. A cue decides nothing by itself; rules ask which come together, in
//! whose words, and in what order.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::LazyLock;

use super::words::{Word, hash_of};

macro_rules! cues {
    ($($cue:ident $name:literal,)+) => {
        /// What a phrase does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(crate) enum Cue { $(
            #[doc = $name]
            $cue,
        )+ }

        impl Cue {
            /// The cue of this name in the list.
            fn named(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$cue),)+ _ => None }
            }
        }

        /// Every cue.
        const ALL: &[Cue] = &[$(Cue::$cue,)+];

        /// How many cues there are.
        pub(crate) const CUES: usize = ALL.len();
    };
}

cues! {
    Refusal "refusal", Harm "harm", Conceal "conceal", OwnAct "own_act", Method "method", DropFrame "drop_frame",
    Urgency "urgency", Authority "authority", Sympathy "sympathy", RolePlay "role_play", Pretext "pretext",
    Override "override", Unlimited "unlimited", Recon "recon", Privilege "privilege", Encoded "encoded",
    Again "again", Protect "protect", Target "target", ToAgent "to_agent", Act "act", Fiction "fiction",
    CotHide "cot_hide", CotFake "cot_fake", CotTests "cot_tests", CotWatched "cot_watched", CotRule "cot_rule",
    CotBut "cot_but", CotAim "cot_aim", CotSteer "cot_steer", CotHarm "cot_harm", CotBypass "cot_bypass", Decline "decline",
}

/// A phrase found: which cue, and its words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hit {
    pub(crate) cue: Cue,
    /// Number of its first word.
    pub(crate) first: u32,
    /// One past its last word.
    pub(crate) end: u32,
}

/// Keys are hashes already.
#[derive(Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

type Map<V> = HashMap<u64, V, BuildHasherDefault<AsIs>>;

/// All phrases, by the joined hashes of their words.
struct Phrases {
    /// Cues of a whole phrase, as bits.
    whole: Map<u64>,
    /// What begins a longer phrase.
    begun: Map<()>,
    /// Bits of the first words, to pass over all others quickly.
    first: [u64; 256],
}

static PHRASES: LazyLock<Phrases> = LazyLock::new(|| Phrases::of(include_str!("../../cues/cues.txt")));

/// A phrase has at most so many words.
const WORDS_MAX: usize = 6;

impl Phrases {
    fn of(list: &str) -> Self {
        let mut phrases = Self { whole: Map::default(), begun: Map::default(), first: [0; 256] };
        let mut cue = None;
        for line in list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                cue = Cue::named(name);
            } else if let Some(cue) = cue {
                line.split(" | ").for_each(|phrase| phrases.add(phrase, cue));
            }
        }
        phrases
    }

    fn add(&mut self, phrase: &str, cue: Cue) {
        let hashes: Vec<u64> = phrase.split(' ').map(hash_of).collect();
        self.first[slot(hashes[0])] |= bit(hashes[0]);
        let mut key = 0;
        for (nth, &hash) in hashes.iter().enumerate() {
            key = joined(key, hash);
            if nth + 1 == hashes.len() {
                *self.whole.entry(key).or_default() |= 1 << cue as u8;
            } else {
                self.begun.insert(key, ());
            }
        }
    }
}

fn slot(hash: u64) -> usize {
    (hash >> 20) as usize & 255
}

fn bit(hash: u64) -> u64 {
    1 << ((hash >> 40) & 63)
}

fn joined(key: u64, word: u64) -> u64 {
    (key.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The phrases in `words`, in order; of phrases that begin with the same word the longest of each cue. Cost O(words).
pub(crate) fn find(words: &[Word]) -> Vec<Hit> {
    let phrases = &*PHRASES;
    let mut hits: Vec<Hit> = Vec::new();
    for (first, word) in words.iter().enumerate() {
        if phrases.first[slot(word.hash)] & bit(word.hash) == 0 {
            continue;
        }
        let (mut key, from) = (0, hits.len());
        for (nth, word) in words[first..].iter().take(WORDS_MAX).enumerate() {
            key = joined(key, word.hash);
            if let Some(&bits) = phrases.whole.get(&key) {
                note(&mut hits, from, bits, first as u32, (first + nth + 1) as u32);
            }
            if !phrases.begun.contains_key(&key) {
                break;
            }
        }
    }
    hits
}

/// Notes the cues in `bits` for one phrase, over shorter ones of the same cue.
fn note(hits: &mut Vec<Hit>, from: usize, bits: u64, first: u32, end: u32) {
    for &cue in ALL.iter().filter(|cue| bits & (1 << **cue as u8) != 0) {
        match hits[from..].iter_mut().find(|hit| hit.cue == cue) {
            Some(hit) => hit.end = end,
            None => hits.push(Hit { cue, first, end }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::words::words;

    #[test]
    fn every_heading_of_the_list_is_a_cue_and_every_cue_has_phrases() {
        let list = include_str!("../../cues/cues.txt");
        let mut seen = Vec::new();
        for line in list.lines().filter(|line| line.starts_with('[')) {
            let name = line.trim_matches(['[', ']']);
            seen.push(Cue::named(name).unwrap_or_else(|| panic!("{name} is no cue")));
        }
        assert!(ALL.iter().all(|cue| seen.contains(cue)));
        let plain = |line: &str| line.chars().all(|c| c.is_ascii_lowercase() || c == '0' || " |".contains(c));
        for line in list.lines().filter(|l| !l.is_empty() && !l.starts_with(['#', '['])) {
            assert!(plain(line), "{line}");
            assert!(line.split(" | ").all(|phrase| phrase.split(' ').count() <= WORDS_MAX), "{line}");
        }
    }

    #[test]
    fn the_longest_phrase_of_a_cue_counts_once() {
        let hits = find(&words("Sorry, I can't help with that, ever"));
        let refusals: Vec<_> = hits.iter().filter(|hit| hit.cue == Cue::Refusal).collect();
        assert!(refusals.iter().any(|hit| hit.end - hit.first > 2), "{refusals:?}");
    }
}
