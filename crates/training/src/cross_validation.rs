//! Cross-validation: what models say about rows they were not trained on.

use std::path::Path;
use std::sync::Arc;

use tidegate_domain::author::Facts;
use tidegate_screening::{Head, LANES, Model, Scale, Settings, SettingsError, Table, TextScreener};

use crate::data::Row;
use crate::eval::{Detector, Report, report};
use crate::folds::{self, FOLDS};
use crate::heads;
use crate::train::{Corpus, TrainError, fit};
use crate::tune;

/// A row, and what the model that was not shown it says.
#[derive(Clone, Debug)]
pub struct OutOfFold {
    /// The set it is of.
    pub set: &'static str,
    /// The row.
    pub row: Row,
    /// Which fold it was left out with.
    pub fold: usize,
    /// For each head: above 0 if the row is of what it tells, below 0 if it is not, 0 if nobody decided.
    pub lessons: [i8; LANES],
    /// Margin by head.
    pub margins: [f64; LANES],
    /// The risk score of both tiers.
    pub risk: f64,
}

/// One tenth of the probabilities of a head: how often what it says is so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reliability {
    /// Mean of what was said.
    pub said: f64,
    /// Share of the rows that are.
    pub are: f64,
    /// How many rows there are.
    pub n: usize,
}

/// How often harmless texts of a set are taken for risky.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FalseAlarms {
    /// The set.
    pub set: &'static str,
    /// Rows that people found harmless.
    pub n: usize,
    /// The share of them with a risk score above 0.5.
    pub share: f64,
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

    /// How often texts with a probability really are what they are said to be, by head and tenth of probability.
    pub fn reliability(&self) -> Vec<(Head, Vec<Reliability>)> {
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
            let mean = |(said, are, n): (f64, f64, usize)| Reliability {
                said: said / n.max(1) as f64,
                are: are / n.max(1) as f64,
                n,
            };
            (head, bins.into_iter().map(mean).collect())
        };
        Head::ALL.into_iter().map(of).collect()
    }

    /// How often harmless texts are taken for risky, by set: rows whose only label is `LOW_RISK` or `BENIGN`.
    pub fn false_alarms(&self) -> Vec<FalseAlarms> {
        let mut alarms: Vec<FalseAlarms> = Vec::new();
        let harmless = |row: &&OutOfFold| {
            row.row.labels.len() == 1 && (row.row.has("LOW_RISK") || row.row.has("BENIGN"))
        };
        for row in self.rows.iter().filter(harmless) {
            let at = alarms.iter().position(|alarm| alarm.set == row.set).unwrap_or_else(|| {
                alarms.push(FalseAlarms { set: row.set, n: 0, share: 0.0 });
                alarms.len() - 1
            });
            alarms[at].n += 1;
            alarms[at].share += f64::from(u8::from(row.risk > 0.5));
        }
        alarms.iter_mut().for_each(|alarm| alarm.share /= alarm.n as f64);
        alarms
    }

    /// Fills in the risk of the rows of `fold`, by the calibrated model that was not shown them.
    fn assess(&mut self, fold: usize, model: Model) -> Result<(), SettingsError> {
        let screener = TextScreener::with_model(&Settings::default(), Some(Arc::new(model)))?;
        for row in self.rows.iter_mut().filter(|row| row.fold == fold) {
            row.risk = screener.assess(&row.row.text, &Facts::default()).risk_score.get();
        }
        Ok(())
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
    let mut models = Vec::with_capacity(FOLDS);
    for fold in 0..FOLDS {
        let on: Vec<usize> = (0..folds.len()).filter(|&nth| folds[nth] != fold).collect();
        let model = fit(corpus, &on, seed);
        let screener = TextScreener::with_model(&Settings::default(), Some(Arc::new(model.clone())))?;
        for nth in (0..folds.len()).filter(|&nth| folds[nth] == fold) {
            let (set, row) = &corpus.rows[nth];
            let margins = screener.margins(&row.text).unwrap_or([0.0; LANES]);
            rows.push(OutOfFold {
                set,
                row: row.clone(),
                fold,
                lessons: corpus.lessons[nth],
                margins,
                risk: 0.0,
            });
        }
        models.push(model);
    }
    let mut validation = CrossValidation { rows };
    for (fold, model) in models.into_iter().enumerate() {
        let scales = validation.tuned_without(fold).scales;
        validation.assess(fold, Model { scales: rescaled(&model, scales), ..model })?;
    }
    Ok(validation)
}

/// The units and biases of `model`, with the calibration and thresholds of `tuned`.
fn rescaled(model: &Model, tuned: [Scale; LANES]) -> [Scale; LANES] {
    let mut scales = model.scales;
    for (scale, tuned) in scales.iter_mut().zip(tuned) {
        (scale.slope, scale.offset, scale.threshold) = (tuned.slope, tuned.offset, tuned.threshold);
    }
    scales
}
