//! Cross-validation: what models say about rows they were not trained on.

use std::sync::Arc;

use tidegate_domain::assessment::Assessment;
use tidegate_domain::author::Facts;
use tidegate_screening::{Calibration, Head, LANES, Margins, Model, Settings, SettingsError, TextScreener};

use crate::data::Row;
use crate::eval::{Detector, Report, report};
use crate::folds::{self, FOLDS};
use crate::heads;
use crate::train::{Corpus, fit};
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
    pub margins: Margins,
    /// Its place in the corpus.
    pub(crate) nth: usize,
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
        let tuned = self.calibrations();
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
        let tuned = self.calibrations();
        let of = |head: Head| {
            let mut bins = [(0.0, 0.0, 0_usize); 10];
            for row in self.rows.iter().filter(|row| row.lessons[head as usize] != 0) {
                let probability = tuned[row.fold][head as usize].probability(row.margins[head as usize]);
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

    /// Fills in the risk of the rows of `fold`: `assess` gives that of a row.
    pub(crate) fn assess(&mut self, fold: usize, assess: impl Fn(&OutOfFold) -> Assessment) {
        for row in self.rows.iter_mut().filter(|row| row.fold == fold) {
            row.risk = assess(row).risk_score.get();
        }
    }

    /// For each fold calibration and thresholds by the rows of all others.
    pub(crate) fn calibrations(&self) -> Vec<[Calibration; LANES]> {
        let without =
            |fold: usize| -> Vec<&OutOfFold> { self.rows.iter().filter(|row| row.fold != fold).collect() };
        (0..FOLDS).map(|fold| tune::calibrations(&without(fold))).collect()
    }
}

/// Five trainings, each on four fifths of the rows, and what they say about the rest.
///
/// - Folds are stratified by set and label, and near copies stay together.
/// - The margins are those of shipped inference, rounded weights and all.
/// - Result: also the five models, calibrated without the rows they are to judge.
pub(crate) fn run(corpus: &Corpus, seed: u64) -> Result<(CrossValidation, Vec<Model>), SettingsError> {
    let named: Vec<(&str, &Row)> = corpus.rows.iter().map(|(set, row)| (*set, row)).collect();
    let folds = folds::deal(&named, seed);
    let mut rows = Vec::with_capacity(corpus.rows.len());
    let mut models = Vec::with_capacity(FOLDS);
    for fold in 0..FOLDS {
        let (out, on): (Vec<usize>, Vec<usize>) = (0..folds.len()).partition(|&nth| folds[nth] == fold);
        let model = fit(corpus, &on, seed);
        for (&nth, margins) in out.iter().zip(margins(corpus, &model, &out)?) {
            let (set, row) = &corpus.rows[nth];
            let lessons = corpus.lessons[nth];
            rows.push(OutOfFold { set, row: row.clone(), fold, lessons, margins, nth, risk: 0.0 });
        }
        models.push(model);
    }
    let mut validation = CrossValidation { rows };
    let calibrations = validation.calibrations();
    for (fold, (model, calibrations)) in models.iter_mut().zip(&calibrations).enumerate() {
        model.calibrate(calibrations);
        let screener = TextScreener::with_model(&Settings::default(), Some(Arc::new(model.clone())))?;
        validation.assess(fold, |row| screener.assess(&row.row.text, &Facts::default()));
    }
    Ok((validation, models))
}

/// What `model` says of the rows `of`.
pub(crate) fn margins(corpus: &Corpus, model: &Model, of: &[usize]) -> Result<Vec<Margins>, SettingsError> {
    let screener = TextScreener::with_model(&Settings::default(), Some(Arc::new(model.clone())))?;
    let margins = |&nth: &usize| screener.margins(&corpus.rows[nth].1.text).unwrap_or([0.0; LANES]);
    Ok(of.iter().map(margins).collect())
}
