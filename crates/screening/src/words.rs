//! Words: `offensive_language` and `targeting_behavior`, matched on token boundaries.
//!
//! A word matches where it is not part of a longer token: the nearest character on either side that is not an
//! underscore is not alphanumeric (Unicode). So `idiot!!!`, `idiot's` and `bad-tempered` count; `foolproof` and
//! `badge` do not; `bad_request` is one token, the Markdown emphasis `_idiot_` is a plain word. In scripts
//! written without spaces a word therefore matches only where punctuation sets it apart.
//! Overlapping words of one list count once: the leftmost, then the longest.

use tidegate_domain::assessment::Span;

use crate::{
    lexicon::Lexicon,
    openings::Openings,
    score::{Evidence, Rule},
    trie::Trie,
};

/// A lexicon, ready to be searched for.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    trie: Trie,
    openings: Openings,
}

impl Words {
    pub(crate) fn new(lexicon: &Lexicon) -> Self {
        let trie = Trie::new(lexicon);
        let openings = Openings::of(&trie);
        Self { trie, openings }
    }

    /// Notes every word of the lexicon in `text`. Cost O(bytes), allocates only for a match.
    pub(crate) fn scan(&self, text: &str, evidence: &mut Evidence) {
        let (mut offensive_from, mut targeting_from) = (0, 0);
        for start in self.openings.within(text).filter(|&at| is_token_start(text, at)) {
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
        }
    }
}

/// Whether a token may start at byte `at`: no alphanumeric before it, underscores aside.
fn is_token_start(text: &str, at: usize) -> bool {
    !text[..at].trim_end_matches('_').ends_with(char::is_alphanumeric)
}

/// Whether a token may end before byte `end`: no alphanumeric after it, underscores aside.
fn is_token_end(text: &str, end: usize) -> bool {
    !text[end..].trim_start_matches('_').starts_with(char::is_alphanumeric)
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
        let found = screener.assess(text).flags.into_iter().find(|flag| flag.code == code);
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
        let weight = |text: &str| LexicalScreener::default().assess(text).flags[0].weight;
        assert_eq!(weight("bad"), 0.10);
        assert_eq!(weight("bad bad"), 0.20);
        assert_eq!(weight("bad bad awful"), 0.30);
        assert_eq!(weight("bad bad awful hate trash"), 0.30);
    }

    #[test]
    fn address_adds_a_fifth_however_often() {
        assert_eq!(LexicalScreener::default().assess("your your your").flags[0].weight, 0.20);
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
        let is_outer = |c: Option<char>| !c.is_some_and(char::is_alphanumeric);
        let ends_token = |end: usize| is_outer(text[end..].chars().find(|&c| c != '_'));
        let starts_token = |start: usize| is_outer(text[..start].chars().rev().find(|&c| c != '_'));
        let (mut found, mut from) = (Vec::new(), 0);
        for (start, _) in text.char_indices() {
            let ends = text[start..].char_indices().map(|(at, c)| start + at + c.len_utf8());
            let same = |end: &usize| {
                words.iter().any(|word| text[start..*end].to_lowercase() == word.trim_matches('_'))
            };
            if let Some(end) = ends.rev().filter(same).find(|&end| ends_token(end))
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

    /// SC2: characters read by all walks and looks ahead together, counted.
    fn read(words: &Words, text: &str) -> usize {
        let read = std::cell::Cell::new(0);
        let count = |more: usize| read.set(read.get() + more);
        for start in words.openings.within(text) {
            count(1 + start - text[..start].trim_end_matches('_').len());
            if is_token_start(text, start) {
                let chars = text[start..].char_indices().inspect(|_| count(1));
                words.trie.longest(chars.map(|(at, c)| (start + at, c)), |end| {
                    count(1 + text[end..].len() - text[end..].trim_start_matches('_').len());
                    is_token_end(text, end)
                });
            }
        }
        read.get()
    }

    #[test]
    fn sc2_work_grows_with_the_length_of_the_text_whatever_the_text() {
        let nasty = ["a ".repeat(31), "__".to_owned() + &"_a".repeat(30), "🤡".to_owned()];
        let words = Words::new(&Lexicon { offensive: nasty.to_vec(), ..Lexicon::default() });
        let units =
            ["a", "a ", "a      ", "you  ", "you are ", "y'", "bad_", "_", "_a", "é", "e\u{301}", "İ", "🤡_"];
        for unit in units {
            let (once, often) = (read(&words, &unit.repeat(2_000)), read(&words, &unit.repeat(2_000 * 10)));
            let edge = Lexicon::WORD_CHARS_MAX.pow(2);
            assert!(often <= 10 * (once + edge), "{unit:?}: {once} characters, then {often}");
        }
        for (bait, filler) in [("you", " "), ("bad", "_"), ("a", " "), ("🤡", "_")] {
            let work = read(&words, &format!("{bait}{}", filler.repeat(100_000)));
            assert!(work <= 2 * 100_000, "{bait:?}{filler:?}: {work} characters");
        }
    }
}
