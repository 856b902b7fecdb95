//! The laws of [`Screener`], the worked examples, and the worst texts we could think of.
//!
//! SC2 is counted next to the code that could break it, in `words.rs`.

use proptest::prelude::*;
use tidegate_domain::assessment::{Assessment, Category, Flag, Screener};
use tidegate_screening::{LexicalScreener, Lexicon};

fn screen(text: &str) -> Assessment {
    LexicalScreener::default().assess(text)
}

fn verdict(text: &str) -> (f64, Category) {
    let assessment = screen(text);
    (assessment.risk_score.get(), assessment.category)
}

/// Any text, rich in what the rules look at.
fn any_text() -> impl Strategy<Value = String> {
    let bait = prop::sample::select(vec![
        "idiot",
        "BAD",
        "you are",
        "y’all",
        "YOUR",
        "!!!",
        "?!",
        "aaaaa",
        "🤡🤡🤡🤡🤡",
        "İ",
        "\u{212a}",
        "ß",
        "é ",
        "_",
        "-----",
        " ",
        "\u{a0}",
        "\u{301}",
        "\u{202e}",
        "\u{200d}",
        "\n",
        "SHOUTING LOUD",
    ]);
    prop::collection::vec(prop_oneof![bait.prop_map(str::to_owned), any::<String>()], 0..12)
        .prop_map(|parts| parts.concat())
}

/// The promises that hold for the assessment of every text; SC3 among them.
fn assert_lawful(text: &str, assessment: &Assessment) {
    assert!((0.0..=1.0).contains(&assessment.confidence));
    let hundredths: f64 = assessment.flags.iter().map(|flag| (flag.weight * 100.0).round()).sum();
    assert_eq!(assessment.risk_score.get(), hundredths / 100.0, "risk is the sum of the weights");
    let order = assessment.flags.iter().map(|flag| (-flag.weight, &flag.code));
    assert!(order.is_sorted(), "strongest first, then by name");
    for flag in &assessment.flags {
        assert!((1..=Flag::SPANS_MAX).contains(&flag.spans.len()));
        assert!(flag.spans.iter().is_sorted_by(|a, b| a.end <= b.start), "in order, apart");
        for span in &flag.spans {
            assert!(text.get(span.start..span.end).is_some_and(|place| !place.is_empty()), "SC3: {span:?}");
        }
    }
}

proptest! {
    #[test]
    fn sc1_same_text_same_assessment_from_any_screener_of_the_same_version(text in any_text()) {
        let mut shuffled = Lexicon::default();
        shuffled.offensive.reverse();
        shuffled.targeting.rotate_left(2);
        let other = LexicalScreener::new(&shuffled).unwrap();
        let one = LexicalScreener::default();
        prop_assert_eq!(one.version(), other.version());
        prop_assert_eq!(one.assess(&text), other.assess(&text));
        prop_assert_eq!(one.assess(&text), one.assess(&text));
    }

    #[test]
    fn sc3_spans_lie_inside_the_text_on_character_boundaries(text in any_text()) {
        assert_lawful(&text, &screen(&text));
        let offensive = ["é", "🤡", "İ", "ß aaaaa", "you’re"].map(str::to_owned).to_vec();
        let foreign = LexicalScreener::new(&Lexicon { offensive, ..Lexicon::default() }).unwrap();
        assert_lawful(&text, &foreign.assess(&text));
    }

    #[test]
    fn white_space_around_a_text_changes_only_the_places(text in any_text()) {
        let (bare, padded) = (screen(&text), screen(&format!(" \n{text}\u{a0}")));
        let weights = |found: &Assessment| found.flags.iter().map(|f| (f.code.clone(), f.weight)).collect::<Vec<_>>();
        prop_assert_eq!(weights(&bare), weights(&padded));
    }

    #[test]
    fn words_of_two_paragraphs_are_those_of_each(one in any_text(), other in any_text()) {
        let places = |text: &str, code: &str| -> usize {
            let found = screen(text).flags.into_iter().find(|flag| flag.code == code);
            found.map_or(0, |flag| flag.spans.len())
        };
        let both = format!("{one}.\n\n,{other}");
        for code in ["offensive_language", "targeting_behavior"] {
            let apart = (places(&one, code) + places(&other, code)).min(Flag::SPANS_MAX);
            prop_assert_eq!(places(&both, code), apart, "{}", code);
        }
    }

    #[test]
    fn an_insult_more_never_makes_words_less_risky(text in any_text()) {
        let weight = |text: &str| screen(text).flags.iter().find(|f| f.code == "offensive_language").map_or(0.0, |f| f.weight);
        let insulted = weight(&format!("{text} idiot"));
        prop_assert!(insulted >= weight(&text) && insulted > 0.0);
    }

    #[test]
    fn case_order_and_repetition_of_a_list_change_nothing(words in prop::collection::vec("[a-zA-Zé' ]{1,8}[a-z]", 1..6), text in any_text()) {
        let screener = |offensive: Vec<String>| LexicalScreener::new(&Lexicon { offensive, ..Lexicon::default() }).unwrap();
        let written = screener(words.clone());
        let otherwise = words.iter().rev().chain(&words).map(|word| word.to_uppercase()).collect();
        let otherwise = screener(otherwise);
        prop_assert_eq!(written.version(), otherwise.version());
        let text = format!("{text} {} {text}", words.join(", "));
        prop_assert_eq!(written.assess(&text), otherwise.assess(&text));
    }
}

/// SC1 over machines and releases: these numbers may change only together with the version.
#[test]
fn sc1_worked_examples_are_pinned() {
    use Category::{LowRisk, Spam, TargetedHarassment, Toxic};
    assert_eq!(LexicalScreener::default().version(), "lexical-1");
    for (text, risk, category) in [
        ("", 0.0, LowRisk),
        ("Hello, can you help me?", 0.0, LowRisk),
        ("What is your name???", 0.35, LowRisk),
        ("Thanks!!!!!", 0.15, LowRisk),
        ("idiot!!!", 0.25, LowRisk),
        ("You are an idiot", 0.30, TargetedHarassment),
        ("You are such a stupid idiot!!!", 0.55, TargetedHarassment),
        ("What a pathetic, awful, terrible idea", 0.30, Toxic),
        ("CLICK HERE!!! AMAZING OFFER!!! BUY NOW!!!", 0.35, Spam),
        ("YOUR TRASH IS AWFUL, TERRIBLE!!! BOOOOOO", 1.0, TargetedHarassment),
    ] {
        assert_eq!(verdict(text), (risk, category), "{text}");
    }
}

#[test]
fn sc1_flags_of_a_worked_example_are_pinned() {
    let text = "You are such a stupid idiot!!!";
    let assessment = screen(text);
    let flags: Vec<_> =
        assessment.flags.iter().map(|flag| (&*flag.code, flag.weight, flag.spans.len())).collect();
    let expected =
        [("offensive_language", 0.2, 2), ("targeting_behavior", 0.2, 1), ("repeated_punctuation", 0.15, 1)];
    assert_eq!(flags, expected);
    assert_eq!(assessment.confidence, 0.775);
}

#[test]
fn clear_text_is_clear_and_certain() {
    let assessment = screen("Hello, can you help me?");
    assert!(assessment.is_clear());
    assert_eq!(assessment.confidence, 1.0);
}

#[test]
fn worst_texts_are_assessed_without_panic() {
    let marks = "\u{301}".repeat(10_000);
    let texts = [
        String::new(),
        " \n\t\u{a0}".to_owned(),
        "a".repeat(1 << 20),
        "A".repeat(1 << 20),
        "!".repeat(1 << 20),
        "_".repeat(1 << 20),
        "you ".repeat(1 << 18),
        "bad ".repeat(1 << 18),
        format!("you{}are", " ".repeat(1 << 20)),
        format!("bad{}bad", "_".repeat(1 << 20)),
        marks.clone(),
        format!("idiot{marks}"),
        "\u{202e}toidi\u{202c}\u{2066}\u{2069}\u{200f}".repeat(100),
        "👩\u{200d}👩\u{200d}👧🏽🤡🇩🇪".repeat(1000),
        "İıſK".repeat(1000),
        "\u{10ffff}\u{0}\u{feff}".repeat(10),
    ];
    for text in texts {
        assert_lawful(&text, &screen(&text));
    }
}

#[test]
fn custom_words_change_the_version_and_the_same_words_do_not() {
    let own = |word: &str| {
        let lexicon = Lexicon { offensive: vec![word.to_owned()], ..Lexicon::default() };
        LexicalScreener::new(&lexicon).unwrap()
    };
    assert!(own("heck").version().starts_with("lexical-1+"));
    assert_eq!(own("heck").version(), own("HECK").version());
    assert_ne!(own("heck").version(), own("darn").version());
    assert_eq!(own("heck").assess("Heck!").flags.len(), 1);
    assert!(own("heck").assess("idiot").is_clear());
}
