//! What a stretch of work costs: time on the clock and time of the processor.

use std::time::Instant;

use anyhow::Context;

/// The cost of one event.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    /// Time of all threads on a processor, in microseconds.
    pub(super) cpu_us: f64,
    /// Time on the clock, in microseconds.
    pub(super) wall_us: f64,
}

impl std::ops::Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { cpu_us: self.cpu_us + other.cpu_us, wall_us: self.wall_us + other.wall_us }
    }
}

/// A stretch of work that has begun.
pub(super) struct Stretch {
    begun: Instant,
    cpu_ns: u64,
}

impl Stretch {
    pub(super) fn begin() -> anyhow::Result<Self> {
        Ok(Self { begun: Instant::now(), cpu_ns: cpu_ns()? })
    }

    /// What the stretch has cost each of `events` events.
    pub(super) fn end(&self, events: u64) -> anyhow::Result<Cost> {
        let wall_us = self.begun.elapsed().as_secs_f64() * 1e6;
        let cpu_us = cpu_ns()?.saturating_sub(self.cpu_ns) as f64 / 1e3;
        Ok(Cost { cpu_us: cpu_us / events as f64, wall_us: wall_us / events as f64 })
    }
}

/// Time that the threads of this process have been on a processor, in nanoseconds; of those that live.
fn cpu_ns() -> anyhow::Result<u64> {
    let mut sum = 0;
    for task in std::fs::read_dir("/proc/self/task").context("no /proc")? {
        // A thread may end meanwhile.
        let Ok(stat) = std::fs::read_to_string(task?.path().join("schedstat")) else { continue };
        sum += stat.split(' ').next().and_then(|ns| ns.parse::<u64>().ok()).unwrap_or_default();
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_costs_time_of_the_processor_and_sleep_does_not() {
        let stretch = Stretch::begin().unwrap();
        while stretch.begun.elapsed().as_millis() < 60 {
            std::hint::black_box(0);
        }
        let cost = stretch.end(1).unwrap();
        assert!(cost.cpu_us > 1000.0 && cost.wall_us >= 60_000.0, "{cost:?}");
    }
}
