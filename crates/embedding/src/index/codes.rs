//! Codes of unit vectors in two planes of 4 bits, and a proven bound of what they hide.
//!
//! A vector `v` is kept as `v̂ = scale · (2 · code - 15)` with its exact rounding error `e = ‖v − v̂‖`; what is left of
//! it, `v − v̂`, is kept the same way in a second plane, for a finer `v̂` and a smaller `e`. For a query `u` coded in
//! 8 bits as `û`, Cauchy and Schwarz give
//!
//! `|u·v − û·v̂| = |(u − û)·v + û·(v − v̂)| ≤ ‖u − û‖ ‖v‖ + ‖û‖ e`
//!
//! and `û·v̂` is a sum of integers for each plane, exact. What remains is the rounding of the f32 dot product that
//! decides in the end: at most `dims · 2⁻²⁴` for unit vectors in any order of summation (Higham 2002, section 3.1);
//! twice that is allowed for it and for the few roundings here.
//!
//! Two planes, for reading the codes is what a search over many rows costs: the first settles most blocks of rows, the
//! second is read where it does not.

use super::plane::Plane;
use super::rounding::{Coded, CodedQuery};
use crate::kernel::{BLOCK_ROWS, Bounds, Kernel};

/// How many blocks the first plane is scanned by.
const AT_ONCE: usize = 16;

/// Codes of many vectors, a row each.
#[derive(Debug)]
pub(super) struct Codes {
    /// Length of a row: `dims` rounded up to a multiple of 16, zeros at the end.
    width: usize,
    coarse: Plane,
    fine: Plane,
}

/// A row that may be near, and the bounds of its cosine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    pub(super) row: usize,
    pub(super) low: f32,
    pub(super) high: f32,
}

/// Bounds of the cosines of some rows, 16 at most, to the query, as the kernel's f32 dot product gives them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block<'a> {
    first_row: usize,
    rows: usize,
    bounds: &'a Bounds,
}

impl Block<'_> {
    /// Those rows whose upper bound reaches `floor`.
    pub(super) fn reaching(self, floor: f32) -> impl Iterator<Item = Open> {
        let Bounds { low, high } = self.bounds;
        let mask = |reaching, row: usize| reaching | u16::from(high[row] >= floor) << row;
        let mut left = (0..BLOCK_ROWS).fold(0, mask) & (u16::MAX >> (BLOCK_ROWS - self.rows));
        std::iter::from_fn(move || {
            let row = left.trailing_zeros() as usize % BLOCK_ROWS;
            let found =
                (left != 0).then_some(Open { row: self.first_row + row, low: low[row], high: high[row] });
            left &= left.wrapping_sub(1);
            found
        })
    }
}

impl Codes {
    pub(super) fn new(dims: usize) -> Self {
        let width = dims.next_multiple_of(16);
        Self { width, coarse: Plane::new(width), fine: Plane::new(width) }
    }

    pub(super) fn push(&mut self, vector: &[f32]) {
        let coarse = Coded::new(vector);
        let left = coarse.left(vector);
        let mut fine = Coded::new(&left);
        // `left` is rounded to f32.
        fine.error += coarse.error * f32::EPSILON;
        self.coarse.push(coarse, self.width);
        self.fine.push(fine, self.width);
    }

    pub(super) fn swap_remove(&mut self, row: usize) {
        self.coarse.swap_remove(row);
        self.fine.swap_remove(row);
    }

    pub(super) fn query(&self, vector: &[f32]) -> CodedQuery {
        CodedQuery::new(vector, self.width)
    }

    /// Calls `see` with the bounds of every block of rows by the first plane, in order.
    pub(super) fn scan(&self, kernel: Kernel, query: &CodedQuery, mut see: impl FnMut(Block<'_>)) {
        let mut bounds = [Bounds { low: [0.0; BLOCK_ROWS], high: [0.0; BLOCK_ROWS] }; AT_ONCE];
        for first in (0..self.coarse.blocks()).step_by(AT_ONCE) {
            let count = self.coarse.bound(kernel, query, first, self.slack(query), &mut bounds);
            for (block, bounds) in (first..).zip(&bounds[..count]) {
                let first_row = block * BLOCK_ROWS;
                let rows = (self.coarse.codes.rows() - first_row).min(BLOCK_ROWS);
                see(Block { first_row, rows, bounds });
            }
        }
    }

    /// Narrows the bounds of rows by the second plane; they come in order.
    pub(super) fn refine(&self, kernel: Kernel, query: &CodedQuery, open: &mut [Open]) {
        let mut bounds = [Bounds { low: [0.0; BLOCK_ROWS], high: [0.0; BLOCK_ROWS] }];
        for open in open.chunk_by_mut(|a, b| a.row / BLOCK_ROWS == b.row / BLOCK_ROWS) {
            self.fine.bound(kernel, query, open[0].row / BLOCK_ROWS, self.slack(query), &mut bounds);
            for open in open {
                let middle = (open.low + open.high) / 2.0;
                open.low = middle + bounds[0].low[open.row % BLOCK_ROWS];
                open.high = middle + bounds[0].high[open.row % BLOCK_ROWS];
            }
        }
    }

    /// What bounds must allow for besides the rounding of rows.
    fn slack(&self, query: &CodedQuery) -> f32 {
        query.error * (1.0 + 1e-5) + (self.width + 16) as f32 * f32::EPSILON
    }
}
