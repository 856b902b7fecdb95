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
