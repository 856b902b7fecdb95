//! Reports: all numbers of one detector on one set.

use std::time::Instant;

use serde::Serialize;
use tidegate_embedding::{EmbedError, Embedder};
use tidegate_screening::{Calibration, LANES, Margins, TextScreener};

use super::Detector;
use super::bootstrap;
use super::metrics::{auprc, auroc};
use crate::data::Row;

/// A 95 % interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// How well one answer is told from the others.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PerLabel {
    /// The answer.
    pub label: String,
    /// Rows that people gave it.
    pub n: usize,
    /// Of those said to be, the share that is.
    pub precision: f64,
    /// Of those that are, the share said to be.
    pub recall: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
}

/// What a detector is worth on a set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Which detector.
    pub detector: String,
    /// Rows that have an answer.
    pub n: usize,
    /// Of those said to be anything, the share that is.
    pub precision: f64,
    /// Of those that are anything, the share said to be.
    pub recall: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
    /// Of those that are nothing, the share said to be something.
    pub fpr: f64,
    /// Area under the ROC curve.
    pub auroc: f64,
    /// Area under the curve of precision over recall.
    pub auprc: f64,
    /// Share of right answers.
    pub accuracy: f64,
    /// Mean F1 over the answers.
    pub macro_f1: f64,
    /// By answer.
    pub per_label: Vec<PerLabel>,
    /// 95 % interval of F1.
    pub f1_interval: Interval,
    /// 95 % interval of the area under the ROC curve.
    pub auroc_interval: Interval,
    /// 95 % interval of the area under the curve of precision over recall.
    pub auprc_interval: Interval,
    /// 95 % interval of the share of right answers.
    pub accuracy_interval: Interval,
    /// 95 % interval of the mean F1.
    pub macro_f1_interval: Interval,
    /// Texts scored a second by one thread; 0 where that was not measured.
    pub items_per_s: f64,
}

/// One row: truth, answer, score.
pub type Answered = (usize, usize, f64);

/// Measures every detector that the labels of `rows` ask for. Empty if the screener has no weights.
///
/// - `encoder`: whose vectors the screener's heads are asked with; without one, or without heads, tier 1 is.
/// - Cost: one scoring of each text, and 400 resamplings of the answers.
/// - Errors: the encoder refuses a text.
pub fn evaluate(
    screener: &TextScreener,
    encoder: Option<&dyn Embedder>,
    rows: &[Row],
) -> Result<Vec<Report>, EmbedError> {
    let start = Instant::now();
    let Some((calibrations, margins)) = scored(screener, encoder, rows)? else { return Ok(Vec::new()) };
    let items_per_s = rows.len() as f64 / start.elapsed().as_secs_f64();
    let judge = |detector: Detector| {
        let answered: Vec<Answered> = rows
            .iter()
            .zip(&margins)
            .filter_map(|(row, margins)| {
                let (answer, score) = detector.answer(margins, &calibrations);
                detector.truth(row).map(|truth| (truth, answer, score))
            })
            .collect();
        Report { items_per_s, ..report(detector, &answered) }
    };
    Ok(Detector::of(rows).into_iter().map(judge).collect())
}

/// How margins are read, and those of every row.
type Scored = ([Calibration; LANES], Vec<Margins>);

fn scored(
    screener: &TextScreener,
    encoder: Option<&dyn Embedder>,
    rows: &[Row],
) -> Result<Option<Scored>, EmbedError> {
    let Some(model) = screener.model() else { return Ok(None) };
    let margins: Vec<Margins> = rows.iter().filter_map(|row| screener.margins(&row.text)).collect();
    let (Some(heads), Some(encoder)) = (screener.heads(), encoder) else {
        return Ok(Some((model.calibrations(), margins)));
    };
    let mut stacked = Vec::with_capacity(rows.len());
    for (rows, margins) in rows.chunks(BATCH).zip(margins.chunks(BATCH)) {
        let texts: Vec<&str> = rows.iter().map(|row| row.text.as_str()).collect();
        let vectors = encoder.embed(&texts)?;
        stacked.extend(vectors.iter().zip(margins).map(|(vector, margins)| heads.margins(vector, margins)));
    }
    Ok(Some((heads.calibrations, stacked)))
}

/// Texts embedded at once.
const BATCH: usize = 32;

/// The report of `answered`: for each row what people answered and what `detector` did, as places in its answers, and
/// its score.
pub fn report(detector: Detector, answered: &[Answered]) -> Report {
    report_named(&detector.name(), detector.answers(), answered)
}

/// As [`report`], of a detector of one's own: its name, and its answers with "nothing" last.
pub fn report_named(detector: &str, answers: &[&str], answered: &[Answered]) -> Report {
    let nothing = answers.len().saturating_sub(1);
    let per_label: Vec<PerLabel> =
        answers.iter().enumerate().map(|(place, label)| PerLabel::of(label, answered, place)).collect();
    let judged = |rows: &[Answered]| -> Vec<(f64, bool)> {
        rows.iter().map(|&(truth, _, score)| (score, truth != nothing)).collect()
    };
    let any = Counts::of(answered, |answer| answer != nothing);
    Report {
        detector: detector.to_owned(),
        n: answered.len(),
        precision: any.precision(),
        recall: any.recall(),
        f1: any.f1(),
        fpr: any.fpr(),
        auroc: auroc(&judged(answered)),
        auprc: auprc(&judged(answered)),
        accuracy: accuracy(answered),
        macro_f1: macro_f1(answered, nothing),
        per_label,
        f1_interval: bootstrap::interval(answered, |rows| Counts::of(rows, |answer| answer != nothing).f1()),
        auroc_interval: bootstrap::interval(answered, |rows| auroc(&judged(rows))),
        auprc_interval: bootstrap::interval(answered, |rows| auprc(&judged(rows))),
        accuracy_interval: bootstrap::interval(answered, accuracy),
        macro_f1_interval: bootstrap::interval(answered, |rows| macro_f1(rows, nothing)),
        items_per_s: 0.0,
    }
}

fn accuracy(rows: &[Answered]) -> f64 {
    let right = rows.iter().filter(|(truth, answer, _)| truth == answer).count();
    right as f64 / rows.len().max(1) as f64
}

fn macro_f1(rows: &[Answered], nothing: usize) -> f64 {
    let sum: f64 = (0..=nothing).map(|label| Counts::of(rows, |answer| answer == label).f1()).sum();
    sum / (nothing + 1) as f64
}

impl PerLabel {
    fn of(label: &str, rows: &[Answered], place: usize) -> Self {
        let counts = Counts::of(rows, |answer| answer == place);
        let n = rows.iter().filter(|(truth, ..)| *truth == place).count();
        Self {
            label: label.to_owned(),
            n,
            precision: counts.precision(),
            recall: counts.recall(),
            f1: counts.f1(),
        }
    }
}

/// Hits, false alarms, misses and the rest.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    hits: f64,
    alarms: f64,
    misses: f64,
    rest: f64,
}

impl Counts {
    fn of(rows: &[Answered], is: impl Fn(usize) -> bool) -> Self {
        let mut counts = Self::default();
        for &(truth, answer, _) in rows {
            let count = match (is(truth), is(answer)) {
                (true, true) => &mut counts.hits,
                (false, true) => &mut counts.alarms,
                (true, false) => &mut counts.misses,
                (false, false) => &mut counts.rest,
            };
            *count += 1.0;
        }
        counts
    }

    fn precision(&self) -> f64 {
        share(self.hits, self.hits + self.alarms)
    }

    fn recall(&self) -> f64 {
        share(self.hits, self.hits + self.misses)
    }

    fn f1(&self) -> f64 {
        share(2.0 * self.hits, 2.0 * self.hits + self.alarms + self.misses)
    }

    fn fpr(&self) -> f64 {
        share(self.alarms, self.alarms + self.rest)
    }
}

fn share(part: f64, of: f64) -> f64 {
    if of == 0.0 { 0.0 } else { part / of }
}
