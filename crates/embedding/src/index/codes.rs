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

use super::rounding::{Coded, CodedQuery};
use crate::kernel::{BLOCK_ROWS, Bounding, Bounds, Interleaved, Kernel};

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

/// Bounds of the cosines of some rows, 16 at most, to the query, as the kernel's f32 dot product gives them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block<'a> {
    first_row: usize,
    rows: usize,
    bounds: &'a Bounds,
}

impl Block<'_> {
    /// Row, lower and upper bound of those rows whose upper bound reaches `floor`.
    pub(super) fn reaching(self, floor: f32) -> impl Iterator<Item = (usize, f32, f32)> {
        let Bounds { low, high } = self.bounds;
        let mask = |reaching, row: usize| reaching | u16::from(high[row] >= floor) << row;
        let mut left = (0..BLOCK_ROWS).fold(0, mask) & (u16::MAX >> (BLOCK_ROWS - self.rows));
        std::iter::from_fn(move || {
            let row = left.trailing_zeros() as usize % BLOCK_ROWS;
            let found = (left != 0).then_some((self.first_row + row, low[row], high[row]));
            left &= left.wrapping_sub(1);
            found
        })
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
        CodedQuery::new(vector, self.width)
    }

    /// Calls `see` with the bounds of every block of rows, in order.
    pub(super) fn scan(&self, kernel: Kernel, query: &CodedQuery, mut see: impl FnMut(Block<'_>)) {
        const AT_ONCE: usize = 16;
        let by = Bounding {
            factor: query.scale,
            shift: query.shift,
            length: query.length,
            slack: query.error * (1.0 + 1e-5) + (self.width + 16) as f32 * f32::EPSILON,
        };
        let mut products = [[0; BLOCK_ROWS]; AT_ONCE];
        let mut bounds = [Bounds { low: [0.0; BLOCK_ROWS], high: [0.0; BLOCK_ROWS] }; AT_ONCE];
        for first in (0..self.scales.len()).step_by(AT_ONCE) {
            let count = kernel.scan(&query.codes, &self.codes, first, &mut products);
            let bounds = &mut bounds[..count];
            kernel.bound(&by, &products[..count], &self.scales[first..], &self.errors[first..], bounds);
            for (block, bounds) in (first..).zip(&*bounds) {
                let first_row = block * BLOCK_ROWS;
                let rows = (self.codes.rows() - first_row).min(BLOCK_ROWS);
                see(Block { first_row, rows, bounds });
            }
        }
    }
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
