//! Measuring: what a detector says of labelled rows, and how good that is.
//!
//! Which detectors a set is for follows from the labels in it ([`Detector::of`]), never from its name. Every detector has
//! one fixed threshold, chosen by cross-validation when the weights were trained, and shipped with them.

mod bootstrap;
mod detector;
mod metrics;
mod report;

pub use detector::Detector;
pub use metrics::{Judged, auprc, auroc, best_f1, rate_above};
pub use report::{Answered, Interval, PerLabel, Report, evaluate, report, report_named};
