//! What was measured, by name, in the order in which it came.

use super::super::report::{median, shown};

/// Names and values, one value a repetition.
#[derive(Default)]
pub(super) struct Rows(Vec<(String, Vec<f64>)>);

impl Rows {
    /// Notes one value.
    pub(super) fn note(&mut self, what: impl Into<String>, value: f64) {
        let what = what.into();
        match self.0.iter_mut().find(|(name, _)| *name == what) {
            Some((_, values)) => values.push(value),
            None => self.0.push((what, vec![value])),
        }
    }

    /// Lines of a Markdown table: names and medians.
    pub(super) fn lines(self) -> Vec<String> {
        let lines = self.0.into_iter().filter_map(|(what, values)| {
            let value = median(values)?;
            Some(format!("| {what} | {} |", shown(value)))
        });
        lines.collect()
    }
}
