//! `tidegate eval`: what the detectors are worth on labelled sets.
//!
//! Which detector a set is for follows from the labels in it, never from its name: risk, spam and injection by the screener
//! ([`tidegate_training::eval::Detector`]), secrets, personal data and commands by the scanner (`scans`), whole sessions and
//! chains of thought by the built-in threat model (`sessions`). Each detector
//! has one threshold, which is in the program. Texts are screened by tiers 0 and 1, and by tier 2 if `embedding.model_dir`
//! names the encoder that the heads were trained with. Sets that the weights were trained on are scored too: what those numbers
//! are worth, `tidegate train --cross-validate` says.

mod read;
mod scans;
mod scored;
mod sessions;
mod table;

use std::path::PathBuf;

use super::out;
use crate::config::Embedding;
use scored::{Judge, Scored};
use sessions::Sessions;

/// Flags of `eval`.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Labelled sets: `.jsonl` or `.jsonl.gz`, rows of `{id, text, labels}` or `{id, turns, labels}`
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Answer in JSON: one object a set
    #[arg(long)]
    json: bool,
}

/// Scores every file. Errors: a file cannot be read, or holds no rows; a model directory is named and cannot be used.
pub(super) fn run(args: &Args, embedding: &Embedding) -> anyhow::Result<()> {
    let judge = Judge::open(embedding)?;
    let scanner = scans::scanner()?;
    let mut sessions = Sessions::new()?;
    let mut all = Vec::new();
    for file in &args.files {
        let set = read::set(file)?;
        let scored = match sessions.score(&set).or_else(|| scans::score(&scanner, &set)) {
            Some(scored) => scored,
            None => scored::by_screener(&judge, &set)?,
        };
        all.push(scored);
        show(args, &all);
    }
    if let Some(together) = sessions.together() {
        all.push(together);
        show(args, &all);
    }
    if args.json {
        let all: Vec<_> = all.iter().map(Scored::json).collect();
        out::say(&serde_json::to_string_pretty(&all)?);
    }
    Ok(())
}

/// Prints the last set of a table.
fn show(args: &Args, all: &[Scored]) {
    if let (false, Some(scored)) = (args.json, all.last()) {
        table::rows(scored, all.len() == 1).iter().for_each(|line| out::say(line));
    }
}
