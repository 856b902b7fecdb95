//! Exemplars by id, and the nearest of them to a vector.
//!
//! [`Index`] is exact up to 100,000 vectors ([`Flat`]) and approximate beyond ([`Hnsw`]).
//!
//! - **N1** neighbours come by falling cosine, equal ones by rising id; no id twice; at most `k`.
//! - **N2** an id holds the vector it was last inserted with; a removed id is never found.
//! - **N3** [`Flat`] finds exactly what comparing with every row would find.
//! - **N4** `‖a − b‖² = 2 − 2 cos`, so the order is that of a search by L2 over unit vectors, such as the one of
//!   FAISS `IndexFlatL2` ([`Neighbor::l2_squared`]).

mod best;
mod codes;
mod flat;
mod graph;
mod hnsw;
mod plane;
mod rounding;
mod rows;

pub use flat::Flat;
pub use hnsw::Hnsw;

use crate::kernel::Kernel;
use crate::vector::Vector;

/// One exemplar found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbor {
    /// The id it was inserted with.
    pub id: u64,
    /// Cosine of the angle to the query.
    pub cosine: f32,
}

impl Neighbor {
    /// Squared Euclidean distance to the query, both of length 1.
    pub fn l2_squared(&self) -> f32 {
        2.0 - 2.0 * self.cosine
    }
}

/// Exact while small, approximate when large.
#[derive(Debug)]
pub struct Index {
    flat: Flat,
    hnsw: Hnsw,
    flat_max: usize,
}

impl Index {
    /// Vectors searched exactly; from the next one on they move to the graph.
    pub const FLAT_MAX: usize = 100_000;
    /// Vectors that move with each insertion beyond the limit: no single insertion stalls for all.
    const MOVED_AT_ONCE: usize = 8;

    /// An empty index of vectors of `dims` values.
    pub fn new(kernel: Kernel, dims: usize) -> Self {
        Self::with_flat_max(kernel, dims, Self::FLAT_MAX)
    }

    /// As [`Self::new`], exact up to `flat_max` vectors.
    pub fn with_flat_max(kernel: Kernel, dims: usize, flat_max: usize) -> Self {
        Self { flat: Flat::new(kernel, dims), hnsw: Hnsw::new(kernel, dims), flat_max }
    }

    /// How many vectors it holds.
    pub fn len(&self) -> usize {
        self.flat.len() + self.hnsw.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts a vector under an id, in place of the one that was there.
    ///
    /// - Cost: O(dims) up to [`Self::FLAT_MAX`] vectors; beyond, up to nine insertions into a graph.
    /// - Panics if the vector is not of the index's length: vectors of two embedders must not meet.
    pub fn insert(&mut self, id: u64, vector: &Vector) {
        self.remove(id);
        if self.hnsw.is_empty() && self.flat.len() < self.flat_max {
            return self.flat.insert(id, vector);
        }
        self.hnsw.insert(id, vector);
        for _ in 0..Self::MOVED_AT_ONCE {
            if let Some((id, vector)) = self.flat.pop() {
                self.hnsw.insert(id, &vector);
            }
        }
    }

    /// Takes an id out; says whether it was there.
    pub fn remove(&mut self, id: u64) -> bool {
        self.flat.remove(id) || self.hnsw.remove(id)
    }

    /// The `k` nearest to `query` (N1).
    ///
    /// - Cost: see [`Flat::nearest`] and [`Hnsw::nearest`]; both while vectors move from one to the other.
    pub fn nearest(&self, query: &Vector, k: usize) -> Vec<Neighbor> {
        let mut best = best::Best::new(k);
        let found = [self.flat.nearest(query, k), self.hnsw.nearest(query, k)];
        found.into_iter().flatten().for_each(|neighbor| best.offer(neighbor));
        best.into_neighbors()
    }
}
