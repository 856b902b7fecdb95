//! The model: how much each short row of tokens speaks for an attack.
//!
//! Logistic regression over rows of one to five tokens. Weights, training data and licences: `MODEL.md` beside
//! this file; they are made by `cargo run --release -p tidegate-scanner --example train_injection`.

use std::{collections::HashMap, sync::LazyLock};

use super::tokens::{Context, classes};

/// Longest row of tokens.
const ROW_TOKENS_MAX: usize = 5;

/// Weights by row. A line is a row and its weight in hundredths; the first line is the weight of everything.
static WEIGHTS: LazyLock<HashMap<&'static str, f32>> = LazyLock::new(|| parse(include_str!("weights.txt")));

fn parse(lines: &'static str) -> HashMap<&'static str, f32> {
    let pairs = lines.lines().filter_map(|line| {
        let (row, weight) = line.split_once(' ')?;
        Some((row, weight.parse::<f32>().ok()? / 100.0))
    });
    pairs.collect()
}

/// Every different row of tokens in `text`, in each context that it can be put into.
///
/// - Result: sorted, each once; at most 3 × 48 × 5 rows.
/// - Cost: O(bytes) for the tokens, the rest bounded.
pub fn rows(text: &str) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    visit(text, |row| rows.push(row.to_owned()));
    rows.sort_unstable();
    rows.dedup();
    rows
}

fn visit(text: &str, mut each: impl FnMut(&str)) {
    let quoted = ['\'', '"'].into_iter().filter(|&quote| text.contains(quote)).map(Context::Quoted);
    for context in [Context::Bare].into_iter().chain(quoted) {
        let classes = classes(text, context);
        for from in 0..classes.len() {
            for to in from + 1..=classes.len().min(from + ROW_TOKENS_MAX) {
                // Classes are ASCII: this cannot fail, and a row that is none weighs nothing.
                each(std::str::from_utf8(&classes[from..to]).unwrap_or_default());
            }
        }
    }
}

/// The sum of the weights of all rows in `text`, each once: above 0 an attack is likelier than not.
pub(super) fn log_odds(text: &str) -> f32 {
    let weights = &*WEIGHTS;
    let mut seen: Vec<(&str, f32)> = Vec::new();
    visit(text, |row| {
        if let Some((row, weight)) = weights.get_key_value(row) {
            seen.push((row, *weight));
        }
    });
    seen.sort_unstable_by_key(|(row, _)| *row);
    seen.dedup_by_key(|(row, _)| *row);
    weights.get("bias").copied().unwrap_or(0.0) + seen.iter().map(|(_, weight)| weight).sum::<f32>()
}
