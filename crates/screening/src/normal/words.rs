//! Words of the normal form, each with its hash and what the lexicon says of it.

use crate::lexicon::{Classes, Lexicon};

/// A word: letters, digits and inner apostrophes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word {
    /// First byte in the normal form.
    pub(crate) start: u32,
    /// One past the last byte.
    pub(crate) end: u32,
    pub(crate) hash: u64,
    /// What the lexicon says of the word, phrases that begin with it aside.
    pub(crate) classes: Classes,
    /// A sentence ends between the word before and this one.
    pub(crate) opens: bool,
}

/// Whether `byte` is part of a word: a letter, a digit, or part of a character outside ASCII.
pub(crate) fn is_inner(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

/// Splits `bytes`, a normal form, into words. Cost O(bytes).
pub(super) fn split(bytes: &[u8], lexicon: &Lexicon) -> Vec<Word> {
    let mut words = Vec::with_capacity(bytes.len() / 5);
    let (mut at, mut opens) = (0, true);
    while at < bytes.len() {
        let byte = bytes[at];
        if !is_inner(byte) {
            opens |= matches!(byte, b'.' | b'!' | b'?' | b';' | b':');
            at += 1;
            continue;
        }
        let start = at;
        while is_inner(bytes[at]) || bytes[at] == b'\'' && is_inner(bytes[at + 1]) {
            at += 1;
        }
        let hash = hash(&bytes[start..at]);
        let classes = lexicon.word(hash, &bytes[start..at]);
        words.push(Word { start: start as u32, end: at as u32, hash, classes, opens });
        opens = false;
    }
    words
}

/// FNV-1a, finished so that every bit counts. Apostrophes do not count: `dont` is `don't`.
pub(crate) fn hash(word: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for &byte in word.iter().filter(|&&byte| byte != b'\'') {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash ^ (hash >> 29)
}
