//! A vector rounded to codes, and its exact rounding error: 4 bits for what is searched, 8 for what is looked for.

/// A query as codes.
pub(super) struct CodedQuery {
    pub(super) codes: Vec<i8>,
    pub(super) scale: f32,
    pub(super) error: f32,
    /// What `‖û‖` is at most.
    pub(super) length: f32,
    /// `15 · Σ code`: by how much twice a product is more than `Σ code · (2 · code of the row - 15)`.
    pub(super) shift: i32,
}

impl CodedQuery {
    /// Codes of a unit vector, filled up with zeros to `width`.
    pub(super) fn new(vector: &[f32], width: usize) -> Self {
        let scale = largest(vector) / 127.0;
        let mut codes: Vec<i8> = vector.iter().map(|value| round(value / scale) as i8).collect();
        let error = distance(vector, scale, codes.iter().map(|&code| code.into()));
        let shift = 15 * codes.iter().map(|&code| i32::from(code)).sum::<i32>();
        codes.resize(width, 0);
        // The length of û is at most that of u, 1 within rounding, plus the error.
        Self { codes, scale, error, length: 1.0 + 1e-5 + error, shift }
    }
}

/// A vector in 4 bits a value.
pub(super) struct Coded {
    pub(super) codes: Vec<u8>,
    pub(super) scale: f32,
    pub(super) error: f32,
}

impl Coded {
    /// Shares of the range of values that the 16 steps may cover: cutting few large values off makes all others finer.
    const COVERED: [f32; 4] = [1.0, 0.85, 0.7, 0.55];

    /// The codes of least error.
    pub(super) fn new(vector: &[f32]) -> Self {
        let largest = largest(vector);
        let [first, others @ ..] = Self::COVERED.map(|share| Self::covering(vector, share * largest));
        others.into_iter().fold(first, |best, other| if other.error < best.error { other } else { best })
    }

    /// What the codes leave of the vector: `v − v̂`.
    pub(super) fn left(&self, vector: &[f32]) -> Vec<f32> {
        let coded = |code: u8| f64::from(2 * i32::from(code) - 15) * f64::from(self.scale);
        vector
            .iter()
            .zip(&self.codes)
            .map(|(&value, &code)| (f64::from(value) - coded(code)) as f32)
            .collect()
    }

    /// Codes of steps from `-most` to `most`.
    fn covering(vector: &[f32], most: f32) -> Self {
        let scale = (most / 15.0).max(f32::MIN_POSITIVE);
        let code = |value: &f32| round((value / scale + 15.0) / 2.0).clamp(0.0, 15.0) as u8;
        let codes: Vec<u8> = vector.iter().map(code).collect();
        let error = distance(vector, scale, codes.iter().map(|&code| 2 * i32::from(code) - 15));
        Self { codes, scale, error }
    }
}

fn largest(vector: &[f32]) -> f32 {
    vector.iter().fold(f32::MIN_POSITIVE, |max, value| max.max(value.abs()))
}

/// To a nearest integer, of values below 2^22; `f32::round` is a call where no instruction can be counted on.
fn round(value: f32) -> f32 {
    const ROUNDER: f32 = 12_582_912.0;
    (value + ROUNDER) - ROUNDER
}

/// `‖v − v̂‖` for `v̂ = scale · integers`, rounded up.
fn distance(vector: &[f32], scale: f32, integers: impl Iterator<Item = i32>) -> f32 {
    let square =
        |(&value, integer): (&f32, i32)| (f64::from(value) - f64::from(integer) * f64::from(scale)).powi(2);
    let squares: f64 = vector.iter().zip(integers).map(square).sum();
    (squares.sqrt() * (1.0 + 1e-6)) as f32 + f32::MIN_POSITIVE
}
