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

use crate::score::{Evidence, Rule};

const MARKS_MIN: usize = 3;
const SAME_MIN: usize = 5;

/// Notes every flood in `text`. Cost O(bytes), allocates only for a flood.
pub(crate) fn scan(text: &str, evidence: &mut Evidence) {
    if text.is_ascii() && !has_triple(text.as_bytes()) {
        return;
    }
    let mut marks = Run::new(Rule::RepeatedPunctuation, MARKS_MIN);
    let mut same = Run::new(Rule::RepeatedCharacters, SAME_MIN);
    let mut last = None;
    for (at, c) in text.char_indices() {
        if is_mark(c) {
            marks.grow(at);
        } else {
            marks.close(at, evidence);
        }
        if last != Some(c) {
            same.close(at, evidence);
        }
        if !is_mark(c) && !is_layout(c) {
            same.grow(at);
        }
        last = Some(c);
    }
    marks.close(text.len(), evidence);
    same.close(text.len(), evidence);
}

/// Whether any byte stands three times in a row, or any three marks: no flood is without one.
///
/// Looks at all bytes without an early exit, so that the compiler compares 16 of them at once.
fn has_triple(bytes: &[u8]) -> bool {
    let is_mark = |byte: u8| (byte == b'!') | (byte == b'?');
    bytes.array_windows().fold(false, |found, &[a, b, c]| {
        found | ((a == b) & (b == c)) | (is_mark(a) & is_mark(b) & is_mark(c))
    })
}

fn is_mark(c: char) -> bool {
    matches!(c, '!' | '?')
}

fn is_layout(c: char) -> bool {
    const RULERS: &str = "-=_*.#~+|/\\<>`–—…";
    c.is_whitespace() || c.is_ascii_digit() || RULERS.contains(c) || ('\u{2500}'..='\u{259f}').contains(&c)
}

/// A run of characters that may become a flood.
struct Run {
    rule: Rule,
    chars_min: usize,
    start: usize,
    chars: usize,
}

impl Run {
    fn new(rule: Rule, chars_min: usize) -> Self {
        Self { rule, chars_min, start: 0, chars: 0 }
    }

    fn grow(&mut self, at: usize) {
        if self.chars == 0 {
            self.start = at;
        }
        self.chars += 1;
    }

    fn close(&mut self, end: usize, evidence: &mut Evidence) {
        if self.chars >= self.chars_min {
            evidence.note(self.rule, Span { start: self.start, end });
        }
        self.chars = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LexicalScreener;
    use proptest::prelude::*;
    use tidegate_domain::assessment::Screener;

    fn floods<'t>(code: &str, text: &'t str) -> Vec<&'t str> {
        let found = LexicalScreener::default().screen(text).flags.into_iter().find(|flag| flag.code == code);
        found
            .map_or_else(Vec::new, |flag| flag.spans.iter().map(|span| &text[span.start..span.end]).collect())
    }

    #[test]
    fn three_marks_in_a_row_are_repeated_punctuation() {
        assert_eq!(floods("repeated_punctuation", "Wow!! Really?? No!?"), [""; 0]);
        assert_eq!(floods("repeated_punctuation", "Wow!!! Really?!? é!!!!"), ["!!!", "?!?", "!!!!"]);
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
        let found = LexicalScreener::default().screen("Thanks!!!!!!!!");
        assert_eq!(found.flags.len(), 1);
        assert_eq!(found.risk_score.get(), 0.15);
    }

    proptest! {
        #[test]
        fn quick_look_misses_no_flood(text in "[ab!?$. ]{0,40}") {
            let mut chars = text.chars().peekable();
            let (mut marks, mut same) = (0, Vec::new());
            let (mut most_marks, mut most_same) = (0, 0);
            while let Some(c) = chars.next() {
                marks = if is_mark(c) { marks + 1 } else { 0 };
                if same.last() != Some(&c) { same.clear(); }
                same.push(c);
                most_marks = most_marks.max(marks);
                most_same = most_same.max(if "ab$".contains(c) { same.len() } else { 0 });
            }
            prop_assert_eq!(!floods("repeated_punctuation", &text).is_empty(), most_marks >= 3);
            prop_assert_eq!(!floods("repeated_characters", &text).is_empty(), most_same >= 5);
        }
    }
}
