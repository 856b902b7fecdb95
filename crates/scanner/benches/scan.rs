//! How fast texts are scanned, next to every pattern run by itself, without the keys that choose them.
//!
//! `cargo bench -p tidegate-scanner --bench scan`

use std::{hint::black_box, time::Instant};

use regex_automata::{meta::Regex, util::syntax};
use tidegate_scanner::{Mode, Options, Scanner};

const CHAT: &str = "Hi Ana, thanks for the notes from Tuesday. I moved the review to Thursday at ten, since \
    two of us fly back on Wednesday night. Does that slot work for all?";
const EMOJI: &str = "Hi Ana 🎉 thanks for the notes from Tuesday. I moved the review to Thursday at ten, as \
    two of us fly back on Wednesday night. Does that slot work for?";
const PERSONAL: &str = "My mail is ana.lopez@example.org and you can call me at (415) 555-0132, or 10.0.0.12 \
    for the box itself. Card ends with 1111, invoice 20260113 is paid.";
const RUNS: usize = 15;
const TEXTS_PER_RUN: u32 = 20_000;
const TEXTS_PER_BASELINE: u32 = 200;

#[expect(clippy::print_stdout, reason = "a bench reports on stdout")]
fn main() {
    let scanner = Scanner::new(&Options::default()).expect("the default options are valid");
    let patterns = baseline();
    println!(
        "{:<12} {:>6} {:>12} {:>12} {:>14} {:>8}",
        "text", "bytes", "scan/s", "redact/s", "one by one/s", "ns"
    );
    for (name, text) in [("chat", CHAT), ("emoji", EMOJI), ("personal", PERSONAL)] {
        let scan = median(TEXTS_PER_RUN, || drop(black_box(scanner.scan(black_box(text)))));
        let redact =
            median(TEXTS_PER_RUN, || drop(black_box(scanner.redact(black_box(text), Mode::Partial))));
        let each = median(TEXTS_PER_BASELINE, || {
            black_box(patterns.iter().filter(|pattern| pattern.is_match(black_box(text))).count());
        });
        let per_s = |ns: f64| 1e9 / ns;
        println!(
            "{name:<12} {:>6} {:>12.0} {:>12.0} {:>14.0} {scan:>8.0}",
            text.len(),
            per_s(scan),
            per_s(redact),
            per_s(each)
        );
    }
}

/// Every pattern that has one, searched for anywhere in the text.
fn baseline() -> Vec<Regex> {
    let build = |pattern: &str| {
        let bytes = syntax::Config::new().unicode(false).utf8(false);
        Regex::builder().syntax(bytes).build(pattern).expect("built-in patterns are valid")
    };
    tidegate_scanner::formats().map(|(_, pattern)| build(pattern)).collect()
}

/// Median nanoseconds per call.
fn median(calls: u32, mut call: impl FnMut()) -> f64 {
    let mut runs: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            (0..calls).for_each(|_| call());
            start.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
        })
        .collect();
    runs.sort_by(f64::total_cmp);
    runs[RUNS / 2]
}
