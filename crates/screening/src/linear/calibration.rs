//! What turns a margin into a probability, and into a yes or no.

use super::LANES;
use super::Margins;

/// How the margins of one head are read.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Calibration {
    /// `1 / (1 + exp(-(slope * margin + offset)))` is the probability.
    pub slope: f64,
    /// See `slope`.
    pub offset: f64,
    /// The margin from which on the head says yes, where it has to say yes or no.
    pub threshold: f64,
}

impl Calibration {
    /// The probability that belongs to `margin`: Platt's.
    pub fn probability(&self, margin: f64) -> f64 {
        1.0 / (1.0 + libm::exp(-(self.slope * margin + self.offset)))
    }

    /// How far `margin` is over the threshold, in units that can be compared with other heads'; 0 and above says yes.
    pub fn over(&self, margin: f64) -> f64 {
        self.slope * (margin - self.threshold)
    }
}

/// The probability of every head.
pub(crate) fn probabilities(calibrations: &[Calibration; LANES], margins: &Margins) -> [f64; LANES] {
    std::array::from_fn(|head| calibrations[head].probability(margins[head]))
}
