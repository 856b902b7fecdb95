//! Training as a whole, on sets made here: the same rows, seed and encoder give the same bytes.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its world fails")]

use std::path::Path;

use serde_json::json;
use tidegate_embedding::HashedEmbedder;
use tidegate_screening::{Head, SentenceHeads};
use tidegate_training::{Trained, train};

/// Sets and their two labels; rows are made of a few words each, some of them the label's own.
const SETS: [(&str, &str, &str); 13] = [
    ("mod_openai", "VIOLENCE", "LOW_RISK"),
    ("hatecheck", "HATE_SPEECH", "NOT_HATE"),
    ("davidson_tweets", "TOXIC", "LOW_RISK"),
    ("surge_toxicity", "TOXIC", "LOW_RISK"),
    ("edos_sexism", "SEXIST", "NOT_SEXIST"),
    ("spam_sms", "SPAM", "LOW_RISK"),
    ("spam_youtube", "SPAM", "LOW_RISK"),
    ("jailbreak", "JAILBREAK", "BENIGN"),
    ("injection_direct", "INJECTION", "BENIGN"),
    ("notinject", "BENIGN", "BENIGN"),
    ("injection_indirect", "INJECTION", "BENIGN"),
    ("xstest", "HARMFUL_INTENT", "BENIGN"),
    ("harmful_intent", "HARMFUL_INTENT", "BENIGN"),
];
const ROWS: usize = 16;
const WORDS: [&str; 8] = ["river", "stone", "lamp", "winter", "garden", "copper", "violin", "harbour"];

fn write(dir: &Path) {
    for (set, one, other) in SETS {
        let row = |nth: usize| {
            let (label, own) = if nth.is_multiple_of(2) { (one, "grumble") } else { (other, "meadow") };
            let word = |step: usize| WORDS[(nth * 5 + step * step) % WORDS.len()];
            let text = format!("{} {own} {} {set} {own}{} {}", word(0), word(1), nth / 2, word(2));
            json!({"id": nth.to_string(), "text": text, "labels": [label]}).to_string()
        };
        let lines: Vec<String> = (0..ROWS).map(row).collect();
        std::fs::write(dir.join(format!("{set}.jsonl")), lines.join("\n")).unwrap();
    }
    for set in ["sessions_mtchat", "sessions_task"] {
        let turns = [json!({"role": "user", "content": "Where is the garden of copper lamps?"})];
        let line = json!({"id": "s", "turns": turns, "labels": ["BENIGN"]}).to_string();
        std::fs::write(dir.join(format!("{set}.jsonl")), line).unwrap();
    }
}

fn trained(dir: &Path, seed: u64) -> (Trained, SentenceHeads) {
    let trained = train(dir, seed, Some(&HashedEmbedder)).unwrap();
    let heads = trained.sentence.as_ref().unwrap().0.clone();
    (trained, heads)
}

#[test]
fn the_same_rows_and_seed_give_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    let (one, heads) = trained(dir.path(), 1);
    let (same, same_heads) = trained(dir.path(), 1);
    assert!(one.model.to_bytes() == same.model.to_bytes());
    assert!(heads.to_bytes() == same_heads.to_bytes());
    assert_eq!((heads.encoder.as_str(), heads.dims()), ("hashed-1", HashedEmbedder::DIMS));
    assert!(heads.to_bytes() != trained(dir.path(), 2).1.to_bytes(), "another seed, other folds");

    // Both validations judge every row once, and heads learn something from words that give the label away.
    let sentence = &one.sentence.as_ref().unwrap().1;
    assert_eq!(one.validation.rows.len(), sentence.rows.len());
    let hits = |rows: &[tidegate_training::OutOfFold]| {
        let of = rows.iter().filter(|row| row.set == "spam_sms");
        of.filter(|row| (row.margins[Head::SpamMessage as usize] > 0.0) == row.row.has("SPAM")).count()
    };
    assert!(hits(&sentence.rows) > ROWS * 3 / 4, "{}", hits(&sentence.rows));
    assert!(one.validation.rows.iter().zip(&sentence.rows).all(|(a, b)| a.fold == b.fold && a.row == b.row));
}

#[test]
fn without_an_encoder_there_are_no_heads_and_the_classifiers_are_the_same() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    let without = train(dir.path(), 1, None).unwrap();
    assert!(without.sentence.is_none());
    assert!(without.model.to_bytes() == trained(dir.path(), 1).0.model.to_bytes());
}
