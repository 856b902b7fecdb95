//! A chain of thought as numbers: what the head says of its words, and which cues stand in it.

use crate::model::{COT, Heads, Lane, Weights};
use crate::text::cues::Cue;
use crate::text::reading::Reading;

/// Names of the features, in order.
pub const COT_NAMES: [&str; COT] = [
    "words",
    "words_highest",
    "hides",
    "fakes",
    "tests",
    "watched",
    "rule",
    "rule_and_but",
    "aim",
    "steers",
    "harm",
    "bypass",
    "kinds",
    "mismatch",
];

/// The features of reasoning of which so many mismatches are known; about 0..1 each.
pub(crate) fn of(reading: &Reading, mismatches: usize, weights: &Weights) -> [f64; COT] {
    let counts = reading.counts();
    let has = |cue: Cue| f64::from(counts[cue as usize].min(2)) / 2.0;
    let highest = reading.windows(&weights.heads, Lane::Cot).map(|window| window.margin).fold(-4.0, f64::max);
    let kinds = [
        Cue::CotHide,
        Cue::CotFake,
        Cue::CotTests,
        Cue::CotWatched,
        Cue::CotAim,
        Cue::CotSteer,
        Cue::CotBypass,
    ];
    [
        reading.margin(&weights.heads, Lane::Cot).clamp(-4.0, 4.0) / 4.0,
        highest.clamp(-4.0, 4.0) / 4.0,
        has(Cue::CotHide),
        has(Cue::CotFake),
        has(Cue::CotTests),
        has(Cue::CotWatched),
        has(Cue::CotRule),
        has(Cue::CotRule) * has(Cue::CotBut) * 2.0,
        has(Cue::CotAim),
        has(Cue::CotSteer),
        has(Cue::CotHarm),
        has(Cue::CotBypass),
        kinds.iter().filter(|&&cue| counts[cue as usize] > 0).count() as f64 / 3.0,
        (mismatches as f64 / 2.0).min(1.0),
    ]
}

/// How much reasoning reads like one that deceives, by the head alone, 0..1.
pub(crate) fn hint(reading: &Reading, heads: &Heads) -> f64 {
    if reading.words.is_empty() { 0.0 } else { 1.0 / (1.0 + libm::exp(-reading.margin(heads, Lane::Cot))) }
}
