//! A channel: logistic regression over a few features, whose signs are given.

use tidegate_analysis::Channel;

/// One row: features, whether it is, and how much it counts.
pub(super) type Row<const N: usize> = ([f64; N], bool, f64);

const PASSES: usize = 1500;
const STEP: f64 = 0.5;

/// Fits a channel. `against`: the feature whose weight may only be negative; all others may only be positive. Every weight is
/// drawn to 0 by `ridge`. Cost O(passes x rows x features).
pub(super) fn fit<const N: usize>(rows: &[Row<N>], against: Option<usize>, ridge: f64) -> Channel<N> {
    let mut channel = Channel { weights: [0.0; N], bias: 0.0 };
    let all: f64 = rows.iter().map(|row| row.2).sum::<f64>().max(1.0);
    let (mut fast, mut fast_bias) = ([0.0; N], 0.0);
    for _ in 0..PASSES {
        let mut slopes = [0.0; N];
        let mut slope = 0.0;
        for (features, it_is, weight) in rows {
            let error = (channel.probability(features) - f64::from(u8::from(*it_is))) * weight / all;
            slope += error;
            slopes.iter_mut().zip(features).for_each(|(slope, feature)| *slope += error * feature);
        }
        // Momentum: the features differ in size, and plain steps would crawl.
        fast_bias = 0.9 * fast_bias - STEP * slope;
        channel.bias += fast_bias;
        for nth in 0..N {
            fast[nth] = 0.9 * fast[nth] - STEP * (slopes[nth] + ridge * channel.weights[nth]);
            let next = channel.weights[nth] + fast[nth];
            channel.weights[nth] = if against == Some(nth) { next.min(0.0) } else { next.max(0.0) };
            if channel.weights[nth] == 0.0 {
                fast[nth] = 0.0;
            }
        }
    }
    channel
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_kept_and_what_can_be_told_apart_is() {
        let rows: Vec<Row<2>> =
            (0..40).map(|n| ([f64::from(n) / 40.0, 1.0 - f64::from(n) / 40.0], n >= 20, 1.0)).collect();
        let channel = fit(&rows, None, 1e-4);
        assert!(channel.weights[0] > 0.0 && channel.weights[1] == 0.0);
        assert!(rows.iter().filter(|row| (channel.margin(&row.0) > 0.0) == row.1).count() >= 36);
        let channel = fit(&rows, Some(1), 1e-4);
        assert!(channel.weights[1] < 0.0);
    }
}
