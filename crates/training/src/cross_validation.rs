//! Cross-validation: what models say about rows they were not trained on.

use std::path::Path;
use std::sync::Arc;

use tidegate_screening::{Head, LANES, Model, Settings, SettingsError, Table, TextScreener};

use crate::data::Row;
use crate::folds::{self, FOLDS};
use crate::eval::{Detector, Report, report};
use crate::heads::{self, Lessons};
use crate::tune;
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
    /// One report a set and detector, where every row was judged by weights and thresholds that were not fitted to it.
    ///
    /// Thresholds and calibration of a fold are those of the four others. Sets in the order they were read in.
    pub fn reports(&self) -> Vec<(&'static str, Report)> {
        let tuned: Vec<Model> = (0..FOLDS).map(|fold| self.tuned_without(fold)).collect();
        let mut sets: Vec<&'static str> = self.rows.iter().map(|row| row.set).collect();
        sets.sort_by_key(|set| heads::SETS.iter().position(|own| own == set));
        sets.dedup();
        let mut reports = Vec::new();
        for set in sets.into_iter().filter(|set| heads::SETS.contains(set)) {
            let rows: Vec<&OutOfFold> = self.rows.iter().filter(|row| row.set == set).collect();
            let plain: Vec<Row> = rows.iter().map(|row| row.row.clone()).collect();
            for detector in Detector::of(&plain) {
                let answered: Vec<_> = rows
                    .iter()
                    .filter_map(|row| {
                        let (answer, score) = detector.answer(&row.margins, &tuned[row.fold]);
                        detector.truth(&row.row).map(|truth| (truth, answer, score))
                    })
                    .collect();
                reports.push((set, report(detector, &answered)));
            }
        }
        reports
    }

    /// How often texts with a probability really are: by head, for each tenth of probability, mean probability, share
    /// that are, and how many there were.
    pub fn reliability(&self) -> Vec<(Head, Vec<(f64, f64, usize)>)> {
        let tuned: Vec<Model> = (0..FOLDS).map(|fold| self.tuned_without(fold)).collect();
        let of = |head: Head| {
            let mut bins = [(0.0, 0.0, 0_usize); 10];
            for row in self.rows.iter().filter(|row| row.lessons[head as usize] != 0) {
                let probability = tuned[row.fold].probabilities(&row.margins)[head as usize];
                let bin = &mut bins[((probability * 10.0) as usize).min(9)];
                bin.0 += probability;
                bin.1 += f64::from(u8::from(row.lessons[head as usize] > 0));
                bin.2 += 1;
            }
            let mean = |(sum, hits, n): (f64, f64, usize)| (sum / n.max(1) as f64, hits / n.max(1) as f64, n);
            (head, bins.into_iter().map(mean).collect())
        };
        Head::ALL.into_iter().map(of).collect()
    }

    /// Calibration and thresholds by the rows of every fold but one; its weights are empty.
    pub(crate) fn tuned_without(&self, fold: usize) -> Model {
        let mut model = Model { table: Table::default(), scales: Default::default() };
        tune::tune(&mut model, &self.rows.iter().filter(|row| row.fold != fold).collect::<Vec<_>>());
        model
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
        let screener = TextScreener::with_model(&Settings::default(), Some(Arc::new(fit(corpus, &on, seed))))?;
        for nth in (0..folds.len()).filter(|&nth| folds[nth] == fold) {
            let (set, row) = &corpus.rows[nth];
            let margins = screener.margins(&row.text).unwrap_or([0.0; LANES]);
            rows.push(OutOfFold { set, row: row.clone(), fold, lessons: corpus.lessons[nth], margins });
        }
    }
    Ok(CrossValidation { rows })
}
