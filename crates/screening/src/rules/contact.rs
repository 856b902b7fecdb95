//! Contact: links, mentions, words that sell, and where somebody lives.

use tidegate_domain::assessment::Span;

use super::abuse::span;
use super::{Evidence, Rule};
use crate::lexicon::{Classes, Tag};
use crate::normal::{Normal, is_inner};

/// So many links or mentions are ordinary.
const LINKS_FREE: usize = 2;
const MENTIONS_FREE: usize = 4;
/// Numbers of a house or a telephone have so many digits nearby.
const DIGITS_NEAR: usize = 40;

/// Notes what is about contact. Cost O(bytes).
pub(super) fn scan(normal: &Normal<'_>, tags: &[Tag], evidence: &mut Evidence) {
    for tag in tags.iter().filter(|tag| tag.classes.intersects(Classes::SPAM_CUE) && tag.end > tag.first + 1)
    {
        evidence.note(Rule::SpamCue, span(normal, tag));
    }
    for tag in tags.iter().filter(|tag| tag.classes.intersects(Classes::DOXX)) {
        if has_number_after(normal, normal.words[tag.end as usize - 1].end as usize) {
            evidence.note(Rule::Doxxing, span(normal, tag));
        }
    }
    let bytes = normal.bytes();
    flood(normal, links(bytes), LINKS_FREE, Rule::LinkFlood, evidence);
    flood(normal, mentions(bytes), MENTIONS_FREE, Rule::MentionFlood, evidence);
}

/// Notes the places past the `free` first.
fn flood(
    normal: &Normal<'_>,
    places: impl Iterator<Item = (usize, usize)>,
    free: usize,
    rule: Rule,
    evidence: &mut Evidence,
) {
    for (start, end) in places.skip(free) {
        let place: Span = normal.span(start, end);
        evidence.note(rule, place);
    }
}

/// Pieces that begin like an address of the web.
fn links(bytes: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    pieces(bytes).filter(|&(start, end)| {
        let piece = &bytes[start..end];
        piece.starts_with(b"http://") || piece.starts_with(b"https://") || piece.starts_with(b"www.")
    })
}

/// Pieces like `@name` and `#tag`.
fn mentions(bytes: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    pieces(bytes).filter(|&(start, end)| {
        end > start + 1 && matches!(bytes[start], b'@' | b'#') && is_inner(bytes[start + 1])
    })
}

/// What stands between spaces.
fn pieces(bytes: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    let mut at = 0;
    bytes.split(|&byte| byte == b' ').filter_map(move |piece| {
        let start = at;
        at += piece.len() + 1;
        (!piece.is_empty()).then_some((start, start + piece.len()))
    })
}

/// A house number and a street, or a telephone number, follow.
fn has_number_after(normal: &Normal<'_>, end: usize) -> bool {
    let rest = &normal.bytes()[end..];
    let near = &rest[..rest.len().min(DIGITS_NEAR)];
    near.iter().filter(|byte| byte.is_ascii_digit()).count() >= 2
}
