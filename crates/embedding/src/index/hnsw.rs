//! Approximate search over a layered graph, for more vectors than a scan is quick for.

use super::Neighbor;
use super::best::Best;
use super::graph::Graph;
use super::rows::Rows;
use crate::kernel::Kernel;
use crate::vector::Vector;

/// Approximate search. Built from the same ids and vectors in the same order, it is the same graph.
#[derive(Debug)]
pub struct Hnsw {
    kernel: Kernel,
    rows: Rows,
    graph: Graph,
    /// Of each row, whether its id still holds it.
    alive: Vec<bool>,
    live: usize,
}

impl Hnsw {
    /// Rows kept in sight by a search: at least so many, or 4 for each neighbour asked for.
    const BREADTH: usize = 256;

    /// An empty graph of vectors of `dims` values.
    pub fn new(kernel: Kernel, dims: usize) -> Self {
        Self { kernel, rows: Rows::new(dims), graph: Graph::default(), alive: Vec::new(), live: 0 }
    }

    /// How many vectors it holds.
    pub fn len(&self) -> usize {
        self.live
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// Puts a vector under an id, in place of the one that was there.
    ///
    /// - Cost: some thousand dot products at 100,000 vectors.
    /// - Panics if the vector is not of the graph's length.
    pub fn insert(&mut self, id: u64, vector: &Vector) {
        self.remove(id);
        self.rows.push(id, vector);
        let (kernel, rows) = (self.kernel, &self.rows);
        let between = |a: u32, b: u32| kernel.dot(rows.get(a as usize), rows.get(b as usize));
        self.graph.push(layer_of(id), |row| kernel.dot(vector, rows.get(row as usize)), between);
        self.alive.push(true);
        self.live += 1;
    }

    /// Takes an id out; says whether it was there.
    ///
    /// The row stays as a way to others, until more rows are dead than alive: then the graph is built anew, at the
    /// cost of inserting all that live.
    pub fn remove(&mut self, id: u64) -> bool {
        let Some(row) = self.rows.forget(id) else { return false };
        self.alive[row] = false;
        self.live -= 1;
        if self.live * 2 < self.alive.len() {
            self.rebuild();
        }
        true
    }

    /// The `k` nearest to `query`, most of them (N1).
    ///
    /// - Cost: some thousand dot products; grows with the logarithm of the rows.
    /// - Panics if the query is not of the graph's length.
    pub fn nearest(&self, query: &Vector, k: usize) -> Vec<Neighbor> {
        assert_eq!(query.len(), self.rows.dims, "a query is as long as the vectors");
        let similarity = |row: u32| self.kernel.dot(query, self.rows.get(row as usize));
        let breadth = Self::BREADTH.max(4 * k);
        let mut best = Best::new(k);
        for reached in self.graph.search(breadth, similarity, |row| self.alive[row as usize]) {
            best.offer(Neighbor { id: self.rows.id(reached.row as usize), cosine: reached.cosine });
        }
        best.into_neighbors()
    }

    fn rebuild(&mut self) {
        let mut fresh = Self::new(self.kernel, self.rows.dims);
        for row in (0..self.alive.len()).filter(|&row| self.alive[row]) {
            fresh.insert(self.rows.id(row), &Vector::unit(self.rows.get(row).to_vec()));
        }
        *self = fresh;
    }
}

/// The highest layer of an id: each layer holds a sixteenth of the one below. By a hash, so that it needs no chance.
fn layer_of(id: u64) -> usize {
    let hash = (id ^ (id >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let hash = (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((hash ^ (hash >> 32)).leading_zeros() / 4) as usize
}
