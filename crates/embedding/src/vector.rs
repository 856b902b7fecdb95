//! A unit vector, and the angle between two.

use std::ops::Deref;

/// An embedding: length 1, or all zeros. Finite.
#[derive(Clone, Debug, PartialEq)]
pub struct Vector(Box<[f32]>);

impl Vector {
    /// Scales values to length 1; zeros stay zeros.
    ///
    /// - Result: `None` if a value, or the length, is not finite.
    /// - Cost: O(n); no copy.
    pub fn normalized(mut values: Vec<f32>) -> Option<Self> {
        let length = values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
        if !length.is_finite() {
            return None;
        }
        if length > 0.0 {
            values.iter_mut().for_each(|value| *value = (f64::from(*value) / length) as f32);
        }
        Some(Self(values.into_boxed_slice()))
    }

    /// Values that have length 1, or are zeros, by the way they were made.
    pub(crate) fn unit(values: Vec<f32>) -> Self {
        Self(values.into_boxed_slice())
    }

    /// Cosine of the angle to `other`, of the same length: 1 same direction, 0 unrelated, 0 for zeros.
    pub fn cosine(&self, other: &Self) -> f32 {
        self.iter().zip(other.iter()).map(|(a, b)| a * b).sum()
    }
}

impl Deref for Vector {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn normalized_vector_has_length_one(values in prop::collection::vec(-1e30_f32..1e30, 1..50)) {
            let vector = Vector::normalized(values.clone()).unwrap();
            let zeros = values.iter().all(|&value| value == 0.0);
            prop_assert!(zeros || (vector.cosine(&vector) - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn zeros_stay_zeros_and_values_not_finite_are_refused() {
        assert_eq!(&*Vector::normalized(vec![0.0; 3]).unwrap(), &[0.0; 3]);
        assert_eq!(Vector::normalized(vec![1.0, f32::NAN]), None);
        assert_eq!(Vector::normalized(vec![1.0, f32::INFINITY]), None);
    }
}
