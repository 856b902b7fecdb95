//! Floods: `repeated_punctuation` and `repeated_characters`, found together in one pass.
//!
//! - `repeated_punctuation`: three or more of `!` and `?` in a row, mixed or not.
//! - `repeated_characters`: one character five or more times in a row (`(.)\1{4,}` in seed 002).
//!
//! Seed 002 gave both rules one flag name and let `!!!!!` count in both. Here a run of `!` or `?` is punctuation
//! only: one run is one piece of evidence, and "thanks!!!!!" alone must not add up to spam. White space,
//! digits (`1000000`) and the characters that rule lines, quote and draw tables in plain text and Markdown
//! (`-----`, `.....`, `>>>>>`, box drawing) are layout, not a flood. Case matters: `aaAAA` is no run.

use tidegate_domain::assessment::Span;

use super::{Evidence, Rule};

const MARKS_MIN: usize = 3;
const SAME_MIN: usize = 5;

/// Notes every flood in `text`. Cost O(bytes), allocates only for a flood.
pub(super) fn scan(text: &str, evidence: &mut Evidence) {
    let bytes = text.as_bytes();
    if !has_triple(bytes) && (text.is_ascii() || !has_wide_pair(bytes)) {
        return;
    }
    let (mut last, mut same_from, mut marks_from) = ('\0', 0, None);
    for (at, c) in text.char_indices() {
        if c == last {
            continue;
        }
        note_same(last, Span { start: same_from, end: at }, evidence);
        (last, same_from) = (c, at);
        if is_mark(c) {
            marks_from = marks_from.or(Some(at));
        } else if let Some(start) = marks_from.take() {
            note_marks(Span { start, end: at }, evidence);
        }
    }
    note_same(last, Span { start: same_from, end: text.len() }, evidence);
    if let Some(start) = marks_from {
        note_marks(Span { start, end: text.len() }, evidence);
    }
}

/// Notes a run of the character `c`, if it is a flood.
fn note_same(c: char, run: Span, evidence: &mut Evidence) {
    let is_long = run.end - run.start >= SAME_MIN * c.len_utf8();
    if is_long && !is_mark(c) && !is_layout(c) {
        evidence.note(Rule::RepeatedCharacters, run);
    }
}

/// Notes a run of marks, if it is a flood. A mark is one byte.
fn note_marks(run: Span, evidence: &mut Evidence) {
    if run.end - run.start >= MARKS_MIN {
        evidence.note(Rule::RepeatedPunctuation, run);
    }
}

/// Whether any byte or any mark stands three times in a row: no flood of ASCII is without.
///
/// No early exit here and below, so that the compiler compares 16 places at once.
fn has_triple(bytes: &[u8]) -> bool {
    let is_mark = |byte: u8| (byte == b'!') | (byte == b'?');
    bytes.array_windows().fold(false, |found, &[a, b, c]| {
        found | ((a == b) & (b == c)) | (is_mark(a) & is_mark(b) & is_mark(c))
    })
}

/// Whether a character of two to four bytes seems to stand twice in a row: no other flood is without.
fn has_wide_pair(bytes: &[u8]) -> bool {
    bytes.array_windows().fold(false, |found, &[a, b, c, d, e, f]| {
        found | ((a >= 0xc2) & (((a == c) & (b == d)) | ((a == d) & (b == e)) | ((a == e) & (b == f))))
    })
}

fn is_mark(c: char) -> bool {
    matches!(c, '!' | '?')
}

fn is_layout(c: char) -> bool {
    const RULERS: &str = "-=_*.#~+|/\\<>`–—…";
    c.is_whitespace() || c.is_ascii_digit() || RULERS.contains(c) || ('\u{2500}'..='\u{259f}').contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::found;
    use proptest::prelude::*;

    fn floods<'t>(code: &str, text: &'t str) -> Vec<&'t str> {
        let found = found(text).flags.into_iter().find(|flag| flag.code == code);
        found
            .map_or_else(Vec::new, |flag| flag.spans.iter().map(|span| &text[span.start..span.end]).collect())
    }

    #[test]
    fn three_marks_in_a_row_are_repeated_punctuation() {
        assert_eq!(floods("repeated_punctuation", "Wow!! Really?? No!?"), [""; 0]);
        assert_eq!(floods("repeated_punctuation", "Wow!!! Really?!? é!!!!"), ["!!!", "?!?", "!!!!"]);
        assert_eq!(floods("repeated_punctuation", "Really?!?"), ["?!?"]);
    }

    #[test]
    fn one_character_five_times_is_repeated_characters() {
        assert_eq!(floods("repeated_characters", "soooo aaaa"), [""; 0]);
        assert_eq!(floods("repeated_characters", "sooooo $$$$$$"), ["ooooo", "$$$$$$"]);
        assert_eq!(floods("repeated_characters", "ééééé 🤡🤡🤡🤡🤡🤡"), ["ééééé", "🤡🤡🤡🤡🤡🤡"]);
        assert_eq!(floods("repeated_characters", "aaAAA e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}"), [""; 0]);
    }

    #[test]
    fn layout_and_numbers_are_no_flood() {
        let rulers =
            "a     b\n\n\n\n\n\n----- ===== _____ ***** ..... ##### ~~~~~ >>>>> ````` ────── 1000000 00000";
        assert_eq!(floods("repeated_characters", rulers), [""; 0]);
    }

    #[test]
    fn marks_are_punctuation_only() {
        let found = found("Thanks!!!!!!!!");
        assert_eq!(found.flags.len(), 1);
        assert_eq!(found.flags[0].code, "repeated_punctuation");
    }

    proptest! {
        #[test]
        fn quick_look_misses_no_flood(text in "([ab!?$. ]|é{1,6}|€{1,6}|🤡{1,6}){0,30}") {
            let (mut marks, mut same, mut last) = (0, 0, None);
            let (mut most_marks, mut most_same) = (0, 0);
            for c in text.chars() {
                marks = if is_mark(c) { marks + 1 } else { 0 };
                same = if last == Some(c) { same + 1 } else { 1 };
                last = Some(c);
                most_marks = most_marks.max(marks);
                most_same = most_same.max(if "ab$é€🤡".contains(c) { same } else { 0 });
            }
            prop_assert_eq!(!floods("repeated_punctuation", &text).is_empty(), most_marks >= 3);
            prop_assert_eq!(!floods("repeated_characters", &text).is_empty(), most_same >= 5);
        }
    }
}
