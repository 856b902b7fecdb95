//! How many texts a second one core screens; beside it the same rules written the plain way.
//!
//! `cargo bench -p tidegate-screening --bench screen`

use std::{collections::HashSet, hint::black_box, time::Instant};

use tidegate_domain::assessment::Screener;
use tidegate_screening::{LexicalScreener, Lexicon};

const CLEAN: &str = "Hi Ana, thanks for the notes from Tuesday. I moved the review to Thursday at ten, since \
    two of us fly back on Wednesday night. Does that slot work for all?";
const CURLY: &str = "Hi Ana, thanks for the notes from Tuesday. I’ve moved the review to Thursday at ten, since \
    two of us fly back on Wednesday night. Does that slot work for a?";
const FLAGGED: &str = "You are such a stupid idiot!!! Your whole plan is awful and pathetic, and I hate the sound \
    of it. Nooooooo way that we ever pay for trash like this one.";
const RUNS: usize = 15;
const TEXTS_PER_RUN: u32 = 100_000;

#[expect(clippy::print_stdout, reason = "a bench reports on stdout")]
fn main() {
    let screener = LexicalScreener::default();
    let plain = Plain::new(Lexicon::default());
    println!("{:<24} {:>6} {:>12} {:>12} {:>8}", "text", "bytes", "screener/s", "plain/s", "ns");
    for (name, text) in [("clean", CLEAN), ("clean, one curly quote", CURLY), ("flagged", FLAGGED)] {
        let (ours, theirs) = medians(
            || drop(black_box(screener.assess(black_box(text)))),
            || drop(black_box(plain.score(black_box(text)))),
        );
        println!("{name:<24} {:>6} {:>12.0} {:>12.0} {:>8.0}", text.len(), 1e9 / ours, 1e9 / theirs, ours);
    }
}

/// Median nanoseconds per call of each, their runs interleaved so that both meet the same noise.
fn medians(mut ours: impl FnMut(), mut theirs: impl FnMut()) -> (f64, f64) {
    let time = |call: &mut dyn FnMut(u32)| {
        let start = Instant::now();
        call(TEXTS_PER_RUN);
        start.elapsed().as_secs_f64() * 1e9 / f64::from(TEXTS_PER_RUN)
    };
    let (mut left, mut right): (Vec<f64>, Vec<f64>) = (0..RUNS)
        .map(|_| (time(&mut |n| (0..n).for_each(|_| ours())), time(&mut |n| (0..n).for_each(|_| theirs()))))
        .unzip();
    left.sort_by(f64::total_cmp);
    right.sort_by(f64::total_cmp);
    (left[RUNS / 2], right[RUNS / 2])
}

/// Baseline: the rules as seed 002 words them. Tokens by white space, a set of words, loops over copies.
struct Plain {
    offensive: HashSet<String>,
    targeting: Vec<String>,
}

impl Plain {
    fn new(words: Lexicon) -> Self {
        Self { offensive: words.offensive.into_iter().collect(), targeting: words.targeting }
    }

    fn score(&self, text: &str) -> (f64, Vec<String>) {
        let mut score = 0.0_f64;
        let mut flags = Vec::new();
        let letters: Vec<char> = text.chars().filter(|c| c.is_alphabetic()).collect();
        let upper = letters.iter().filter(|c| c.is_uppercase()).count();
        if text.chars().count() > 10 && upper as f64 / letters.len().max(1) as f64 > 0.8 {
            score += 0.2;
            flags.push("all_caps_spam".to_string());
        }
        let chars: Vec<char> = text.chars().collect();
        if chars.windows(3).any(|run| run.iter().all(|c| matches!(c, '!' | '?'))) {
            score += 0.15;
            flags.push("repeated_punctuation".to_string());
        }
        if chars.windows(5).any(|run| run.iter().all(|c| *c == run[0] && *c != '\n')) {
            score += 0.15;
            flags.push("repeated_punctuation".to_string());
        }
        let lower = text.to_lowercase();
        let offensive = lower.split_whitespace().filter(|token| self.offensive.contains(*token)).count();
        if offensive > 0 {
            score += (0.1 * offensive as f64).min(0.3);
            flags.push("offensive_language".to_string());
        }
        if self.targeting.iter().any(|phrase| lower.contains(phrase.as_str())) {
            score += 0.2;
            flags.push("targeting_behavior".to_string());
        }
        (score.min(1.0), flags)
    }
}
