//! The shipped weights against the labelled sets, where those are present.
//!
//! The sets lie in `../shared/data/dev` beside the repository, or where `TIDEGATE_DATA` says.

use std::path::PathBuf;

use tidegate_screening::{Settings, TextScreener};
use tidegate_training::data::read_set;
use tidegate_training::eval::evaluate;

#[expect(clippy::disallowed_methods, reason = "a test has no configuration")]
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn data() -> Option<PathBuf> {
    let beside = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/dev"));
    let dir = std::env::var("TIDEGATE_DATA").map_or(beside, PathBuf::from);
    if !dir.exists() {
        println!("skipped: no labelled sets in {}", dir.display());
    }
    dir.exists().then_some(dir)
}

/// Weights that were trained on a set must at least fit it: anything less is a broken file or a changed feature.
#[test]
fn shipped_weights_belong_to_this_code() {
    let Some(dir) = data() else { return };
    let screener = TextScreener::new(&Settings::default()).unwrap();
    for set in
        ["hatecheck", "surge_toxicity", "spam_sms", "jailbreak", "injection_indirect", "harmful_intent"]
    {
        for report in evaluate(&screener, None, &read_set(&dir, set).unwrap()).unwrap() {
            assert!(report.f1 > 0.95, "{set}: {}", report.f1);
            assert!(report.f1_interval.low <= report.f1 && report.f1 <= report.f1_interval.high);
        }
    }
}
