//! Words of a text, and the hashed n-grams that the heads read.
//!
//! A word is a run of letters and digits, in lower case, apostrophes left out, every digit read as `0`: `Don't` is `dont`.
//! Each word brings its own n-grams (itself, its pair with the word before, its pair with the one before that), so what a
//! stretch of words says is the sum over its words, and a window slides in one step.

/// Number of places of the heads' table.
pub const BUCKETS: usize = 1 << 17;

/// A word: where it stands, and its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// Hash of the word in lower case.
    pub hash: u64,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// A sentence, a line or a value begins with it.
    pub opens: bool,
}

/// Longer texts are read at both ends: so many bytes of each.
pub(crate) const END_BYTES: usize = 6_000;

/// The stretches of a text that are read: all of it, or its two ends. Cost O(1).
pub(crate) fn ends(text: &str) -> [(usize, &str); 2] {
    if text.len() <= 2 * END_BYTES {
        return [(0, text), (text.len(), "")];
    }
    let head = text.floor_char_boundary(END_BYTES);
    let tail = text.ceil_char_boundary(text.len() - END_BYTES);
    [(0, &text[..head]), (tail, &text[tail..])]
}

/// The words of `text`, or of its two ends if it is long. Cost O(bytes read).
pub fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::with_capacity(text.len().min(2 * END_BYTES) / 6 + 1);
    for (offset, piece) in ends(text) {
        split(piece, offset, &mut words);
    }
    words
}

fn split(text: &str, offset: usize, words: &mut Vec<Word>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut opens = true;
    let mut open: Option<Word> = None;
    while at < bytes.len() {
        let byte = bytes[at];
        let (letter, width) = if byte.is_ascii() { (fold(byte), 1) } else { wide(text, at) };
        match letter {
            Letter::Inner(folded) => {
                let word = open.get_or_insert(Word {
                    hash: SEED,
                    start: (offset + at) as u32,
                    end: 0,
                    opens: std::mem::take(&mut opens),
                });
                word.hash = step(word.hash, folded);
            }
            Letter::Silent if open.is_some() => {}
            other => {
                if let Some(word) = open.take() {
                    words.push(Word { end: (offset + at) as u32, ..word });
                }
                opens |= matches!(other, Letter::Stop);
            }
        }
        at += width;
    }
    if let Some(word) = open {
        words.push(Word { end: (offset + text.len()) as u32, ..word });
    }
}

enum Letter {
    /// Part of a word.
    Inner(u32),
    /// An apostrophe: no letter, and no end of a word.
    Silent,
    /// Ends a word.
    Gap,
    /// Ends a word and a sentence.
    Stop,
}

fn fold(byte: u8) -> Letter {
    match byte {
        b'a'..=b'z' => Letter::Inner(byte.into()),
        b'A'..=b'Z' => Letter::Inner((byte | 0x20).into()),
        b'0'..=b'9' => Letter::Inner(b'0'.into()),
        b'\'' => Letter::Silent,
        b'.' | b'!' | b'?' | b'\n' | b':' | b';' | b'"' | b'>' | b'|' | b'[' | b'{' | b'(' | b'-' | b'*' => {
            Letter::Stop
        }
        _ => Letter::Gap,
    }
}

/// A character that is not ASCII, and its width in bytes.
fn wide(text: &str, at: usize) -> (Letter, usize) {
    let Some(character) = text[at..].chars().next() else { return (Letter::Gap, 1) };
    let letter = match character {
        '\u{2019}'
        | '\u{2018}'
        | '\u{200b}'..='\u{200d}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}' => Letter::Silent,
        '\u{2026}' | '\u{2014}' | '\u{201c}' | '\u{201d}' => Letter::Stop,
        other if other.is_alphanumeric() => {
            Letter::Inner(other.to_lowercase().next().map_or(other as u32, |lower| lower as u32))
        }
        _ => Letter::Gap,
    };
    (letter, character.len_utf8())
}

const SEED: u64 = 0xcbf2_9ce4_8422_2325;

#[inline]
fn step(hash: u64, folded: u32) -> u64 {
    (hash ^ u64::from(folded)).wrapping_mul(0x0100_0000_01b3)
}

/// The hash of a word written in lower case without apostrophes.
pub(crate) fn hash_of(word: &str) -> u64 {
    word.chars().fold(SEED, |hash, letter| step(hash, letter as u32))
}

const PAIR: u64 = 0x9e37_79b9_7f4a_7c15;
const SKIP: u64 = 0xa076_1d64_78bd_642f;

#[inline]
fn bucket(hash: u64) -> u32 {
    ((hash ^ (hash >> 31)).wrapping_mul(0xd6e8_feb8_6659_fd93) >> (64 - BUCKETS.trailing_zeros())) as u32
}

/// Calls `visit` with the place of every n-gram that word `nth` brings. Cost O(1).
pub fn grams(words: &[Word], nth: usize, mut visit: impl FnMut(u32)) {
    let word = words[nth];
    visit(bucket(word.hash));
    if nth >= 1 {
        visit(bucket(words[nth - 1].hash.rotate_left(21).wrapping_mul(PAIR) ^ word.hash));
    }
    if nth >= 2 {
        visit(bucket(words[nth - 2].hash.rotate_left(21).wrapping_mul(SKIP) ^ word.hash));
    }
}

const CHARS: u64 = 0xe703_7ed1_a0b4_28db;
/// Of longer words so many letters are read.
const LETTERS_MAX: usize = 24;

/// Calls `visit` with the place of every run of four letters of a word, its ends included. Cost O(bytes of the word).
pub fn letters(text: &str, word: &Word, mut visit: impl FnMut(u32)) {
    let bytes = &text.as_bytes()[word.start as usize..word.end as usize];
    let mut window = u32::from(b' ');
    let letters = bytes.iter().take(LETTERS_MAX).map(|byte| byte | 0x20);
    for (seen, letter) in letters.chain([b' ']).enumerate() {
        window = window << 8 | u32::from(letter);
        if seen >= 2 {
            visit(bucket(u64::from(window).wrapping_mul(CHARS)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        words(text).iter().map(|word| &text[word.start as usize..word.end as usize]).collect()
    }

    #[test]
    fn words_are_runs_of_letters_and_know_where_they_stand() {
        assert_eq!(texts("Don't stop: go-on, café №5."), ["Don't", "stop", "go", "on", "café", "5"]);
        assert_eq!(words("DON’T")[0].hash, hash_of("dont"));
        assert_eq!(words("7")[0].hash, hash_of("0"));
        assert_eq!(
            words("go on. Then stop").iter().map(|w| w.opens).collect::<Vec<_>>(),
            [true, false, true, false]
        );
    }

    #[test]
    fn a_long_text_is_read_at_both_ends() {
        let text = format!("first {} last", "é".repeat(50_000));
        let read = words(&text);
        assert_eq!(&text[read[0].start as usize..read[0].end as usize], "first");
        let last = read[read.len() - 1];
        assert_eq!(&text[last.start as usize..last.end as usize], "last");
    }
}
