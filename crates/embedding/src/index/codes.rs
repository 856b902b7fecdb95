//! 4-bit codes of unit vectors, and a proven bound of what they hide.
//!
//! A vector `v` is kept as `v̂ = scale · (2 · code - 15)` with its exact rounding error `e = ‖v − v̂‖`. For a query `u`
//! coded in 8 bits as `û`, Cauchy and Schwarz give
//!
//! `|u·v − û·v̂| = |(u − û)·v + û·(v − v̂)| ≤ ‖u − û‖ ‖v‖ + ‖û‖ e`
//!
//! and `û·v̂` is a sum of integers, exact. What remains is the rounding of the f32 dot product that decides in the
//! end: at most `dims · 2⁻²⁴` for unit vectors in any order of summation (Higham 2002, section 3.1); twice that is
//! allowed for it and for the few roundings here.
//!
//! Four bits and not eight: reading the codes is what a search over many rows costs, and a wider bound leaves few
//! more rows to compare.

use crate::kernel::{BLOCK_ROWS, Interleaved, Kernel};

/// Codes of many vectors, a row each.
#[derive(Debug)]
pub(super) struct Codes {
    /// Length of a row: `dims` rounded up to a multiple of 16, zeros at the end.
    width: usize,
    codes: Interleaved,
    /// A block each.
    scales: Vec<[f32; BLOCK_ROWS]>,
    errors: Vec<[f32; BLOCK_ROWS]>,
}

/// A query as codes.
pub(super) struct CodedQuery {
    codes: Vec<i8>,
    scale: f32,
    error: f32,
    length: f32,
    /// `15 · Σ code`: by how much twice a product is more than `Σ code · (2 · code of the row - 15)`.
    shift: i32,
}

/// Bounds of the cosines of some rows, 16 at most, to the query, as the kernel's f32 dot product gives them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    first_row: usize,
    rows: usize,
    low: [f32; BLOCK_ROWS],
    high: [f32; BLOCK_ROWS],
}

impl Bounds {
    /// Whether any upper bound may reach `floor`: never wrongly no.
    pub(super) fn any_reaches(&self, floor: f32) -> bool {
        self.high.iter().fold(false, |any, &high| any | (high >= floor))
    }

    /// Row, lower and upper bound of each.
    pub(super) fn each(&self) -> impl Iterator<Item = (usize, f32, f32)> {
        let bounds = self.low.iter().zip(&self.high).take(self.rows);
        (self.first_row..).zip(bounds).map(|(row, (&low, &high))| (row, low, high))
    }
}

impl Codes {
    pub(super) fn new(dims: usize) -> Self {
        let width = dims.next_multiple_of(16);
        Self { width, codes: Interleaved::new(width), scales: Vec::new(), errors: Vec::new() }
    }

    pub(super) fn push(&mut self, vector: &[f32]) {
        let coded = Coded::new(vector);
        let mut codes = coded.codes;
        codes.resize(self.width, 0);
        self.codes.push(&codes);
        let row = self.codes.rows() - 1;
        put(&mut self.scales, row, coded.scale);
        put(&mut self.errors, row, coded.error);
    }

    pub(super) fn swap_remove(&mut self, row: usize) {
        self.codes.swap_remove(row);
        let last = self.codes.rows();
        swap_remove(&mut self.scales, row, last);
        swap_remove(&mut self.errors, row, last);
    }

    pub(super) fn query(&self, vector: &[f32]) -> CodedQuery {
        let scale = largest(vector) / 127.0;
        let mut codes: Vec<i8> = vector.iter().map(|value| round(value / scale) as i8).collect();
        let error = distance(vector, scale, codes.iter().map(|&code| code.into()));
        let shift = 15 * codes.iter().map(|&code| i32::from(code)).sum::<i32>();
        codes.resize(self.width, 0);
        // The length of û is at most that of u, 1 within rounding, plus the error.
        CodedQuery { codes, scale, error, length: 1.0 + 1e-5 + error, shift }
    }

    /// Calls `see` with the bounds of every row, in order.
    pub(super) fn scan(&self, kernel: Kernel, query: &CodedQuery, mut see: impl FnMut(&Bounds)) {
        const AT_ONCE: usize = 16;
        let mut products = [[0; BLOCK_ROWS]; AT_ONCE];
        for first in (0..self.scales.len()).step_by(AT_ONCE) {
            let count = kernel.scan(&query.codes, &self.codes, first, &mut products);
            for (block, products) in (first..).zip(&products[..count]) {
                see(&self.bounds(query, block, products));
            }
        }
    }

    /// The bounds of a block of which the products are known.
    fn bounds(&self, query: &CodedQuery, block: usize, products: &[i32; BLOCK_ROWS]) -> Bounds {
        let slack = query.error * (1.0 + 1e-5) + (self.width + 16) as f32 * f32::EPSILON;
        let (scales, errors) = (&self.scales[block], &self.errors[block]);
        let first_row = block * BLOCK_ROWS;
        let rows = (self.codes.rows() - first_row).min(BLOCK_ROWS);
        let mut bounds = Bounds { first_row, rows, low: [0.0; BLOCK_ROWS], high: [0.0; BLOCK_ROWS] };
        for row in 0..BLOCK_ROWS {
            let cosine = (2 * products[row] - query.shift) as f32 * (query.scale * scales[row]);
            let room = query.length * errors[row] + slack;
            bounds.low[row] = cosine - room;
            bounds.high[row] = cosine + room;
        }
        bounds
    }
}

/// A vector in 4 bits a value.
struct Coded {
    codes: Vec<u8>,
    scale: f32,
    error: f32,
}

impl Coded {
    /// Shares of the range of values that the 16 steps may cover: cutting few large values off makes all others finer.
    const COVERED: [f32; 4] = [1.0, 0.85, 0.7, 0.55];

    /// The codes of least error.
    fn new(vector: &[f32]) -> Self {
        let largest = largest(vector);
        let [first, others @ ..] = Self::COVERED.map(|share| Self::covering(vector, share * largest));
        others.into_iter().fold(first, |best, other| if other.error < best.error { other } else { best })
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

/// Puts the value of the next row.
fn put<T: Copy + Default>(blocks: &mut Vec<[T; BLOCK_ROWS]>, row: usize, value: T) {
    blocks.resize(row / BLOCK_ROWS + 1, [T::default(); BLOCK_ROWS]);
    blocks.as_flattened_mut()[row] = value;
}

/// Moves the value of the last row to that of `row`.
fn swap_remove<T: Copy>(blocks: &mut Vec<[T; BLOCK_ROWS]>, row: usize, last: usize) {
    let values = blocks.as_flattened_mut();
    values[row] = values[last];
    blocks.truncate(last.div_ceil(BLOCK_ROWS));
}
