//! Scores the scanner on labelled sets: precision, recall, F1 and false alarms, per set and per kind.
//!
//! `cargo run --release -p tidegate-scanner --example score -- [FOLDER] [--misses SET] [--kinds]`
//!
//! Rules were written by looking at a random half of each set (`seen`) and, once that was done and measured, at
//! a quarter more (`later`); the last quarter (`unseen`) was never looked at and shows what they are worth.
//! `--misses` prints wrong rows of the parts that may be looked at.

mod sets;

use std::{collections::BTreeMap, path::Path};

use anyhow::Context as _;
use sets::{Count, Part, Row, Rows, Verdict};
use tidegate_scanner::{Options, Scanner};

#[expect(clippy::print_stdout, reason = "a report goes to stdout")]
fn main() -> anyhow::Result<()> {
    let mut folder = "../shared/data/dev".to_owned();
    let (mut misses, mut kinds) = (None, false);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--misses" => misses = Some(arguments.next().context("--misses needs a set")?),
            "--kinds" => kinds = true,
            _ => folder = argument,
        }
    }
    let scanner = Scanner::new(&Options::default())?;
    println!(
        "{:<34} {:>6} {:>5} {:>5} {:>5} {:>5} {:>9} {:>7} {:>7} {:>7}",
        "set", "half", "tp", "fp", "fn", "tn", "precision", "recall", "f1", "fpr"
    );
    for (name, judge) in sets::ALL {
        let Some(rows) = Rows::open(Path::new(&folder), name)? else {
            println!("{name:<34} is not in {folder}");
            continue;
        };
        let mut counts: BTreeMap<(String, &str), Count> = BTreeMap::new();
        for row in rows.iter() {
            let part = row.part();
            let half = part.name();
            for (slice, verdict) in judge(&scanner, row) {
                counts.entry((slice.clone(), half)).or_default().add(verdict);
                if kinds {
                    counts.entry((format!("{slice} {}", row.kind()), half)).or_default().add(verdict);
                }
                let wrong = matches!(verdict, Verdict::Missed | Verdict::Alarm);
                if wrong && part != Part::Unseen && misses.as_deref() == Some(slice.as_str()) {
                    println!("  {verdict:?} {half} {} {:?}", row.kind(), excerpt(row));
                }
            }
        }
        for ((slice, half), count) in &counts {
            println!("{slice:<34} {half:>6} {count}");
        }
    }
    Ok(())
}

fn excerpt(row: &Row) -> String {
    row.text().chars().take(220).collect()
}
