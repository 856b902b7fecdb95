//! Features: what the classifiers see of a text, as hashes.
//!
//! | block | what is in it |
//! |---|---|
//! | words | words, pairs and triples of words, with groups of people and abuse also by class |
//! | characters | every 2 to 5 bytes of the normal form |
//! | classes | which classes of the lexicon stand near which |
//! | look | lengths, shares of kinds of characters, how sentences begin |
//!
//! A feature counts once however often it occurs, so a long text is no louder than a short one. Of a text longer than
//! [`WINDOW_BYTES`] the beginning and the end are read.

use super::stance;
use crate::lexicon::{Classes, Tag};
use crate::normal::{Normal, Word, is_inner};

/// So many bytes of the normal form are read from its beginning,
pub(crate) const WINDOW_BYTES: usize = 8_000;
/// and so many from its end.
pub(crate) const TAIL_BYTES: usize = 2_000;
/// More bytes than are read from any text.
pub(crate) const CHARS_MAX: usize = WINDOW_BYTES + TAIL_BYTES;

/// The blocks, each with a norm and scales of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// Words and n-grams of words.
    Words,
    /// N-grams of characters.
    Chars,
    /// Classes of the lexicon, alone and near each other.
    Classes,
    /// The look of the text.
    Look,
}

impl Block {
    /// How many blocks there are.
    pub const COUNT: usize = 4;
}

/// Calls `visit` with every feature of the text, block by block, and whether it is met for the first time.
///
/// Repetitions are told rather than left out, so that the caller need not branch on them: which n-grams repeat is
/// as good as chance. Cost O(bytes of the window).
pub(crate) fn visit(normal: &Normal<'_>, tags: &[Tag], mut visit: impl FnMut(Block, u64, bool)) {
    let bytes = normal.bytes();
    let mut seen = Seen::with_room(bytes.len().min(WINDOW_BYTES + TAIL_BYTES) * 5);
    let (head, tail) = windows(bytes.len());
    let within = |word: &&Word| word.end as usize <= head || word.start as usize >= tail;
    let symbols = symbols(&normal.words, tags);
    let words: Vec<(u64, u64)> =
        normal.words.iter().zip(symbols).filter(|(word, _)| within(word)).map(|(w, s)| (w.hash, s)).collect();
    visit_words(&words, &mut |hash| visit(Block::Words, hash, seen.first(hash)));
    let mut chars = |hash| visit(Block::Chars, hash, seen.first(hash));
    visit_chars(&bytes[..head], &mut chars);
    visit_chars(&bytes[tail..], &mut chars);
    visit_classes(normal, tags, &mut |kind, a, b| {
        let hash = mix(kind << 48 | a << 24 | b, CLASS);
        visit(Block::Classes, hash, seen.first(hash));
    });
    look(normal, &mut |kind, a, b| {
        let hash = mix(kind << 48 | a << 24 | b, CLASS);
        visit(Block::Look, hash, seen.first(hash));
    });
}

/// Calls `visit` with what one word has by itself: the word, and its longest n-grams with a character on either side.
pub(crate) fn visit_word(normal: &Normal<'_>, word: &Word, mut visit: impl FnMut(Block, u64)) {
    visit(Block::Words, mix(word.hash, WORD));
    let (start, end) = (word.start as usize - 1, (word.end as usize + 1).min(normal.bytes().len()));
    for bytes in normal.bytes()[start..end].windows(GRAM[1]) {
        let window = bytes.iter().fold(0, |window, &byte| window << 8 | u64::from(byte));
        visit(Block::Chars, gram(window, GRAM[1]));
    }
}

/// Where the first window ends and the last one begins.
fn windows(len: usize) -> (usize, usize) {
    if len <= WINDOW_BYTES + TAIL_BYTES { (len, len) } else { (WINDOW_BYTES, len - TAIL_BYTES) }
}

const WORD: u64 = 0xa076_1d64_78bd_642f;
const CHAR: u64 = 0xe703_7ed1_a0b4_28db;
const CLASS: u64 = 0x8ebc_6af0_9c88_c6e3;

/// Mixes all bits of `value` into the upper ones, which choose the place in the table.
#[inline]
fn mix(value: u64, salt: u64) -> u64 {
    (value ^ (value >> 29)).wrapping_mul(salt)
}

/// For every word what stands for it in n-grams: its class if what counts is the kind of word, else its hash.
fn symbols(words: &[Word], tags: &[Tag]) -> Vec<u64> {
    let mut symbols: Vec<u64> = words.iter().map(|word| word.hash).collect();
    for tag in tags {
        if let Some(symbol) = symbol(tag.classes) {
            symbols[tag.first as usize] = symbol;
            // The rest of a phrase repeats nothing: it is part of the one symbol.
            symbols[tag.first as usize + 1..tag.end as usize].fill(0);
        }
    }
    symbols
}

fn symbol(classes: Classes) -> Option<u64> {
    let kinds = [Classes::SLUR, Classes::IDENTITY, Classes::INSULT, Classes::UNPROTECTED];
    kinds
        .into_iter()
        .find(|kind| classes.intersects(*kind))
        .map(|kind| kind.0.trailing_zeros().into())
        .map(|n: u64| n + 1)
}

fn visit_words(words: &[(u64, u64)], visit: &mut impl FnMut(u64)) {
    let mut before = 1_u64;
    for &(word, _) in words {
        visit(mix(word, WORD));
        visit(mix(before ^ word.rotate_left(17), WORD));
        before = word;
    }
    let (mut second, mut third) = (2_u64, 3_u64);
    for &(_, symbol) in words.iter().filter(|(_, symbol)| *symbol != 0) {
        let pair = third ^ symbol.rotate_left(17);
        let triple = second.rotate_left(34) ^ pair;
        visit(mix(pair, !WORD));
        visit(mix(triple, !WORD));
        (second, third) = (third, symbol);
    }
}

/// The shortest and the longest n-gram of characters.
const GRAM: [usize; 2] = [2, 5];

/// Every n-gram from 2 to 5 bytes, out of one rolling window of eight.
fn visit_chars(bytes: &[u8], visit: &mut impl FnMut(u64)) {
    let mut window = 0_u64;
    let mut roll = |byte: u8| {
        window = window << 8 | u64::from(byte);
        window
    };
    let (head, rest) = bytes.split_at(bytes.len().min(GRAM[1] - 1));
    for (at, &byte) in head.iter().enumerate() {
        let window = roll(byte);
        (GRAM[0]..=at + 1).for_each(|len| visit(gram(window, len)));
    }
    for &byte in rest {
        let window = roll(byte);
        visit(gram(window, 2));
        visit(gram(window, 3));
        visit(gram(window, 4));
        visit(gram(window, 5));
    }
}

/// The hash of the last `len` bytes of a window.
#[inline]
fn gram(window: u64, len: usize) -> u64 {
    mix((window & ((1 << (8 * len)) - 1)) ^ LENGTHS[len], CHAR)
}

/// What sets apart n-grams of different lengths with the same bytes.
const LENGTHS: [u64; 6] =
    [0, 0, 0x1d8a_f066_0000_0000, 0x2e7b_1c95_0000_0000, 0x4b36_5d2f_0000_0000, 0x7593_c4e1_0000_0000];

/// Classes nearer than this are a pair.
const NEAR_WORDS: u32 = 4;

fn visit_classes(normal: &Normal<'_>, tags: &[Tag], put: &mut impl FnMut(u64, u64, u64)) {
    let mut counts = [0_u8; Classes::COUNT as usize];
    for (nth, tag) in tags.iter().enumerate() {
        for class in tag.classes.iter() {
            counts[class as usize] = counts[class as usize].saturating_add(1);
            let quoted = is_quoted(normal, tag);
            put(1, class.into(), quoted.into());
            for other in tags[nth + 1..].iter().take_while(|other| other.first < tag.end + NEAR_WORDS) {
                for follows in other.classes.iter() {
                    put(2, class.into(), follows.into());
                }
            }
        }
    }
    stance::visit(&normal.words, tags, put);
    for (class, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        for step in [1, 2, 3, 5, 8].into_iter().filter(|step| count >= *step) {
            put(3, class as u64, step.into());
        }
    }
}

fn is_quoted(normal: &Normal<'_>, tag: &Tag) -> bool {
    let bytes = normal.bytes();
    let (start, end) =
        (normal.words[tag.first as usize].start as usize, normal.words[tag.end as usize - 1].end as usize);
    let is_mark = |byte: u8| matches!(byte, b'"' | b'\'');
    is_mark(bytes[start - 1]) || bytes.get(end).is_some_and(|&byte| is_mark(byte))
}

/// How the text looks: lengths, shares of kinds of characters, links, numbers, how its sentences begin.
fn look(normal: &Normal<'_>, put: &mut impl FnMut(u64, u64, u64)) {
    let shape = &normal.shape;
    let mut steps = |kind: u64, value: f32, bounds: &[f32]| {
        for (nth, _) in bounds.iter().enumerate().filter(|(_, bound)| value >= **bound) {
            put(kind, nth as u64, 0);
        }
    };
    steps(10, shape.chars as f32, &[10., 20., 40., 80., 120., 160., 250., 500., 1000., 2000., 4000.]);
    steps(11, normal.words.len() as f32, &[2., 4., 8., 12., 16., 24., 32., 64., 128., 256.]);
    steps(12, shape.capitals as f32 / shape.letters.max(1) as f32, &[0.01, 0.05, 0.1, 0.2, 0.4, 0.8]);
    steps(13, shape.share(shape.digits), &[0.001, 0.02, 0.05, 0.1, 0.2]);
    steps(14, shape.share(shape.code), &[0.001, 0.01, 0.03, 0.06, 0.1]);
    steps(15, shape.share(shape.wide), &[0.001, 0.05, 0.3, 0.7]);
    steps(16, shape.lines as f32, &[1., 2., 5., 10., 20.]);
    steps(17, shape.marks as f32, &[1., 2., 3., 5., 10.]);
    steps(18, shape.hidden as f32, &[1., 3.]);
    steps(19, normal.disguised.len() as f32, &[1., 2.]);
    for run in digit_runs(normal.bytes()) {
        put(20, run.min(12), 0);
    }
    let openings = normal.words.iter().enumerate().filter(|(_, word)| word.opens);
    for (sentence, (nth, word)) in openings.enumerate() {
        let next = normal.words.get(nth + 1).map_or(0, |word| word.hash & 0xff_ffff);
        let later = u64::from(sentence > 0);
        put(21 + later, word.hash & 0xff_ffff, 0);
        put(23 + later, word.hash & 0xff_ffff, next);
    }
    let bytes = normal.bytes();
    for (kind, sign) in [(25, b'@'), (26, b'#'), (27, b'"'), (28, b'$'), (29, b'%'), (30, b'&'), (31, b'*')] {
        let count = bytes.iter().filter(|&&byte| byte == sign).count();
        for step in [1, 2, 4].into_iter().filter(|step| count >= *step) {
            put(kind, step as u64, 0);
        }
    }
    let last = bytes.iter().rev().find(|&&byte| byte != b' ').copied().unwrap_or(b' ');
    put(32, if is_inner(last) { 1 } else { last.into() }, 0);
    let first = bytes.get(1).copied().unwrap_or(b' ');
    put(33, if is_inner(first) { 1 } else { first.into() }, 0);
}

/// Lengths of the runs of digits, of two and more.
fn digit_runs(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes.split(|byte| !byte.is_ascii_digit()).map(|run| run.len() as u64).filter(|&len| len > 1)
}

/// Which features were seen: a few bits of each hash, so one in some hundred may be taken for another.
struct Seen {
    bits: Vec<u64>,
}

impl Seen {
    fn with_room(features: usize) -> Self {
        let words = (features * 16).next_power_of_two().max(4096) / 64;
        Self { bits: vec![0; words] }
    }

    /// True the first time that `hash` is asked for.
    fn first(&mut self, hash: u64) -> bool {
        let place = (hash >> 30) as usize;
        let mask = self.bits.len() - 1;
        let word = &mut self.bits[(place >> 6) & mask];
        let bit = 1 << (place & 63);
        let fresh = *word & bit == 0;
        *word |= bit;
        fresh
    }
}
