//! Exact search: every row is looked at.
//!
//! One pass over 4-bit codes bounds each row's cosine from both sides (`codes`). A row can be among the `k` nearest
//! only if its upper bound reaches the `k`-th best lower bound. If those are many, four bits more narrow the
//! bounds; what is left is compared in f32. So the result is exactly that of f32 (N3), at an eighth of the memory read, or a
//! quarter where the vectors lie close together.

use super::Neighbor;
use super::best::Best;
use super::codes::{Codes, Open};
use super::rows::Rows;
use crate::kernel::Kernel;
use crate::vector::Vector;

/// Exact search over all rows.
#[derive(Debug)]
pub struct Flat {
    kernel: Kernel,
    rows: Rows,
    codes: Codes,
}

impl Flat {
    /// Rows that are fetched while others are compared.
    const AHEAD: usize = 4;
    /// One row in so many is few: to compare them costs less than to narrow their bounds first.
    const FEW_OF: usize = 4;

    /// An empty table of vectors of `dims` values.
    pub fn new(kernel: Kernel, dims: usize) -> Self {
        Self { kernel, rows: Rows::new(dims), codes: Codes::new(dims) }
    }

    /// How many vectors it holds.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts a vector under an id, in place of the one that was there. O(dims).
    ///
    /// Panics if the vector is not of the table's length.
    pub fn insert(&mut self, id: u64, vector: &Vector) {
        self.remove(id);
        self.rows.push(id, vector);
        self.codes.push(vector);
    }

    /// Takes an id out; says whether it was there. O(dims).
    pub fn remove(&mut self, id: u64) -> bool {
        let row = self.rows.swap_remove(id);
        row.inspect(|&row| self.codes.swap_remove(row)).is_some()
    }

    /// Takes the last row out.
    pub(super) fn pop(&mut self) -> Option<(u64, Vector)> {
        let last = self.rows.len().checked_sub(1)?;
        let (id, vector) = (self.rows.id(last), Vector::unit(self.rows.get(last).to_vec()));
        self.remove(id);
        Some((id, vector))
    }

    /// The `k` nearest to `query` (N1, N3).
    ///
    /// - Cost: O(rows · dims) bytes read, and as many rows compared in f32 as the bounds
    ///   leave open: few, unless very many are almost equally near.
    /// - Panics if the query is not of the table's length.
    pub fn nearest(&self, query: &Vector, k: usize) -> Vec<Neighbor> {
        assert_eq!(query.len(), self.rows.dims, "a query is as long as the vectors");
        let mut best = Best::new(k);
        let mut open = self.candidates(query, k);
        // Those that promise most come first: they raise the floor for all others.
        if open.len() > k {
            open.select_nth_unstable_by(k, |a, b| b.high.total_cmp(&a.high));
        }
        for (at, &Open { row, high, .. }) in open.iter().enumerate() {
            if let Some(soon) = open.get(at + Self::AHEAD).filter(|soon| soon.high >= best.floor()) {
                Kernel::prefetch(self.rows.get(soon.row));
            }
            if high >= best.floor() {
                best.offer(Neighbor {
                    id: self.rows.id(row),
                    cosine: self.kernel.dot(query, self.rows.get(row)),
                });
            }
        }
        best.into_neighbors()
    }

    /// Rows that may be among the `k` nearest.
    fn candidates(&self, query: &Vector, k: usize) -> Vec<Open> {
        let query = self.codes.query(query);
        let mut lows = Best::new(k);
        let mut open = Vec::new();
        let mut floor = lows.floor();
        self.codes.scan(self.kernel, &query, |block| {
            for row in block.reaching(floor) {
                open.push(row);
                if row.low > floor {
                    lows.offer(Neighbor { id: row.row as u64, cosine: row.low });
                    floor = lows.floor();
                }
            }
        });
        open.retain(|row| row.high >= floor);
        if open.len() > self.len() / Self::FEW_OF {
            self.codes.refine(self.kernel, &query, &mut open);
            let floor = floor_of(&open, k);
            open.retain(|row| row.high >= floor);
        }
        open
    }
}

/// What the `k`-th best of the rows reaches at least.
fn floor_of(open: &[Open], k: usize) -> f32 {
    let mut lows = Best::new(k);
    for row in open {
        if row.low > lows.floor() {
            lows.offer(Neighbor { id: row.row as u64, cosine: row.low });
        }
    }
    lows.floor()
}
