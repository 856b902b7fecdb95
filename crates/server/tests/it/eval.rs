//! `tidegate eval`: the detector follows from the labels, and the numbers are those of the rows.

use serde_json::{Value, json};

use crate::support::command;

/// Writes a set and scores it.
fn scored(name: &str, rows: &[Value]) -> Value {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(name);
    let lines: Vec<_> = rows.iter().map(Value::to_string).collect();
    std::fs::write(&file, lines.join("\n")).unwrap();
    let said = command::say(dir.path(), &["eval", file.to_str().unwrap(), "--json"]);
    serde_json::from_str::<Value>(&said).unwrap()[0].clone()
}

fn row(id: usize, text: &str, label: &str, kind: &str) -> Value {
    json!({"id": format!("r{id}"), "text": text, "labels": [label], "kind": kind})
}

#[test]
fn the_detector_follows_from_the_labels_never_from_the_name() {
    let spam = [
        row(0, "WIN a FREE prize now!!! Click http://x.example to claim your cash reward", "SPAM", ""),
        row(1, "see you at the library at half past four", "LOW_RISK", ""),
    ];
    let set = scored("weather.jsonl", &spam);
    assert_eq!((&set["set"], &set["detector"]), (&json!("weather"), &json!("spam")));
    assert_eq!((&set["n"], &set["f1"], &set["fpr"]), (&json!(2), &json!(1.0), &json!(0.0)));
    for field in ["precision", "recall", "auroc", "auprc", "accuracy", "macro_f1", "items_per_s"] {
        assert!(set[field].is_number(), "{field}: {set}");
    }
    let labels: Vec<_> =
        set["per_label"].as_array().unwrap().iter().map(|label| label["label"].clone()).collect();
    assert_eq!(labels, ["SPAM", "LOW_RISK"]);

    let shell = [row(0, "rm -rf / --no-preserve-root", "DANGEROUS", ""), row(1, "ls -la", "SAFE", "")];
    let set = scored("spam.jsonl", &shell);
    assert_eq!((&set["detector"], &set["accuracy"]), (&json!("destructive"), &json!(1.0)));

    let key = ["gh", "p_", "x7Kq2mVb9LtR4nWc8ZsY1dFh6JgP3aQe5UoT"].concat();
    let secrets = [
        row(0, &format!("token = {key}"), "SECRET", "github-pat"),
        row(1, "token = none", "NOT_THIS_SECRET", "github-pat"),
        // Wrongly labelled on purpose: a number that cannot be wrong says nothing.
        row(2, "nothing here", "SECRET", "github-pat"),
    ];
    let set = scored("a.jsonl", &secrets);
    assert_eq!(
        (&set["detector"], &set["recall"], &set["precision"]),
        (&json!("secret"), &json!(0.5), &json!(1.0))
    );
}

#[test]
fn labels_that_no_detector_is_for_are_said_and_a_line_that_is_no_row_is_named() {
    let set = scored("moods.jsonl", &[row(0, "la la", "HAPPY", "")]);
    assert_eq!((&set["detector"], &set["n"]), (&json!(null), &json!(1)));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("bad.jsonl");
    std::fs::write(&file, "{\"id\":\"a\",\"text\":\"x\",\"labels\":[\"SPAM\"]}\nnot json\n").unwrap();
    let ended = command::run(dir.path(), &["eval", file.to_str().unwrap()]);
    assert!(ended.code == Some(1) && ended.stderr.contains("line 2"), "{}", ended.stderr);
}
