//! Disguises: words written so that a list of words does not find them.
//!
//! Letters set apart (`i d i o t`), letters replaced by digits and signs (`1d10t`, `$hit`), letters starred out
//! (`f*ck`) and drawn out (`idiooot`). A piece of text is rewritten only if the rewritten word is one that the lexicon
//! lists as abusive or as a group of people, so `2nd`, `B-2 b` and `a * b` stay as they are; drawn-out letters are always cut to two.

use tidegate_domain::assessment::Span;

use super::Normal;
use crate::lexicon::{Classes, Lexicon};

/// Longer pieces are no words.
const PIECE_MAX: usize = 24;
/// So many letters in a row, each set apart, are a word.
const APART_MIN: usize = 3;

/// Rewrites the disguised words of `normal`. Cost O(bytes).
pub(super) fn lift(normal: &mut Normal<'_>, lexicon: &Lexicon) {
    let bytes = std::mem::take(&mut normal.bytes);
    let origin = std::mem::take(&mut normal.origin);
    let mut at = 0;
    while at < bytes.len() {
        let end =
            at + bytes[at..].iter().skip(1).position(|&b| b == b' ').map_or(bytes.len() - at, |n| n + 1);
        // A piece is a space and the bytes up to the next one.
        let apart = letters_apart(&bytes, at);
        let lifted = apart
            .and_then(|(letters, end)| named(&letters, lexicon).map(|word| (word, end)))
            .or_else(|| rewritten(&bytes[at + 1..end], lexicon).map(|word| (word, end)));
        if let Some((word, end)) = lifted {
            put(normal, &word, &origin[at..end]);
            at = end;
        } else {
            copy_shortened(normal, &bytes[at..end], &origin[at..end]);
            at = end;
        }
    }
    if normal.bytes.last() != Some(&b' ') {
        normal.push(b' ', origin.last().copied().unwrap_or(0));
    }
}

/// Puts `word` in place of the piece whose origins are `origin`, its space first.
fn put(normal: &mut Normal<'_>, word: &[u8], origin: &[u32]) {
    normal.push(b' ', origin[0]);
    let letters = &origin[1..];
    let start = normal.bytes.len();
    for (nth, &byte) in word.iter().enumerate() {
        // The last byte of the word stands for the last of the piece, so that the span covers all of it.
        let place = if nth + 1 == word.len() { letters.len() - 1 } else { nth.min(letters.len() - 1) };
        normal.push(byte, letters[place]);
    }
    let span: Span = normal.span(start, normal.bytes.len());
    normal.disguised.push(span);
}

/// Copies a piece, with runs of one letter cut to two.
fn copy_shortened(normal: &mut Normal<'_>, piece: &[u8], origin: &[u32]) {
    for (nth, (&byte, &at)) in piece.iter().zip(origin).enumerate() {
        let repeats =
            nth >= 2 && byte.is_ascii_lowercase() && piece[nth - 1] == byte && piece[nth - 2] == byte;
        if !repeats {
            normal.push(byte, at);
        }
    }
}

/// Letters that stand alone from the piece at `at` on, and where the last such piece ends.
fn letters_apart(bytes: &[u8], at: usize) -> Option<(Vec<u8>, usize)> {
    let mut letters = Vec::new();
    let mut end = at;
    // " i d i o t", " i.d.i.o.t", " i-d-i-o-t"
    while letters.len() < PIECE_MAX
        && let Some(&[gap, letter, next]) = bytes.get(end..end + 3)
        && is_gap(gap)
        && letter.is_ascii_lowercase()
        && is_gap(next)
    {
        letters.push(letter);
        end += 2;
    }
    if letters.len() < APART_MIN {
        return None;
    }
    while bytes.get(end).is_some_and(|&byte| byte != b' ') {
        end += 1;
    }
    Some((letters, end))
}

fn is_gap(byte: u8) -> bool {
    matches!(byte, b' ' | b'.' | b'-' | b'_' | b'*' | b',' | b'!' | b'?')
}

/// `letters`, if they are an abusive word.
fn named(letters: &[u8], lexicon: &Lexicon) -> Option<Vec<u8>> {
    lexicon.spelled(letters).intersects(Classes::ABUSIVE | Classes::GROUP).then(|| letters.to_vec())
}

/// The abusive word that a piece between two spaces stands for, if its letters are replaced, starred or drawn out.
fn rewritten(piece: &[u8], lexicon: &Lexicon) -> Option<Vec<u8>> {
    let piece = trimmed(piece);
    let has_letter = piece.iter().any(u8::is_ascii_lowercase);
    if piece.len() < 3 || piece.len() > PIECE_MAX || !has_letter || !looks_disguised(piece) {
        return None;
    }
    if piece.contains(&b'*')
        && let Some(word) = lexicon.starred(piece)
    {
        return Some(word.to_vec());
    }
    [b'i', b'l'].into_iter().find_map(|one| {
        let letters: Vec<u8> = piece.iter().filter_map(|&byte| meant(byte, one)).collect();
        let single = without_runs(&letters);
        named(&letters, lexicon).or_else(|| named(&single, lexicon))
    })
}

fn looks_disguised(piece: &[u8]) -> bool {
    piece.iter().any(|byte| !byte.is_ascii_lowercase())
        || piece.windows(3).any(|run| run[0] == run[1] && run[1] == run[2])
}

/// Without punctuation around it; `@` and `$` may stand for a first letter.
fn trimmed(piece: &[u8]) -> &[u8] {
    let is_edge = |byte: &u8| {
        matches!(byte, b'.' | b',' | b'!' | b'?' | b';' | b':' | b'"' | b'\'' | b'(' | b')' | b' ')
    };
    let start = piece.iter().position(|b| !is_edge(b)).unwrap_or(piece.len());
    let end = piece.iter().rposition(|b| !is_edge(b)).map_or(start, |last| last + 1);
    &piece[start..end]
}

/// The letter that `byte` stands for; `one` is what the digit 1 stands for. Signs that join letters are dropped.
fn meant(byte: u8, one: u8) -> Option<u8> {
    match byte {
        b'0' => Some(b'o'),
        b'1' | b'|' => Some(one),
        b'!' => Some(b'i'),
        b'3' => Some(b'e'),
        b'4' | b'@' => Some(b'a'),
        b'5' | b'$' => Some(b's'),
        b'7' | b'+' => Some(b't'),
        b'8' => Some(b'b'),
        b'9' => Some(b'g'),
        b'.' | b'-' | b'_' | b'*' => None,
        other => Some(other),
    }
}

/// Every run of one letter cut to one.
fn without_runs(letters: &[u8]) -> Vec<u8> {
    let mut single = letters.to_vec();
    single.dedup();
    single
}
