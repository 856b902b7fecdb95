//! How many texts a second one core screens, by tier; beside it the plainest scan of the same texts.
//!
//! `cargo bench -p tidegate-screening --bench screen`
//!
//! With `TIDEGATE_TEXTS` naming a file of one text a line, those are screened instead of the built-in ones, and only the
//! rate of both tiers is printed: `bench/screening_peers.py` compares with other tools in that way.

use std::hint::black_box;
use std::time::Instant;

use tidegate_domain::author::Facts;
use tidegate_screening::{Settings, TextScreener};

const CLEAN: &str = "Hi Ana, thanks for the notes from Tuesday. I moved the review to Thursday at ten, since \
    two of us fly back on Wednesday night. Does that slot work for all?";
const CURLY: &str = "Hi Ana, thanks for the notes from Tuesday. I’ve moved the review to Thursday at ten, since \
    two of us fly back on Wednesday night. Does that slot work for a?";
const FLAGGED: &str = "You are such a stupid idiot!!! Your whole plan is awful and pathetic, and I hate the sound \
    of it. Nooooooo way that we ever pay for trash like this one.";
const RUNS: usize = 15;
const TEXTS_PER_RUN: usize = 10_000;

#[expect(clippy::print_stdout, reason = "a bench reports on stdout")]
#[expect(clippy::disallowed_methods, reason = "a bench has no configuration")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let both = TextScreener::new(&Settings::default())?;
    if let Ok(path) = std::env::var("TIDEGATE_TEXTS") {
        let texts = std::fs::read_to_string(path)?;
        let texts: Vec<&str> = texts.lines().collect();
        let ns = median_ns(&texts, |text| drop(black_box(both.assess(text, &Facts::default()))));
        println!("{:.0}", 1e9 / ns);
        return Ok(());
    }
    let rules = TextScreener::new(&Settings { learned: false, ..Settings::default() })?;
    println!("{:<24} {:>6} {:>12} {:>12} {:>12}", "text", "bytes", "tier 0 /s", "tiers 0+1 /s", "plain /s");
    for (name, text) in [("clean", CLEAN), ("clean, one curly quote", CURLY), ("flagged", FLAGGED)] {
        let rate = |screen: &dyn Fn(&str)| 1e9 / median_ns(&[text], screen);
        println!(
            "{name:<24} {:>6} {:>12.0} {:>12.0} {:>12.0}",
            text.len(),
            rate(&|text| drop(black_box(rules.assess(text, &Facts::default())))),
            rate(&|text| drop(black_box(both.assess(text, &Facts::default())))),
            rate(&|text| _ = black_box(plain(text))),
        );
    }
    Ok(())
}

/// Median over the runs of the nanoseconds a text takes.
fn median_ns(texts: &[&str], screen: impl Fn(&str)) -> f64 {
    let mut runs: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            texts.iter().cycle().take(TEXTS_PER_RUN).for_each(|text| screen(black_box(text)));
            start.elapsed().as_secs_f64() * 1e9 / TEXTS_PER_RUN as f64
        })
        .collect();
    runs.sort_by(f64::total_cmp);
    runs[RUNS / 2]
}

/// Baseline: lower case, split at white space, look for a few words.
fn plain(text: &str) -> usize {
    const WORDS: [&str; 8] = ["trash", "terrible", "awful", "stupid", "idiot", "hate", "pathetic", "loser"];
    text.to_lowercase().split_whitespace().filter(|word| WORDS.contains(word)).count()
}
