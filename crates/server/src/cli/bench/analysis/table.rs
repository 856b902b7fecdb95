//! The numbers of analyses: medians over rounds, their range, and what they should be.

use serde_json::{Value, json};

use super::super::machine::Machine;
use super::super::report::{median, shown};

/// What a number should be.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Goal {
    /// Nothing was promised.
    #[default]
    None,
    /// At least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
}

impl Goal {
    fn shown(self) -> String {
        match self {
            Self::None => String::new(),
            Self::AtLeast(least) => format!("≥ {}", shown(least)),
            Self::AtMost(most) => format!("≤ {}", shown(most)),
        }
    }

    /// Whether `value` is what it should be; `None` without a goal.
    fn is_met(self, value: f64) -> Option<bool> {
        match self {
            Self::None => None,
            Self::AtLeast(least) => Some(value >= least),
            Self::AtMost(most) => Some(value <= most),
        }
    }
}

/// One line of the table.
struct Row {
    name: String,
    unit: &'static str,
    goal: Goal,
    values: Vec<f64>,
}

/// All that was measured, in the order of its first measurement.
#[derive(Default)]
pub(super) struct Numbers {
    rows: Vec<Row>,
}

impl Numbers {
    /// Adds one measurement of `name`; its unit and goal are those of the first.
    pub(super) fn add(&mut self, name: &str, unit: &'static str, goal: Goal, value: f64) {
        if let Some(row) = self.rows.iter_mut().find(|row| row.name == name) {
            row.values.push(value);
        } else {
            self.rows.push(Row { name: name.to_owned(), unit, goal, values: vec![value] });
        }
    }

    /// The report as Markdown: `about` under the machine, then the table.
    pub(super) fn markdown(&self, machine: &Machine, about: &[String]) -> String {
        let mut lines = machine.lines();
        lines.extend(about.iter().map(|line| format!("- {line}")));
        lines.extend(
            ["", "| | median | lowest – highest | goal | met |", "|---|---:|---:|---:|---|"]
                .map(str::to_owned),
        );
        lines.extend(self.rows.iter().filter_map(Row::markdown));
        lines.join("\n")
    }

    /// The report as JSON.
    pub(super) fn json(&self, machine: &Machine, about: &[String]) -> Value {
        let rows: Vec<_> = self.rows.iter().filter_map(Row::json).collect();
        json!({"machine": machine, "about": about, "rows": rows})
    }
}

impl Row {
    fn markdown(&self) -> Option<String> {
        let middle = median(self.values.clone())?;
        let lowest = self.values.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = self.values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let met = self.goal.is_met(middle).map_or("", |met| if met { "yes" } else { "**no**" });
        let (name, goal) = (&self.name, self.goal.shown());
        let unit = if self.unit.is_empty() { String::new() } else { format!(" {}", self.unit) };
        let (middle, lowest, highest) = (shown(middle), shown(lowest), shown(highest));
        Some(format!("| {name} | {middle}{unit} | {lowest} – {highest} | {goal} | {met} |"))
    }

    fn json(&self) -> Option<Value> {
        let middle = median(self.values.clone())?;
        Some(json!({
            "name": self.name.trim_start_matches("… "), "unit": self.unit, "median": middle, "values": self.values,
            "met": self.goal.is_met(middle),
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_median_past_its_goal_is_said_so() {
        let mut numbers = Numbers::default();
        for value in [1.0, 1.2, 1.1] {
            numbers.add("p50, on / off", "", Goal::AtMost(1.05), value);
            numbers.add("analyses", "a second", Goal::AtLeast(1.05), value);
        }
        let report = numbers.markdown(&Machine::here(Path::new("/")), &[]);
        assert!(report.contains("| p50, on / off | 1.10 | 1.00 – 1.20 | ≤ 1.05 | **no** |"), "{report}");
        assert!(report.contains("| analyses | 1.10 a second | 1.00 – 1.20 | ≥ 1.05 | yes |"), "{report}");
        let json = numbers.json(&Machine::here(Path::new("/")), &[]);
        assert_eq!((&json["rows"][0]["met"], &json["rows"][0]["median"]), (&json!(false), &json!(1.1)));
    }
}
