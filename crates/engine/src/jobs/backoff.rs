//! How long a failed job waits.

use tidegate_domain::ports::Entropy;

/// Exponential backoff with equal jitter: half of the delay is sure, half is chance, so that jobs that failed together do
/// not come back together.
///
/// Source: AWS Architecture Blog, "Exponential Backoff And Jitter" (2015), equal jitter.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// Delay after the first failure, in ms.
    pub min_ms: u64,
    /// Longest delay, in ms.
    pub max_ms: u64,
    /// So many attempts; then the job is dead.
    pub attempts_max: u32,
}

impl Backoff {
    /// The delay after `attempts` attempts (at least 1), in ms: in `d/2..=d` for `d = min(max, min * 2^(attempts - 1))`.
    pub fn delay_ms(&self, attempts: u32, entropy: &dyn Entropy) -> u64 {
        let doublings = attempts.saturating_sub(1).min(32);
        let whole = self.min_ms.saturating_mul(1 << doublings).min(self.max_ms);
        let mut random = [0; 8];
        entropy.fill(&mut random);
        let sure = whole / 2;
        sure + u64::from_le_bytes(random) % (whole - sure + 1)
    }

    /// True if a job that failed after `attempts` attempts may be tried again.
    pub fn allows_another(&self, attempts: u32) -> bool {
        attempts < self.attempts_max
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Fixed(u64);

    impl Entropy for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.copy_from_slice(&self.0.to_le_bytes());
        }
    }

    proptest! {
        #[test]
        fn a_delay_doubles_up_to_its_maximum_and_half_of_it_is_sure(attempts in 1u32..100, chance: u64, min in 1u64..10_000, times in 1u64..1000) {
            let backoff = Backoff { min_ms: min, max_ms: min * times, attempts_max: 5 };
            let whole = (min as f64 * 2f64.powi(attempts as i32 - 1)).min((min * times) as f64) as u64;
            let delay = backoff.delay_ms(attempts, &Fixed(chance));
            prop_assert!((whole / 2..=whole).contains(&delay), "{delay} of {whole}");
        }
    }
}
