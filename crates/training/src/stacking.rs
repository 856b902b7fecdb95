//! Cross-validation of the heads of tier 2.
//!
//! A head may not learn from margins whose model has seen the rows that the head will be judged by. So for each fold that
//! is left out, the margins of the other four come from models that saw neither that fold nor the row's own: one more
//! training for each pair of folds.

use std::sync::Arc;

use tidegate_domain::author::Facts;
use tidegate_screening::{Margins, Model, SentenceHeads, Settings, SettingsError, TextScreener};

use crate::cross_validation::{CrossValidation, margins};
use crate::folds::FOLDS;
use crate::stack;
use crate::train::{Corpus, fit};
use crate::vectors::Vectors;

/// What heads say of rows that neither they nor the models behind them were shown.
///
/// - `validation`, `models`: the same of tier 1, and its models by fold.
pub(crate) fn run(
    corpus: &Corpus,
    vectors: &Vectors,
    validation: &CrossValidation,
    models: &[Model],
    seed: u64,
) -> Result<CrossValidation, SettingsError> {
    let without = Inner::of(corpus, validation, seed)?;
    let mut stacked = validation.clone();
    let mut all = Vec::with_capacity(FOLDS);
    for (fold, known) in without.0.iter().enumerate() {
        let on: Vec<usize> = (0..known.len()).filter(|&nth| known[nth].is_some()).collect();
        let margins: Vec<Margins> = known.iter().flatten().copied().collect();
        let heads = stack::fit(corpus, vectors, &on, &margins, seed);
        for row in stacked.rows.iter_mut().filter(|row| row.fold == fold) {
            row.margins = heads.margins(vectors.text(row.nth), &row.margins);
        }
        all.push(heads);
    }
    for (fold, (heads, calibrations)) in all.into_iter().zip(stacked.calibrations()).enumerate() {
        let heads = SentenceHeads { calibrations, ..heads };
        let screener = TextScreener::with_model(&Settings::default(), Some(Arc::new(models[fold].clone())))?
            .with_heads(Arc::new(heads));
        stacked.assess(fold, |row| {
            screener.assess_with(&row.row.text, &Facts::default(), Some(vectors.text(row.nth)))
        });
    }
    Ok(stacked)
}

/// By fold left out, then by place in the corpus: margins by models that saw neither; `None` for rows of the fold itself.
struct Inner(Vec<Vec<Option<Margins>>>);

impl Inner {
    fn of(corpus: &Corpus, validation: &CrossValidation, seed: u64) -> Result<Self, SettingsError> {
        let mut folds = vec![0; corpus.rows.len()];
        validation.rows.iter().for_each(|row| folds[row.nth] = row.fold);
        let mut inner = Self(vec![vec![None; folds.len()]; FOLDS]);
        for (one, other) in (0..FOLDS).flat_map(|one| (one + 1..FOLDS).map(move |other| (one, other))) {
            let on: Vec<usize> =
                (0..folds.len()).filter(|&nth| folds[nth] != one && folds[nth] != other).collect();
            let model = fit(corpus, &on, seed);
            for (out, of) in [(one, other), (other, one)] {
                let rows: Vec<usize> = (0..folds.len()).filter(|&nth| folds[nth] == of).collect();
                for (nth, margins) in rows.iter().zip(margins(corpus, &model, &rows)?) {
                    inner.0[out][*nth] = Some(margins);
                }
            }
        }
        Ok(inner)
    }
}
