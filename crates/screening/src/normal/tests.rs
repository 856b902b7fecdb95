//! Laws of the normal form: every byte knows its place, disguises are put back, work is bounded.

use proptest::prelude::*;

use super::*;

fn normal(text: &str) -> String {
    let lexicon = Lexicon::shared();
    String::from_utf8_lossy(Normal::of(text, &lexicon).bytes()).trim().to_owned()
}

#[test]
fn what_looks_latin_is_read_as_latin() {
    assert_eq!(normal("уоu аrе ａｎ 𝐢𝐝𝐢𝐨𝐭"), "you are an idiot");
    assert_eq!(normal("ÌDÏÒT"), "idiot");
    assert_eq!(normal("Привет, как дела?"), "привет, как дела?", "Russian stays Russian");
}

#[test]
fn invisible_characters_and_marks_are_gone() {
    assert_eq!(normal("id\u{200b}i\u{202e}o\u{ad}t"), "idiot");
    assert_eq!(normal("i\u{301}d\u{336}iot"), "idiot");
}

#[test]
fn disguised_words_are_put_back() {
    for (written, meant) in [
        ("1d10t", "idiot"),
        ("$hit", "shit"),
        ("f*ck", "fuck"),
        ("i d i o t", "idiot"),
        ("i.d.i.o.t", "idiot"),
        ("idiooooot", "idiot"),
        ("a55hole!!", "asshole"),
    ] {
        let found = normal(&format!("what a {written} there"));
        assert_eq!(found, format!("what a {meant} there"), "{written}");
    }
}

#[test]
fn numbers_lists_and_formulas_stay_as_they_are() {
    for text in ["2nd of may", "a * b + c", "room b 2 c", "5 + 7 = 12", "see you @ 7", "i am a b student"] {
        assert_eq!(normal(text), text);
    }
}

#[test]
fn a_disguised_word_is_found_where_it_stands() {
    let text = "né what 1d10t!";
    let lexicon = Lexicon::shared();
    let normal = Normal::of(text, &lexicon);
    let places: Vec<&str> = normal.disguised.iter().map(|span| &text[span.start..span.end]).collect();
    assert_eq!(places.len(), 1);
    assert!(places[0].starts_with("1d10t"), "{places:?}");
}

/// Any text, rich in what the normal form changes.
fn any_text() -> impl Strategy<Value = String> {
    let bait = prop::sample::select(vec![
        "f*ck",
        "1d10t",
        "i d i o t",
        "й",
        "İ",
        "ß",
        "ﬃ",
        "e\u{301}",
        "\u{202e}",
        "\u{200d}",
        "ａ",
        "𝐢",
        "한",
        "!!!",
        "aaaa",
        " ",
        "\n",
        "@ss",
        "$",
        "*",
        "'",
        "がぎ",
        "ǆ",
        "\u{fdfa}",
    ]);
    prop::collection::vec(prop_oneof![bait.prop_map(str::to_owned), any::<String>()], 0..12)
        .prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn n1_every_span_maps_to_characters_of_the_original(text in any_text(), from in 0.0..1.0, len in 1_usize..9) {
        let lexicon = Lexicon::shared();
        let normal = Normal::of(&text, &lexicon);
        prop_assert_eq!(normal.bytes.len(), normal.origin.len());
        prop_assert!(normal.origin.is_sorted(), "places do not go back");
        let start = (from * normal.bytes.len() as f64) as usize;
        let end = (start + len).min(normal.bytes.len());
        if !text.is_empty() && start < end {
            let span = normal.span(start, end);
            prop_assert!(text.get(span.start..span.end).is_some(), "{:?} of {:?}", span, text);
        }
        for word in &normal.words {
            let span = normal.span_of(word);
            prop_assert!(text.get(span.start..span.end).is_some_and(|place| !place.is_empty()));
        }
    }

    #[test]
    fn plain_lower_case_words_stay_as_they_are(words in prop::collection::vec("[bcdfghjklmnpqrtvwxz][aeiou][bcdfghjklmnpqrtvwxz]", 0..9)) {
        let text = words.join(" ");
        prop_assert_eq!(normal(&text), text);
    }

    #[test]
    fn case_does_not_matter(text in "[a-zA-Z ,.!?']{0,60}") {
        prop_assert_eq!(normal(&text), normal(&text.to_lowercase()));
    }
}
