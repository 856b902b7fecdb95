//! Heads over a sentence's vector: what tier 2 adds to the classifiers of tier 1.
//!
//! The margin of a head is linear in the values of the vector and in the margins of all heads of tier 1, so the words keep
//! their say and the vector corrects it. Weights belong to the encoder they were trained with, by its digest
//! ([`Embedder::weights`]): the values of another encoder's vectors mean something else.
//!
//! Source: Wolpert (1992), Stacked Generalization.

mod bytes;

use std::sync::{Arc, LazyLock};

use tidegate_embedding::Embedder;

use crate::linear::{Calibration, LANES, Margins, ModelError};

/// The weights of one input, by head.
pub type Column = [f32; LANES];

/// Trained weights of every head.
#[derive(Clone, Debug, PartialEq)]
pub struct SentenceHeads {
    /// Name and digest of the encoder they belong to, as `name@digest`.
    pub encoder: String,
    /// One column an input: the values of the vector, then the margins of tier 1.
    pub columns: Vec<Column>,
    /// Margins of a text whose inputs are all 0.
    pub biases: Column,
    /// How the margins are read.
    pub calibrations: [Calibration; LANES],
}

static SHIPPED: LazyLock<Result<Arc<SentenceHeads>, ModelError>> =
    LazyLock::new(|| SentenceHeads::read(include_bytes!("../../model/heads.bin")).map(Arc::new));

impl SentenceHeads {
    /// Margins of tier 1 count up to this size: one very sure head must not drown the vector.
    pub const MARGIN_MAX: f64 = 4.0;

    /// The heads that ship with this crate. Errors: they were damaged when it was built.
    pub fn shipped() -> Result<Arc<Self>, ModelError> {
        SHIPPED.clone()
    }

    /// Values of the vectors they take.
    pub fn dims(&self) -> usize {
        self.columns.len() - LANES
    }

    /// Whether they belong to `encoder`. Its arithmetic does not matter: vectors of different kernels are nearly the same.
    pub fn fits(&self, encoder: &dyn Embedder) -> bool {
        let own = self.encoder.rsplit_once('@').map(|(_, digest)| digest);
        own.is_some() && encoder.weights() == own && encoder.dims() == self.dims()
    }

    /// The margin of every head, given those of tier 1. Cost O(dims x heads), about a microsecond.
    ///
    /// - `vector`: of length [`Self::dims`]; values beyond that do not count, and values missing count as 0.
    /// - One order of summation, so the same bits on every machine.
    pub fn margins(&self, vector: &[f32], margins: &Margins) -> Margins {
        let mut sums = self.biases;
        let (values, words) = self.columns.split_at(self.dims());
        let words = words.iter().zip(margins.iter().map(|&margin| Self::input(margin)));
        for (column, value) in values.iter().zip(vector.iter().copied()).chain(words) {
            sums.iter_mut().zip(column).for_each(|(sum, weight)| *sum += weight * value);
        }
        sums.map(f64::from)
    }

    /// A margin of tier 1 as an input.
    pub fn input(margin: f64) -> f32 {
        margin.clamp(-Self::MARGIN_MAX, Self::MARGIN_MAX) as f32
    }
}

#[cfg(test)]
mod tests {
    use tidegate_embedding::{EmbedError, Vector};

    use super::*;

    pub(super) fn heads(dims: usize) -> SentenceHeads {
        let column = |input: usize| std::array::from_fn(|head| (input * 31 + head * 7) as f32 / 64.0 - 3.0);
        SentenceHeads {
            encoder: "tiny@1a2b3c4d".to_owned(),
            columns: (0..dims + LANES).map(column).collect(),
            biases: std::array::from_fn(|head| head as f32 / 8.0),
            calibrations: [Calibration { slope: 1.5, offset: -0.25, threshold: 0.5 }; LANES],
        }
    }

    struct Named(&'static str, usize);

    impl Embedder for Named {
        fn dims(&self) -> usize {
            self.1
        }

        fn version(&self) -> &str {
            self.0
        }

        fn embed(&self, _: &[&str]) -> Result<Vec<Vector>, EmbedError> {
            Ok(Vec::new())
        }
    }

    #[test]
    fn heads_belong_to_one_encoder_whatever_its_name_and_arithmetic() {
        let heads = heads(32);
        for (version, dims, fits) in [
            ("tiny@1a2b3c4d/int8", 32, true),
            ("model@1a2b3c4d/f32-fma", 32, true),
            ("tiny@1a2b3c4d/int8", 64, false),
            ("tiny@1a2b3c4e/int8", 32, false),
            ("hashed-1", 32, false),
        ] {
            assert_eq!(heads.fits(&Named(version, dims)), fits, "{version} {dims}");
        }
    }

    #[test]
    fn a_margin_is_the_sum_of_weighted_inputs() {
        let heads = heads(4);
        let (vector, mut before) = ([0.5, -0.5, 0.25, 0.75], [0.0; LANES]);
        before[3] = 2.0;
        before[5] = -9.0;
        let margins = heads.margins(&vector, &before);
        for (head, margin) in margins.into_iter().enumerate() {
            let weight = |input: usize| f64::from(heads.columns[input][head]);
            let sum: f64 = vector.iter().enumerate().map(|(at, &value)| weight(at) * f64::from(value)).sum();
            let clamped = weight(4 + 3) * 2.0 - weight(4 + 5) * SentenceHeads::MARGIN_MAX;
            let expected = f64::from(heads.biases[head]) + sum + clamped;
            assert!((margin - expected).abs() < 1e-4, "{margin} {expected}");
        }
    }

    #[test]
    fn shipped_heads_are_of_an_encoder_and_small() {
        let heads = SentenceHeads::shipped().unwrap();
        assert_eq!(heads.dims(), 384);
        assert!(heads.encoder.starts_with("all-MiniLM-L6-v2@"), "{}", heads.encoder);
        assert!(heads.to_bytes().len() < 64 << 10);
        assert!(heads.calibrations.iter().all(|calibration| calibration.slope > 0.0));
    }
}
