//! How fast the engine is: a moving estimate of the time that a token takes.
//!
//! Source: Jacobson (1988), Congestion avoidance and control (mean and deviation, gains of an eighth and a quarter).

use std::time::Duration;

/// Time of a token, as last measured: what the engine takes, with all that keeps it from the processor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    mean_ns: f64,
    deviation_ns: f64,
    is_measured: bool,
}

impl Pace {
    /// Held for true until something was measured: slower than any processor with AVX-512, so that the first burst is not
    /// taken in and then late.
    const FIRST_NS: f64 = 100_000.0;
    /// A slow call of fewer tokens counts for less: half of what it takes may be what any call takes.
    const WHOLE_TOKENS: f64 = 64.0;

    pub(super) fn unmeasured() -> Self {
        Self { mean_ns: Self::FIRST_NS, deviation_ns: 0.0, is_measured: false }
    }

    /// Takes in that a call with `tokens` took `time`.
    pub(super) fn measured(&mut self, tokens: usize, time: Duration) {
        let sample = time.as_nanos() as f64 / tokens.max(1) as f64;
        if !self.is_measured {
            *self = Self { mean_ns: sample, deviation_ns: sample / 2.0, is_measured: true };
            return;
        }
        let error = sample - self.mean_ns;
        let weight = if error < 0.0 { 1.0 } else { (tokens as f64 / Self::WHOLE_TOKENS).min(1.0) };
        self.mean_ns += weight / 8.0 * error;
        self.deviation_ns += weight / 4.0 * (error.abs() - self.deviation_ns);
    }

    /// How long `tokens` take in the mean.
    pub(super) fn likely(&self, tokens: usize) -> Duration {
        Duration::from_nanos((self.mean_ns * tokens as f64) as u64)
    }

    /// How long they take if it goes badly: a deviation more.
    pub(super) fn surely(&self, tokens: usize) -> Duration {
        Duration::from_nanos(((self.mean_ns + self.deviation_ns) * tokens as f64) as u64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_measurement_replaces_the_guess() {
        let mut pace = Pace::unmeasured();
        assert_eq!(pace.surely(10), Duration::from_millis(1));
        pace.measured(100, Duration::from_millis(1));
        assert_eq!(pace.likely(100), Duration::from_millis(1));
        assert_eq!(pace.surely(100), Duration::from_micros(1_500));
    }

    proptest! {
        /// Whatever was measured before, calls that all take the same are soon what is expected.
        #[test]
        fn the_estimate_comes_to_what_is_measured(
            before in prop::collection::vec((1_usize..500, 1_u64..100_000), 0..20),
            per_token_us in 1_u64..1_000,
        ) {
            let mut pace = Pace::unmeasured();
            before.iter().for_each(|&(tokens, us)| pace.measured(tokens, Duration::from_micros(us)));
            for _ in 0..200 {
                pace.measured(100, Duration::from_micros(100 * per_token_us));
            }
            let truth = Duration::from_micros(1_000 * per_token_us);
            prop_assert!(pace.likely(1_000).abs_diff(truth) < truth / 50);
            prop_assert!(pace.surely(1_000).abs_diff(truth) < truth / 50);
        }
    }
}
