//! Cross-validation: what models say about rows they were not trained on.

use std::path::Path;
use std::sync::Arc;

use tidegate_screening::{LANES, Settings, SettingsError, TextScreener};

use crate::data::Row;
use crate::folds::{self, FOLDS};
use crate::heads::Lessons;
use crate::train::{Corpus, TrainError, fit};

/// A row, and what the model that was not shown it says.
#[derive(Clone, Debug)]
pub struct OutOfFold {
    /// The set it is of.
    pub set: &'static str,
    /// The row.
    pub row: Row,
    /// Which fold it was left out with.
    pub fold: usize,
    /// What it teaches each head.
    pub lessons: Lessons,
    /// Margin by head.
    pub margins: [f64; LANES],
}

/// The outcome of a five-fold cross-validation.
#[derive(Clone, Debug)]
pub struct CrossValidation {
    /// Every row once.
    pub rows: Vec<OutOfFold>,
}

impl CrossValidation {
    /// The margins of one head on the rows that it could have learnt from.
    pub(crate) fn margins_of(&self, head: usize) -> Vec<(f64, bool)> {
        let taught = self.rows.iter().filter(|row| row.lessons[head] != 0);
        taught.map(|row| (row.margins[head], row.lessons[head] > 0)).collect()
    }
}

/// Five trainings, each on four fifths of the rows in `dir`, and what they say about the rest.
///
/// - Folds are stratified by set and label, and near copies stay together.
/// - The margins are those of shipped inference, rounded weights and all.
/// - Errors as [`train`](crate::train).
pub fn cross_validate(dir: &Path, seed: u64) -> Result<CrossValidation, TrainError> {
    Ok(run(&Corpus::read(dir)?, seed)?)
}

pub(crate) fn run(corpus: &Corpus, seed: u64) -> Result<CrossValidation, SettingsError> {
    let named: Vec<(&str, &Row)> = corpus.rows.iter().map(|(set, row)| (*set, row)).collect();
    let folds = folds::deal(&named, seed);
    let mut rows = Vec::with_capacity(corpus.rows.len());
    for fold in 0..FOLDS {
        let on: Vec<usize> = (0..folds.len()).filter(|&nth| folds[nth] != fold).collect();
        let screener =
            TextScreener::with_model(&Settings::default(), Some(Arc::new(fit(corpus, &on, seed))))?;
        for nth in (0..folds.len()).filter(|&nth| folds[nth] == fold) {
            let (set, row) = &corpus.rows[nth];
            let margins = screener.margins(&row.text).unwrap_or([0.0; LANES]);
            rows.push(OutOfFold { set, row: row.clone(), fold, lessons: corpus.lessons[nth], margins });
        }
    }
    Ok(CrossValidation { rows })
}
