//! The numbers: medians over repetitions, ratios to baselines, goals.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::machine::Machine;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Measure {
    /// Baseline A, one event a request, closed loop.
    BareSingles,
    /// Baseline A, batches, closed loop.
    BareBatches,
    /// Baseline B, one event an append.
    LogSingles,
    /// Baseline B, batches.
    LogBatches,
    /// One event a request, closed loop, pipeline paused.
    SinglesPaused,
    /// One event a request, closed loop, pipeline running.
    Singles,
    /// The same: half are answered within this.
    SinglesP50,
    /// The same: 99 of 100 are.
    SinglesP99,
    /// Open loop: the rate that was reached.
    OpenRate,
    /// Open loop, from the time due.
    OpenP50,
    /// Open loop, from the time due.
    OpenP99,
    /// Open loop, from the time due.
    OpenP999,
    /// Batches, closed loop, pipeline paused.
    BatchesPaused,
    /// Batches, closed loop, pipeline running.
    BatchesRunning,
    /// Batches, from the first sent to the last visible.
    EndToEnd,
    /// Open loop at the rate of the freshness goal: the rate that was reached.
    FreshRate,
    /// From durable to visible.
    FreshP50,
    /// From durable to visible.
    FreshP99,
    /// Resident memory of an idle server.
    IdleMemory,
    /// Start with an empty log.
    EmptyStart,
    /// Start with a full log.
    FullStart,
    /// The same, per 10 million events.
    FullStartPer10M,
}

/// What a number should be.
#[derive(Clone, Copy, Debug)]
enum Goal {
    /// At least this share of the baseline.
    Ratio(f64),
    AtLeast(f64),
    Below(f64),
}

/// One line of the report.
struct Row {
    measure: Measure,
    name: &'static str,
    unit: &'static str,
    /// What it is compared with; goals count against the first.
    baselines: &'static [Measure],
    goal: Option<Goal>,
}

const fn row(measure: Measure, name: &'static str, unit: &'static str) -> Row {
    Row { measure, name, unit, baselines: &[], goal: None }
}

impl Row {
    const fn against(self, baselines: &'static [Measure]) -> Self {
        Self { baselines, ..self }
    }

    const fn goal(self, goal: Goal) -> Self {
        Self { goal: Some(goal), ..self }
    }
}

const EVENTS: &str = "events/s";
const MS: &str = "ms";
/// The lines in their order; their goals are explained in `docs/benchmarks.md`.
const ROWS: [Row; 22] = [
    row(Measure::BareSingles, "A: bare handler, single events", EVENTS),
    row(Measure::BareBatches, "A: bare handler, batches", EVENTS),
    row(Measure::LogSingles, "B: bare log, single events", EVENTS),
    row(Measure::LogBatches, "B: bare log, batches", EVENTS),
    row(Measure::SinglesPaused, "single events, pipeline paused", EVENTS)
        .against(&[Measure::BareSingles, Measure::LogSingles])
        .goal(Goal::Ratio(0.5)),
    row(Measure::Singles, "single events, pipeline running", EVENTS)
        .against(&[Measure::BareSingles, Measure::LogSingles])
        .goal(Goal::Ratio(0.5)),
    row(Measure::SinglesP50, "… p50", MS),
    row(Measure::SinglesP99, "… p99", MS),
    row(Measure::OpenRate, "single events, open loop", EVENTS),
    row(Measure::OpenP50, "… p50 from the time due", MS),
    row(Measure::OpenP99, "… p99 from the time due", MS).goal(Goal::Below(10.0)),
    row(Measure::OpenP999, "… p99.9 from the time due", MS),
    row(Measure::BatchesPaused, "batches, pipeline paused", EVENTS)
        .against(&[Measure::BareBatches, Measure::LogBatches])
        .goal(Goal::Ratio(0.3)),
    row(Measure::BatchesRunning, "batches, pipeline running", EVENTS)
        .against(&[Measure::BareBatches, Measure::LogBatches])
        .goal(Goal::Ratio(0.2)),
    row(Measure::EndToEnd, "batches, sent to visible", EVENTS).goal(Goal::AtLeast(100_000.0)),
    row(Measure::FreshRate, "freshness, open loop", EVENTS),
    row(Measure::FreshP50, "… p50, durable to visible", MS),
    row(Measure::FreshP99, "… p99, durable to visible", MS).goal(Goal::Below(250.0)),
    row(Measure::IdleMemory, "idle memory", "MB").goal(Goal::Below(40.0)),
    row(Measure::EmptyStart, "start, empty log", MS).goal(Goal::Below(200.0)),
    row(Measure::FullStart, "start, full log", MS),
    row(Measure::FullStartPer10M, "… per 10 million events", MS).goal(Goal::Below(5000.0)),
];

/// The median of `values`; `None` of none.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let is_even = values.len().is_multiple_of(2);
    Some(if is_even { (values[values.len() / 2 - 1] + upper) / 2.0 } else { upper })
}

/// All that was measured.
#[derive(Default)]
pub(super) struct Numbers {
    values: BTreeMap<Measure, Vec<f64>>,
}

impl Numbers {
    /// Adds one measurement.
    pub(super) fn add(&mut self, measure: Measure, value: f64) {
        self.values.entry(measure).or_default().push(value);
    }

    fn median(&self, measure: Measure) -> Option<f64> {
        median(self.values.get(&measure)?.clone())
    }

    /// The row's ratio to a baseline: the median of one over that of the other.
    fn ratio(&self, row: &Row, baseline: Measure) -> Option<f64> {
        Some(self.median(row.measure)? / self.median(baseline)?)
    }

    /// The row's ratios to all its baselines, each with the baseline's letter.
    fn ratios(&self, row: &Row) -> Vec<(&'static str, f64)> {
        let letter = |of| if matches!(of, Measure::LogSingles | Measure::LogBatches) { "B" } else { "A" };
        row.baselines.iter().filter_map(|of| Some((letter(*of), self.ratio(row, *of)?))).collect()
    }

    fn is_met(&self, row: &Row) -> Option<bool> {
        Some(match row.goal? {
            Goal::Ratio(least) => self.ratio(row, *row.baselines.first()?)? >= least,
            Goal::AtLeast(least) => self.median(row.measure)? >= least,
            Goal::Below(limit) => self.median(row.measure)? < limit,
        })
    }

    /// A Markdown report.
    pub(super) fn markdown(&self, machine: &Machine, about: &[String]) -> String {
        let mut lines = machine.lines();
        lines.extend(about.iter().map(|line| format!("- {line}")));
        lines.push(String::new());
        lines.push("| | median | lowest – highest | ratio | goal | met |".to_owned());
        lines.push("|---|---:|---:|---:|---:|---|".to_owned());
        lines.extend(ROWS.iter().filter_map(|row| self.line(row)));
        lines.join("\n")
    }

    fn line(&self, row: &Row) -> Option<String> {
        let median = self.median(row.measure)?;
        let values = self.values.get(&row.measure)?;
        let (low, high) =
            values.iter().fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(*v), high.max(*v)));
        let ratios: Vec<_> =
            self.ratios(row).iter().map(|(of, ratio)| format!("{ratio:.2} of {of}")).collect();
        let ratios = ratios.join(", ");
        let goal = row.goal.map(|goal| match goal {
            Goal::Ratio(least) => format!("≥ {least} of A"),
            Goal::AtLeast(least) => format!("≥ {}", shown(least)),
            Goal::Below(limit) => format!("< {}", shown(limit)),
        });
        let met = self.is_met(row).map_or("", |met| if met { "yes" } else { "**no**" });
        Some(format!(
            "| {} | {} {} | {} – {} | {ratios} | {} | {met} |",
            row.name,
            shown(median),
            row.unit,
            shown(low),
            shown(high),
            goal.unwrap_or_default(),
        ))
    }

    /// The report as JSON.
    pub(super) fn json(&self, machine: &Machine, about: &[String]) -> Value {
        let row = |row: &Row| {
            let median = self.median(row.measure)?;
            Some(json!({
                "name": row.name.trim_start_matches("… "),
                "id": format!("{:?}", row.measure),
                "unit": row.unit,
                "median": median,
                "values": self.values.get(&row.measure),
                "ratios": self.ratios(row).into_iter().collect::<BTreeMap<_, _>>(),
                "met": self.is_met(row),
            }))
        };
        json!({"machine": machine, "about": about, "rows": ROWS.iter().filter_map(row).collect::<Vec<_>>()})
    }
}

/// Three significant digits, thousands apart: `549 000`, `12.3`, `0.85`.
pub(super) fn shown(value: f64) -> String {
    if value >= 1000.0 {
        let digits = value.log10().floor() as i32 - 2;
        let rounded = (value / 10f64.powi(digits)).round() * 10f64.powi(digits);
        let text = format!("{rounded:.0}");
        let groups = text.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy);
        return groups.collect::<Vec<_>>().join(" ");
    }
    let decimals = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_median_of_some_values() {
        assert_eq!((median(vec![3.0, 1.0, 2.0]), median(vec![])), (Some(2.0), None));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn numbers_have_three_digits() {
        let shown: Vec<_> = [549_432.0, 1_999_999.0, 1000.0, 999.4, 12.345, 0.847, 0.0].map(shown).into();
        assert_eq!(shown, ["549 000", "2 000 000", "1 000", "999", "12.3", "0.85", "0.00"]);
    }

    #[test]
    fn a_row_has_its_median_its_ratio_and_its_goal() {
        let mut numbers = Numbers::default();
        for (bare, ours) in [(80_000.0, 30_000.0), (100_000.0, 51_000.0), (120_000.0, 90_000.0)] {
            numbers.add(Measure::BareSingles, bare);
            numbers.add(Measure::Singles, ours);
        }
        numbers.add(Measure::LogSingles, 60_000.0);
        numbers.add(Measure::OpenP99, 10.0);
        let report = numbers.markdown(&Machine::here(Path::new("/")), &["3 repetitions".to_owned()]);
        let line = "| single events, pipeline running | 51 000 events/s | 30 000 – 90 000 | 0.51 of A, 0.85 of B | ≥ 0.5 of A | yes |";
        assert!(report.contains(line), "{report}");
        assert!(report.contains("| 10.0 ms | 10.0 – 10.0 |  | < 10.0 | **no** |"), "{report}");
        assert!(!report.contains("idle memory"), "what was not measured is not shown");
        let json = numbers.json(&Machine::here(Path::new("/")), &[]);
        assert_eq!((&json["rows"][2]["id"], &json["rows"][2]["met"]), (&json!("Singles"), &json!(true)));
    }
}
