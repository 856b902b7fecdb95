//! int8 codes of unit vectors, and a proven bound of what they hide.
//!
//! A vector `v` is kept as `v̂ = scale · code` with its exact rounding error `e = ‖v − v̂‖`. For a query `u` coded the
//! same way, Cauchy and Schwarz give
//!
//! `|u·v − û·v̂| = |(u − û)·v + û·(v − v̂)| ≤ ‖u − û‖ ‖v‖ + ‖û‖ e`
//!
//! and `û·v̂` is a sum of integers, exact. What remains is the rounding of the f32 dot product that decides in the
//! end: at most `dims · 2⁻²⁴` for unit vectors in any order of summation (Higham 2002, section 3.1); twice that is
//! allowed for it and for the few roundings here.

use crate::kernel::Kernel;

/// Codes of many vectors, a row each.
#[derive(Debug)]
pub(super) struct Codes {
    /// Length of a row: `dims` rounded up to a multiple of 64, zeros at the end.
    width: usize,
    codes: Vec<i8>,
    scales: Vec<f32>,
    errors: Vec<f32>,
    /// `128 · Σ code`: what the query's shift into 0..=255 adds to a product.
    shifts: Vec<i32>,
}

/// A query as codes.
pub(super) struct CodedQuery {
    codes: Vec<u8>,
    scale: f32,
    error: f32,
    length: f32,
}

/// Bounds of one vector's cosine to the query, as the kernel's f32 dot product gives it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) low: f32,
    pub(super) high: f32,
}

impl Codes {
    pub(super) fn new(dims: usize) -> Self {
        let width = dims.next_multiple_of(64);
        Self { width, codes: Vec::new(), scales: Vec::new(), errors: Vec::new(), shifts: Vec::new() }
    }

    pub(super) fn push(&mut self, vector: &[f32]) {
        let (scale, error) = code(vector, |code| self.codes.push(code));
        self.codes.resize((self.scales.len() + 1) * self.width, 0);
        let row = &self.codes[self.scales.len() * self.width..];
        self.shifts.push(128 * row.iter().map(|&code| i32::from(code)).sum::<i32>());
        self.scales.push(scale);
        self.errors.push(error);
    }

    pub(super) fn swap_remove(&mut self, row: usize) {
        let last = self.scales.len() - 1;
        self.codes.copy_within(last * self.width.., row * self.width);
        self.codes.truncate(last * self.width);
        self.scales.swap_remove(row);
        self.errors.swap_remove(row);
        self.shifts.swap_remove(row);
    }

    pub(super) fn query(&self, vector: &[f32]) -> CodedQuery {
        let mut codes = Vec::with_capacity(self.width);
        let (scale, error) = code(vector, |code| codes.push((i16::from(code) + 128) as u8));
        codes.resize(self.width, 128);
        // The length of û is at most that of u, 1 within rounding, plus the error.
        CodedQuery { codes, scale, error, length: 1.0 + 1e-5 + error }
    }

    /// Calls `see` with the bounds of every row, in order.
    pub(super) fn scan(&self, kernel: Kernel, query: &CodedQuery, mut see: impl FnMut(usize, Bounds)) {
        const BLOCK: usize = 256;
        let slack = query.error * (1.0 + 1e-5) + (self.width + 16) as f32 * f32::EPSILON;
        let mut products = [0_i32; BLOCK];
        for (block, codes) in self.codes.chunks(BLOCK * self.width).enumerate() {
            let from = block * BLOCK;
            let products = &mut products[..codes.len() / self.width];
            kernel.scan(&query.codes, codes, products);
            let rows = from..from + products.len();
            let (scales, errors) = (&self.scales[rows.clone()], &self.errors[rows.clone()]);
            let rows = products.iter().zip(scales).zip(errors).zip(&self.shifts[rows]).enumerate();
            for (row, (((product, scale), error), shift)) in rows {
                let cosine = (product - shift) as f32 * (query.scale * scale);
                let room = query.length * error + slack;
                see(from + row, Bounds { low: cosine - room, high: cosine + room });
            }
        }
    }
}

/// Codes a vector; gives scale and rounding error, the error rounded up.
fn code(vector: &[f32], mut put: impl FnMut(i8)) -> (f32, f32) {
    let largest = vector.iter().fold(f32::MIN_POSITIVE, |max, value| max.max(value.abs()));
    let scale = largest / 127.0;
    let mut squares = 0.0;
    for &value in vector {
        let code = (value / scale).round();
        squares += (f64::from(value) - f64::from(code) * f64::from(scale)).powi(2);
        put(code as i8);
    }
    (scale, (squares.sqrt() * (1.0 + 1e-6)) as f32 + f32::MIN_POSITIVE)
}
