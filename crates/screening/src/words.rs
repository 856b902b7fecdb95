//! Words: `offensive_language` and `targeting_behavior`, matched on token boundaries.
//!
//! A word matches where it is not part of a longer token: the characters beside it are not alphanumeric
//! (Unicode). So `idiot!!!`, `idiot's` and `bad-tempered` count; `foolproof` and `badge` do not. An underscore
//! only joins alphanumerics: `bad_request` is one token, the Markdown emphasis `_idiot_` is a plain word.
//! In scripts written without spaces a word therefore matches only where punctuation sets it apart.
//! Overlapping words of one list count once: the leftmost, then the longest.

use tidegate_domain::assessment::Span;

use crate::{
    lexicon::{Lexicon, fold},
    score::{Evidence, Rule},
    trie::Trie,
};

/// A lexicon, ready to be searched for.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    trie: Trie,
    /// By ASCII character that opens a word in any case: the letters, as [`second`] bits, that may follow it.
    openings: [u32; 128],
}

impl Words {
    pub(crate) fn new(lexicon: &Lexicon) -> Self {
        let trie = Trie::new(lexicon);
        let mut openings = [0; 128];
        for (byte, seconds) in (0_u8..).zip(&mut openings) {
            let folded = fold(char::from(byte));
            let own = trie.openings().filter(|opening| opening.0 == folded);
            *seconds = own.fold(0, |bits, opening| bits | opening.1.map_or(u32::MAX, second_of_word));
        }
        Self { trie, openings }
    }

    /// Notes every word of the lexicon in `text`. Cost O(bytes), allocates only for a match.
    pub(crate) fn scan(&self, text: &str, evidence: &mut Evidence) {
        let (mut offensive_from, mut targeting_from) = (0, 0);
        self.starts(text, |start| {
            let chars = text[start..].char_indices().map(|(at, c)| (start + at, c));
            let ends = self.trie.longest(chars, |end| is_token_end(text, end));
            if let Some(end) = ends.offensive.filter(|_| start >= offensive_from) {
                evidence.note(Rule::OffensiveLanguage, Span { start, end });
                offensive_from = end;
            }
            if let Some(end) = ends.targeting.filter(|_| start >= targeting_from) {
                evidence.note(Rule::TargetingBehavior, Span { start, end });
                targeting_from = end;
            }
        });
    }

    /// Calls `found` at each place where a word may start: outside of any token, before two fitting characters.
    fn starts(&self, text: &str, mut found: impl FnMut(usize)) {
        let bytes = text.as_bytes();
        let mut in_token = false;
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if byte.is_ascii() {
                let next = bytes.get(at + 1).map_or(u32::MAX, |&next| second(next));
                if !in_token & (self.openings[usize::from(byte)] & next != 0) {
                    found(at);
                }
                in_token = byte.is_ascii_alphanumeric() | (in_token & (byte == b'_'));
                at += 1;
            } else {
                let Some(c) = text[at..].chars().next() else { break };
                if !in_token {
                    found(at);
                }
                in_token = c.is_alphanumeric();
                at += c.len_utf8();
            }
        }
    }
}

/// Whether a token may end before byte `end`: no alphanumeric follows, underscores aside.
fn is_token_end(text: &str, end: usize) -> bool {
    !text[end..].trim_start_matches('_').starts_with(char::is_alphanumeric)
}

/// A set bit for the letter `byte`, in either case; other ASCII shares these bits, the rest may be any letter.
fn second(byte: u8) -> u32 {
    if byte.is_ascii() { 1 << (byte & 31) } else { u32::MAX }
}

/// The bits of every byte that may stand for the second character `folded` of a word.
fn second_of_word(folded: char) -> u32 {
    if folded.is_ascii_alphabetic() { second(folded as u8) } else { u32::MAX }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LexicalScreener;
    use proptest::prelude::*;
    use tidegate_domain::assessment::Screener;

    fn places<'t>(code: &str, text: &'t str) -> Vec<&'t str> {
        places_by(&LexicalScreener::default(), code, text)
    }

    fn places_by<'t>(screener: &LexicalScreener, code: &str, text: &'t str) -> Vec<&'t str> {
        let found = screener.screen(text).flags.into_iter().find(|flag| flag.code == code);
        found
            .map_or_else(Vec::new, |flag| flag.spans.iter().map(|span| &text[span.start..span.end]).collect())
    }

    fn custom(offensive: &[&str]) -> LexicalScreener {
        let offensive = offensive.iter().map(|&word| word.to_owned()).collect();
        LexicalScreener::new(&Lexicon { offensive, targeting: Vec::new() }).unwrap()
    }

    #[test]
    fn word_counts_with_punctuation_attached_and_in_any_case() {
        for text in [
            "idiot!!!",
            "(IDIOT)",
            "an Idiot's",
            "«idiot»",
            "idiot-like",
            "\u{202e}idiot\u{202c}",
            "🤡idiot🤡",
        ] {
            assert_eq!(places("offensive_language", text).len(), 1, "{text}");
        }
    }

    #[test]
    fn word_inside_a_longer_token_does_not_count() {
        for text in
            ["foolproof", "badge", "sinbad", "bad2", "4bad", "badé", "ébad", "bad_request", "is_bad", "BADgé"]
        {
            assert_eq!(places("offensive_language", text), [""; 0], "{text}");
        }
    }

    #[test]
    fn underscores_that_join_nothing_are_emphasis() {
        assert_eq!(places("offensive_language", "_idiot_ and __fool__"), ["idiot", "fool"]);
    }

    #[test]
    fn targeting_accepts_any_apostrophe_and_white_space() {
        let text = "You are, you’re, YOU'RE, your, you \n all, y’all";
        let all = ["You are", "you’re", "YOU'RE", "your", "you \n all", "y’all"];
        assert_eq!(places("targeting_behavior", text), all);
        assert_eq!(places("targeting_behavior", "yours, bayou are, you area, you allow, yo"), [""; 0]);
    }

    #[test]
    fn offensive_words_add_a_tenth_each_up_to_three() {
        let weight = |text: &str| LexicalScreener::default().screen(text).flags[0].weight;
        assert_eq!(weight("bad"), 0.10);
        assert_eq!(weight("bad bad"), 0.20);
        assert_eq!(weight("bad bad awful"), 0.30);
        assert_eq!(weight("bad bad awful hate trash"), 0.30);
    }

    #[test]
    fn address_adds_a_fifth_however_often() {
        assert_eq!(LexicalScreener::default().screen("your your your").flags[0].weight, 0.20);
    }

    #[test]
    fn custom_words_may_be_phrases_foreign_or_start_with_a_sign() {
        let screener = custom(&["Ärger", "bad egg", "bad egg roll", "egg", "@ss", "ı", "q"]);
        let text = "ÄRGER; bad egg rolls; egg, @SS, x@ss, q I ı";
        let all = ["ÄRGER", "bad egg", "egg", "@SS", "q", "ı"];
        assert_eq!(places_by(&screener, "offensive_language", text), all);
    }

    #[test]
    fn letters_whose_lower_case_is_ascii_are_folded_at_any_place() {
        // U+0130 and U+212A (the Kelvin sign) become `i` and `k`.
        let screener = custom(&["kick", "kid"]);
        assert_eq!(places_by(&screener, "offensive_language", "\u{212a}\u{130}c\u{212a} K\u{130}D").len(), 2);
    }

    /// The rule as a sentence: every word at every place, without a trie, a table or a first guess.
    fn model<'t>(words: &[String], text: &'t str) -> Vec<&'t str> {
        let ends_token = |end: usize| {
            let rest = text[end..].chars().find(|&c| c != '_');
            !rest.is_some_and(char::is_alphanumeric)
        };
        let starts_token = |start: usize| {
            let rest = text[..start].chars().rev().find(|&c| c != '_');
            !rest.is_some_and(char::is_alphanumeric)
                || text[..start].ends_with(|c| c != '_' && !char::is_alphanumeric(c))
        };
        let (mut found, mut from) = (Vec::new(), 0);
        for (start, _) in text.char_indices() {
            let ends = text[start..].char_indices().map(|(at, c)| start + at + c.len_utf8());
            let same = |end: &usize| words.iter().any(|word| text[start..*end].to_lowercase() == *word);
            if let Some(end) = ends.filter(same).filter(|&end| ends_token(end)).last()
                && start >= from
                && starts_token(start)
            {
                found.push(&text[start..end]);
                from = end;
            }
        }
        found
    }

    proptest! {
        #[test]
        fn words_are_found_as_the_model_says(
            words in prop::collection::vec("[abé@][abé_']{0,2}( [ab])?", 1..6),
            text in "[abABéÉ@_' ]{0,24}",
        ) {
            prop_assume!(!text.contains("  "));
            let list: Vec<&str> = words.iter().map(String::as_str).collect();
            let mut expected = model(&words, &text);
            expected.truncate(16);
            prop_assert_eq!(places_by(&custom(&list), "offensive_language", &text), expected);
        }
    }

    /// SC2: characters read by all walks together, counted.
    fn walked(words: &Words, text: &str) -> usize {
        let read = std::cell::Cell::new(0);
        words.starts(text, |start| {
            let chars = text[start..].char_indices().inspect(|_| read.set(read.get() + 1));
            words.trie.longest(chars, |_| true);
        });
        read.get()
    }

    #[test]
    fn work_grows_with_the_length_of_the_text_whatever_the_text() {
        let nasty = format!("{}b", "a ".repeat(30));
        let words = Words::new(&Lexicon { offensive: vec![nasty], ..Lexicon::default() });
        for unit in
            ["a", "a ", "a      ", "you  ", "you are ", "y'", "bad_", "_", "é", "e\u{301}", "İ", "🤡 "]
        {
            let (once, often) = (walked(&words, &unit.repeat(200)), walked(&words, &unit.repeat(200 * 50)));
            assert!(often <= 50 * (once + 64), "{unit:?}: {once} characters, then {often}");
        }
    }
}
