//! The head and the channel of chains of thought.

use tidegate_analysis::learn;
use tidegate_analysis::{COT, Lane, Weights};

use super::corpus::{Corpus, Thought};
use super::folds::{self, FOLDS};
use super::linear::{self, Example, Head, Recipe};
use super::{heads, logistic, stack};

const RECIPE: Recipe = Recipe { passes: 12, step: 0.1, decay: 2e-5 };
const FPR_MAX: f64 = 0.1;

/// Trains both on the chains `on` and writes them into `weights`.
pub(super) fn fit(corpus: &Corpus, on: &[usize], seed: u64, weights: &mut Weights) {
    let folds = deal(corpus, on, seed ^ 0x5eed);
    let mut rows: Vec<logistic::Row<COT>> = Vec::new();
    for fold in 0..FOLDS {
        let rest: Vec<usize> = (0..on.len()).filter(|&n| folds[n] != fold).map(|n| on[n]).collect();
        heads::set(&mut weights.heads, Lane::Cot, &head(corpus, &rest, seed));
        for nth in (0..on.len()).filter(|&nth| folds[nth] == fold) {
            let thought = &corpus.thoughts[on[nth]];
            rows.push((learn::cot_features(&thought.request, weights), thought.it_is, 1.0));
        }
    }
    heads::set(&mut weights.heads, Lane::Cot, &head(corpus, on, seed));
    weights.cot = stack::placed(logistic::fit(&rows, None, 5e-3), &rows, FPR_MAX);
}

fn head(corpus: &Corpus, on: &[usize], seed: u64) -> Head {
    let thoughts: Vec<&Thought> = on.iter().map(|&nth| &corpus.thoughts[nth]).collect();
    let yes = thoughts.iter().filter(|thought| thought.it_is).count().max(1) as f32;
    let no = (thoughts.len() as f32 - yes).max(1.0);
    let examples: Vec<Example<'_>> = thoughts
        .iter()
        .map(|thought| Example {
            parts: vec![thought.grams.of_words(&(0..thought.grams.words()))],
            words: thought.grams.words(),
            it_is: thought.it_is,
            weight: if thought.it_is { 1.0 } else { (yes / no).min(3.0) },
        })
        .collect();
    linear::train(&examples, RECIPE, seed)
}

/// Folds of the chains `on`, families together.
pub(super) fn deal(corpus: &Corpus, on: &[usize], seed: u64) -> Vec<usize> {
    let rows: Vec<(String, &str)> = on
        .iter()
        .map(|&nth| {
            let thought = &corpus.thoughts[nth];
            let family = thought.row.raw["family"].as_str().unwrap_or(&thought.row.id);
            (format!("{}", thought.it_is), family)
        })
        .collect();
    folds::deal(&rows, seed)
}
