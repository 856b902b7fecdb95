//! Fits the weights of the injection model and prints them; what they are worth goes to stderr.
//!
//! `cargo run --release -p tidegate-scanner --example train_injection -- [FOLDER] > crates/scanner/src/injection/weights.txt`
//!
//! Logistic regression by stochastic gradient descent with a penalty on the sum of weights (L1), on the seen
//! half of each set; the unseen half is only measured. The order of rows is shuffled by a seed: the same data
//! gives the same weights.

#[path = "score/sets.rs"]
#[expect(dead_code, reason = "the sets are shared with the scorer, which also judges them")]
mod sets;

use std::{collections::HashMap, path::Path};

use sets::{Part, Rows};
use tidegate_scanner::injection_rows;

/// Sets, the label of attacks in them, and whether every row counts as harmless whatever its label.
const SETS: [(&str, &str); 9] = [
    ("sql_injection", "SQLI"),
    ("sql_destructive", ""),
    ("notinject", ""),
    ("harmful_intent", ""),
    ("hatecheck", ""),
    ("spam_sms", ""),
    ("mod_openai", ""),
    ("shell_benign_wild", ""),
    ("sessions_hh", ""),
];
const EPOCHS: usize = 40;
const STEP: f32 = 0.3;
const PENALTY: f32 = 0.000_02;
/// Rows of tokens that fewer texts have say nothing.
const TEXTS_MIN: usize = 3;
/// Weights below this are left out.
const WEIGHT_MIN: f32 = 0.05;

struct Example {
    rows: Vec<usize>,
    attack: bool,
    seen: bool,
    judged: bool,
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "weights go to stdout, the report to stderr")]
fn main() -> anyhow::Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "../shared/data/dev".to_owned());
    let mut names: Vec<String> = Vec::new();
    let mut numbers: HashMap<String, usize> = HashMap::new();
    let mut counts: Vec<usize> = Vec::new();
    let mut examples = Vec::new();
    for (name, attacks) in SETS {
        let Some(rows) = Rows::open(Path::new(&folder), name)? else {
            anyhow::bail!("{name} is not in {folder}")
        };
        for row in rows.iter() {
            let mut own = Vec::new();
            for token_row in injection_rows(&row.text()) {
                let number = *numbers.entry(token_row.clone()).or_insert_with(|| {
                    names.push(token_row);
                    counts.push(0);
                    counts.len() - 1
                });
                counts[number] += usize::from(row.part() == Part::Seen);
                own.push(number);
            }
            let judged = name == "sql_injection";
            examples.push(Example {
                rows: own,
                attack: row.label() == attacks,
                seen: row.part() == Part::Seen,
                judged,
            });
        }
    }
    for example in &mut examples {
        example.rows.retain(|&row| counts[row] >= TEXTS_MIN);
    }
    let (bias, weights) = fit(&examples, names.len());
    for seen in [true, false] {
        let judged = examples.iter().filter(|example| example.judged && example.seen == seen);
        let (mut hit, mut alarm, mut missed) = (0, 0, 0);
        for example in judged {
            match (example.attack, odds(example, bias, &weights) > 0.0) {
                (true, true) => hit += 1,
                (false, true) => alarm += 1,
                (true, false) => missed += 1,
                (false, false) => {}
            }
        }
        let f1 = 2.0 * f64::from(hit) / f64::from(2 * hit + alarm + missed);
        eprintln!("sql_injection seen={seen}: f1 {f1:.4}, {alarm} alarms, {missed} missed");
    }
    println!("bias {:.0}", bias * 100.0);
    let mut lines: Vec<_> =
        names.iter().zip(&weights).filter(|(_, weight)| weight.abs() >= WEIGHT_MIN).collect();
    lines.sort_unstable_by_key(|(row, _)| *row);
    for (row, weight) in lines {
        println!("{row} {:.0}", weight * 100.0);
    }
    Ok(())
}

fn odds(example: &Example, bias: f32, weights: &[f32]) -> f32 {
    bias + example.rows.iter().map(|&row| weights[row]).sum::<f32>()
}

/// Bias and weights that fit the seen examples.
fn fit(examples: &[Example], rows: usize) -> (f32, Vec<f32>) {
    let mut order: Vec<usize> = (0..examples.len()).filter(|&at| examples[at].seen).collect();
    let (mut bias, mut weights, mut state) = (0.0_f32, vec![0.0_f32; rows], 7_u64);
    for epoch in 0..EPOCHS {
        for at in (1..order.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            order.swap(at, (state >> 33) as usize % (at + 1));
        }
        let step = STEP / (1.0 + epoch as f32);
        for &at in &order {
            let example = &examples[at];
            let share = step / (example.rows.len().max(1) as f32).sqrt();
            let probability = 1.0 / (1.0 + (-odds(example, bias, &weights)).exp());
            let error = f32::from(u8::from(example.attack)) - probability;
            bias += step * 0.1 * error;
            for &row in &example.rows {
                let moved = weights[row] + share * error;
                weights[row] = moved.signum() * (moved.abs() - step * PENALTY).max(0.0);
            }
        }
    }
    (bias, weights)
}
