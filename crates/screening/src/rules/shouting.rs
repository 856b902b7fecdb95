//! Shouting: `all_caps_spam`, a text in capital letters.
//!
//! Fires when the trimmed text has more than 10 characters and more than 80 % of its letters are upper case.
//! Letters are Unicode's; letters without case (Han, Arabic) count as not shouting.

use tidegate_domain::assessment::Span;

use super::{Evidence, Rule};
use crate::normal::Shape;

/// Shorter texts may be all capitals: "OK", "LGTM", "NASA".
const CHARS_MIN: usize = 11;

/// Notes the whole trimmed text if it shouts. Cost O(bytes), no allocation.
pub(super) fn scan(text: &str, shape: &Shape, evidence: &mut Evidence) {
    let trimmed = text.trim();
    if shape.shouts() && trimmed.chars().nth(CHARS_MIN - 1).is_some() {
        let start = text.len() - text.trim_start().len();
        evidence.note(Rule::AllCapsSpam, Span { start, end: start + trimmed.len() });
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::found;
    use proptest::prelude::*;

    fn shouted(text: &str) -> Option<&str> {
        let found = found(text).flags.into_iter().find(|f| f.code == "all_caps_spam");
        found.map(|flag| &text[flag.spans[0].start..flag.spans[0].end])
    }

    #[test]
    fn capitals_shout_from_eleven_characters_on() {
        assert_eq!(shouted("ABCDEFGHIJ"), None);
        assert_eq!(shouted("ABCDEFGHIJK"), Some("ABCDEFGHIJK"));
        assert_eq!(shouted("  ABCDEFGHIJ\n"), None, "white space around the text is not part of it");
    }

    #[test]
    fn the_whole_trimmed_text_is_the_span() {
        assert_eq!(shouted("\u{a0} LOOK AT THIS \n"), Some("LOOK AT THIS"));
    }

    #[test]
    fn exactly_four_fifths_capitals_do_not_shout() {
        assert_eq!(shouted("AAAABBBBcc !"), None);
        assert!(shouted("AAAABBBBc !!").is_some());
    }

    #[test]
    fn letters_of_every_script_count() {
        assert!(shouted("СРОЧНО КУПИТЕ СЕЙЧАС").is_some());
        assert_eq!(shouted("ÄÖÜ in einem ganzen Satz"), None);
        assert_eq!(shouted("这是一个很长的句子没有大写字母 OK"), None);
    }

    #[test]
    fn text_without_letters_does_not_shout() {
        assert_eq!(shouted("12345 67890 !!!"), None);
        assert_eq!(shouted("🤡🤡🤡🤡🤡🤡🤡🤡🤡🤡🤡🤡"), None);
    }

    #[test]
    fn counts_do_not_overflow_on_long_texts() {
        assert!(shouted(&"A".repeat(100_000)).is_some());
    }

    proptest! {
        #[test]
        fn shouting_is_what_the_rule_says_letter_by_letter(text in "([A-Z]{1,9}|[a-z]|[ÄÉЖ]|[äж]|漢|[ 1!\u{301}🤡]){0,30}") {
            let trimmed = text.trim();
            let all = trimmed.chars().filter(|c| c.is_alphabetic()).count();
            let upper = trimmed.chars().filter(|c| c.is_uppercase()).count();
            let shouts = trimmed.chars().count() > 10 && upper * 10 > all * 8;
            prop_assert_eq!(shouted(&text), shouts.then_some(trimmed));
        }
    }
}
