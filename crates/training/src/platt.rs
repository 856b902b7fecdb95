//! Calibration: from margins to probabilities.
//!
//! Source: Platt (1999), Probabilistic Outputs for Support Vector Machines; targets and Newton's method as in Lin, Lin,
//! Weng (2007), A Note on Platt's Probabilistic Outputs.

/// `probability = 1 / (1 + exp(-(slope * margin + offset)))`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Curve {
    pub(crate) slope: f64,
    pub(crate) offset: f64,
}

const STEPS: usize = 100;
const RIDGE: f64 = 1e-6;

/// The curve that fits `margins`: (margin, whether it is). Without both kinds of rows, a curve that says 0 throughout.
pub(crate) fn fit(margins: &[(f64, bool)]) -> Curve {
    let positives = margins.iter().filter(|(_, it_is)| *it_is).count() as f64;
    let negatives = margins.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 {
        return Curve { slope: 0.0, offset: -20.0 };
    }
    let (high, low) = ((positives + 1.0) / (positives + 2.0), 1.0 / (negatives + 2.0));
    let mut curve = Curve { slope: 1.0, offset: libm::log((positives + 1.0) / (negatives + 1.0)) };
    for _ in 0..STEPS {
        let (mut g0, mut g1, mut h00, mut h01, mut h11) = (0.0, 0.0, RIDGE, 0.0, RIDGE);
        for &(margin, it_is) in margins {
            let error = curve.at(margin) - if it_is { high } else { low };
            let spread = curve.at(margin) * (1.0 - curve.at(margin));
            g0 += error * margin;
            g1 += error;
            h00 += spread * margin * margin;
            h01 += spread * margin;
            h11 += spread;
        }
        let det = h00 * h11 - h01 * h01;
        let (d0, d1) = ((h11 * g0 - h01 * g1) / det, (h00 * g1 - h01 * g0) / det);
        let damp = 1.0 / (1.0 + 0.1 * (d0 * d0 + d1 * d1));
        curve = Curve { slope: (curve.slope - damp * d0).max(0.0), offset: curve.offset - damp * d1 };
        if d0 * d0 + d1 * d1 < 1e-16 {
            break;
        }
    }
    curve
}

impl Curve {
    pub(crate) fn at(&self, margin: f64) -> f64 {
        1.0 / (1.0 + libm::exp(-(self.slope * margin + self.offset)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_higher_margin_is_never_less_probable(
            margins in prop::collection::vec((-3.0..3.0_f64, any::<bool>()), 2..60), low in -4.0..4.0_f64, more in 0.0..2.0_f64
        ) {
            let curve = fit(&margins);
            let (low, high) = (curve.at(low), curve.at(low + more));
            prop_assert!((0.0..=1.0).contains(&low) && high >= low);
        }
    }

    #[test]
    fn the_mean_probability_is_the_share_that_are() {
        let margins: Vec<(f64, bool)> =
            (0..1000).map(|n| (f64::from(n % 10) / 5.0 + 2.0, n * 7 % 10 < n % 10)).collect();
        let curve = fit(&margins);
        let said: f64 = margins.iter().map(|(margin, _)| curve.at(*margin)).sum::<f64>() / 1000.0;
        let are = margins.iter().filter(|(_, it_is)| *it_is).count() as f64 / 1000.0;
        assert!((said - are).abs() < 0.01, "{said} {are}");
    }

    #[test]
    fn one_kind_alone_is_never_said_to_be() {
        assert!(fit(&[(1.0, true), (2.0, true)]).at(5.0) < 0.001);
    }
}
