//! Vectors side by side, and which id lies in which row.

use std::collections::HashMap;

use crate::vector::Vector;

/// A table of vectors; removing one moves the last into its row.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) dims: usize,
    values: Vec<f32>,
    ids: Vec<u64>,
    places: HashMap<u64, usize>,
}

impl Rows {
    pub(super) fn new(dims: usize) -> Self {
        Self { dims, values: Vec::new(), ids: Vec::new(), places: HashMap::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn id(&self, row: usize) -> u64 {
        self.ids[row]
    }

    pub(super) fn get(&self, row: usize) -> &[f32] {
        &self.values[row * self.dims..][..self.dims]
    }

    /// Adds a row at the end. The id must not be there yet.
    pub(super) fn push(&mut self, id: u64, vector: &Vector) {
        assert_eq!(vector.len(), self.dims, "vectors of an index have one length");
        self.places.insert(id, self.ids.len());
        self.ids.push(id);
        self.values.extend_from_slice(vector);
    }

    /// Forgets an id, but keeps its row and all others where they are.
    pub(super) fn forget(&mut self, id: u64) -> Option<usize> {
        self.places.remove(&id)
    }

    /// Takes an id out and moves the last row into its place, which is returned.
    pub(super) fn swap_remove(&mut self, id: u64) -> Option<usize> {
        let row = self.places.remove(&id)?;
        let last = self.ids.len() - 1;
        self.values.copy_within(last * self.dims.., row * self.dims);
        self.values.truncate(last * self.dims);
        self.ids.swap_remove(row);
        if let Some(&moved) = self.ids.get(row) {
            self.places.insert(moved, row);
        }
        Some(row)
    }
}
