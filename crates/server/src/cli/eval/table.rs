//! The numbers as a table.

use tidegate_training::eval::{Interval, Report};

use super::scored::Scored;

/// The lines of one set, with the head of the table before the first.
pub(super) fn rows(scored: &Scored, is_first: bool) -> Vec<String> {
    let mut lines = Vec::new();
    if is_first {
        lines.push(format!(
            "{:<24} {:<22} {:>6} {:>9} {:>7} {:>7} {:>15} {:>7} {:>7} {:>7} {:>8} {:>8} {:>9}",
            "set",
            "detector",
            "n",
            "precision",
            "recall",
            "f1",
            "95 %",
            "fpr",
            "auroc",
            "auprc",
            "accuracy",
            "macro f1",
            "texts/s"
        ));
    }
    if scored.reports.is_empty() {
        lines.push(format!("{:<24} no detector is for the labels of its {} rows", scored.set, scored.rows));
    }
    lines.extend(scored.reports.iter().map(|report| row(&scored.set, report)));
    lines
}

fn row(set: &str, report: &Report) -> String {
    let Interval { low, high } = report.f1_interval;
    format!(
        "{set:<24} {:<22} {:>6} {:>9.4} {:>7.4} {:>7.4}   {low:.4}-{high:.4} {:>7.4} {:>7.4} {:>7.4} {:>8.4} {:>8.4} {:>9.0}",
        report.detector,
        report.n,
        report.precision,
        report.recall,
        report.f1,
        report.fpr,
        report.auroc,
        report.auprc,
        report.accuracy,
        report.macro_f1,
        report.items_per_s
    )
}
