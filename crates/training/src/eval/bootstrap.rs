//! Intervals by bootstrap: what a number would have been on other rows of the same kind.
//!
//! Source: Efron, Tibshirani (1993), An Introduction to the Bootstrap, percentile intervals.

use crate::random::Random;

use super::report::Interval;

const SAMPLES: usize = 400;
const SEED: u64 = 0x7469_6465;

/// The middle 95 % of `number` over samples of `rows` of the same size, drawn with a fixed seed.
pub(super) fn interval<T: Copy>(rows: &[T], number: impl Fn(&[T]) -> f64) -> Interval {
    if rows.is_empty() {
        return Interval::default();
    }
    let mut random = Random::new(SEED);
    let mut sample = rows.to_vec();
    let mut numbers: Vec<f64> = (0..SAMPLES)
        .map(|_| {
            sample.iter_mut().for_each(|place| *place = rows[random.below(rows.len())]);
            number(&sample)
        })
        .collect();
    numbers.sort_by(f64::total_cmp);
    Interval { low: numbers[SAMPLES / 40], high: numbers[SAMPLES - 1 - SAMPLES / 40] }
}
