//! How long events take from durable to visible, over the last minute: two half-minutes that take turns.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// One of the two parts.
const PART: Duration = Duration::from_secs(30);
/// Longest time told apart, in ms.
const MAX_MS: u64 = 3_600_000;

/// A histogram of the last 30 to 60 seconds.
pub(super) struct Freshness {
    young: Histogram<u64>,
    old: Histogram<u64>,
    since: Instant,
}

impl Freshness {
    pub(super) fn new() -> Self {
        let empty = || Histogram::new_with_max(MAX_MS, 2).expect("the bounds are valid constants");
        Self { young: empty(), old: empty(), since: Instant::now() }
    }

    /// `events` became visible after `ms`.
    pub(super) fn record(&mut self, ms: u64, events: u64) {
        self.turn();
        self.young.saturating_record_n(ms.min(MAX_MS), events);
    }

    /// The times below which these shares of the events were, in ms.
    pub(super) fn quantiles(&mut self, shares: [f64; 2]) -> [u64; 2] {
        self.turn();
        let mut both = self.young.clone();
        // Both have the same bounds.
        let _ = both.add(&self.old);
        shares.map(|share| both.value_at_quantile(share))
    }

    fn turn(&mut self) {
        let elapsed = self.since.elapsed();
        if elapsed < PART {
            return;
        }
        std::mem::swap(&mut self.young, &mut self.old);
        self.young.reset();
        if elapsed >= 2 * PART {
            self.old.reset();
        }
        self.since = Instant::now();
    }
}
