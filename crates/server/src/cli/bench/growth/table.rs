//! The numbers of growth as a table.

use std::time::Duration;

use super::super::machine::Machine;
use super::cost::Cost;
use super::life::Disk;

/// An event may cost so many times what it costs in the smallest log.
const GOAL_TIMES: f64 = 1.3;
/// A server with the largest log starts within this.
const GOAL_START: Duration = Duration::from_secs(5);

/// What was measured at one size.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct At {
    pub(super) plain: Cost,
    pub(super) keyed: Cost,
    pub(super) fold: Cost,
    /// Read for the first time, and again.
    pub(super) page_us: [f64; 2],
    pub(super) disk: Disk,
}

/// Everything that was measured.
pub(super) struct Numbers {
    pub(super) sizes: Vec<u64>,
    pub(super) at: Vec<At>,
    /// Of a killed server with the largest log.
    pub(super) start: Duration,
}

impl Numbers {
    pub(super) fn new(sizes: &[u64]) -> Self {
        Self { sizes: sizes.to_vec(), at: vec![At::default(); sizes.len()], start: Duration::ZERO }
    }

    /// The report.
    pub(super) fn markdown(&self, machine: &Machine) -> String {
        let mut lines = machine.lines();
        lines.push(
            "- The next 250 000 events at each size: batches of 500 in process, each appended when the one before is \
             durable. CPU is that of all threads. Pages: median of 300 sessions all over the log"
                .to_owned(),
        );
        lines.push(String::new());
        let heads: Vec<_> = self.sizes.iter().map(|size| format!("{size} events")).collect();
        lines.push(format!("| | {} | most / first | goal | met |", heads.join(" | ")));
        lines.push(format!("|---|{}---:|---|---|", "---:|".repeat(self.sizes.len())));
        for (name, value) in COSTS {
            lines.push(self.row(name, value, Some(GOAL_TIMES)));
        }
        for (name, value) in WITHOUT_GOAL {
            lines.push(self.row(name, value, None));
        }
        let (last, met) = (self.sizes.last().copied().unwrap_or_default(), self.start < GOAL_START);
        lines.push(String::new());
        lines.push(format!(
            "Killed with SIGKILL and started again with {last} events, from the start of the process to its first answer: \
             {:.0} ms (goal: below {} s, {}).",
            self.start.as_secs_f64() * 1e3,
            GOAL_START.as_secs(),
            if met { "met" } else { "**not met**" }
        ));
        lines.join("\n")
    }

    fn row(&self, name: &str, value: fn(&At) -> f64, goal: Option<f64>) -> String {
        let values: Vec<f64> = self.at.iter().map(value).collect();
        let shown: Vec<_> = values.iter().map(|value| format!("{value:.2}")).collect();
        let first = values.first().copied().unwrap_or_default();
        let times = values.iter().copied().fold(0.0, f64::max) / first;
        let (goal, met) = match goal {
            Some(goal) => (format!("≤ {goal}"), if times <= goal { "yes" } else { "**no**" }),
            None => (String::new(), ""),
        };
        format!("| {name} | {} | {times:.2} | {goal} | {met} |", shown.join(" | "))
    }
}

/// A line's name and its number.
type Line = (&'static str, fn(&At) -> f64);

const COSTS: [Line; 7] = [
    ("without keys, CPU, us/event", |at| at.plain.cpu_us),
    ("… wall", |at| at.plain.wall_us),
    ("with idempotency keys, CPU, us/event", |at| at.keyed.cpu_us),
    ("… wall", |at| at.keyed.wall_us),
    ("screened and folded, CPU, us/event", |at| at.fold.cpu_us),
    ("with keys, appended, screened and folded, CPU, us/event", |at| at.keyed.cpu_us + at.fold.cpu_us),
    ("a session's page, read again, us", |at| at.page_us[1]),
];

const WITHOUT_GOAL: [Line; 4] = [
    ("a session's page, read for the first time, us", |at| at.page_us[0]),
    ("segments, bytes/event", |at| at.disk.segments),
    ("indexes, bytes/event", |at| at.disk.indexes),
    ("views, bytes/event", |at| at.disk.views),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_that_grows_past_the_goal_is_said_so() {
        let mut numbers = Numbers::new(&[1000, 10_000]);
        (numbers.at[0].plain.cpu_us, numbers.at[1].plain.cpu_us) = (2.0, 2.5);
        (numbers.at[0].keyed.cpu_us, numbers.at[1].keyed.cpu_us) = (2.0, 2.7);
        let report = numbers.markdown(&Machine::here(std::path::Path::new("/")));
        assert!(
            report.contains("| without keys, CPU, us/event | 2.00 | 2.50 | 1.25 | ≤ 1.3 | yes |"),
            "{report}"
        );
        assert!(report.contains("keys, CPU, us/event | 2.00 | 2.70 | 1.35 | ≤ 1.3 | **no** |"), "{report}");
    }
}
