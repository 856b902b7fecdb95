//! Vectors in 4 bits a value, interleaved by blocks of rows, with their scales and rounding errors.

use super::rounding::{Coded, CodedQuery};
use crate::kernel::{BLOCK_ROWS, Bounding, Bounds, Interleaved, Kernel};

/// Blocks whose products are kept at once, at most.
const AT_ONCE: usize = 16;

/// Codes of many vectors, a row each.
#[derive(Debug)]
pub(super) struct Plane {
    pub(super) codes: Interleaved,
    /// A block each.
    scales: Vec<[f32; BLOCK_ROWS]>,
    errors: Vec<[f32; BLOCK_ROWS]>,
}

impl Plane {
    /// No rows yet; each will have `width` codes, a multiple of 16.
    pub(super) fn new(width: usize) -> Self {
        Self { codes: Interleaved::new(width), scales: Vec::new(), errors: Vec::new() }
    }

    /// How many blocks its rows fill.
    pub(super) fn blocks(&self) -> usize {
        self.scales.len()
    }

    /// Adds a vector, filled up to `width` codes.
    pub(super) fn push(&mut self, coded: Coded, width: usize) {
        let mut codes = coded.codes;
        codes.resize(width, 0);
        self.codes.push(&codes);
        let row = self.codes.rows() - 1;
        put(&mut self.scales, row, coded.scale);
        put(&mut self.errors, row, coded.error);
    }

    /// Moves the last row to the place of `row`, which it takes out.
    pub(super) fn swap_remove(&mut self, row: usize) {
        self.codes.swap_remove(row);
        let last = self.codes.rows();
        swap_remove(&mut self.scales, row, last);
        swap_remove(&mut self.errors, row, last);
    }

    /// Bounds of the products with blocks from `first` on, at most 16 and as many as `out` has room for.
    ///
    /// - `slack`: what is allowed for besides the rounding of rows.
    /// - Result: how many blocks there were.
    pub(super) fn bound(
        &self,
        kernel: Kernel,
        query: &CodedQuery,
        first: usize,
        slack: f32,
        out: &mut [Bounds],
    ) -> usize {
        let by = Bounding { factor: query.scale, shift: query.shift, length: query.length, slack };
        let mut products = [[0; BLOCK_ROWS]; AT_ONCE];
        let room = out.len().min(AT_ONCE);
        let count = kernel.scan(&query.codes, &self.codes, first, &mut products[..room]);
        kernel.bound(&by, &products[..count], &self.scales[first..], &self.errors[first..], out);
        count
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
