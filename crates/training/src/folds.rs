//! Folds: rows dealt into five parts, each like the whole.
//!
//! Rows of one set and label are dealt in random order, so every fold has its share of each. Rows that are near copies
//! (`likeness`) stay together, or a model would be asked what it was told.

use std::collections::BTreeMap;

use crate::data::Row;
use crate::likeness;
use crate::random::Random;

/// How many folds there are.
pub(crate) const FOLDS: usize = 5;

/// The fold of each row, 0..[`FOLDS`]. The same rows and seed give the same folds.
pub(crate) fn deal(rows: &[(&str, &Row)], seed: u64) -> Vec<usize> {
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (row, group) in likeness::groups(rows).into_iter().enumerate() {
        groups.entry(group).or_default().push(row);
    }
    // A group is dealt with the set and label of its first row.
    let mut strata: BTreeMap<String, Vec<Vec<usize>>> = BTreeMap::new();
    for members in groups.into_values() {
        let (set, row) = rows[members[0]];
        strata.entry(format!("{set} {:?}", row.labels)).or_default().push(members);
    }
    let mut folds = vec![0; rows.len()];
    for (nth, mut groups) in strata.into_values().enumerate() {
        Random::new(seed ^ nth as u64).shuffle(&mut groups);
        let mut sizes = [0; FOLDS];
        for group in groups {
            // The smallest fold is the next: groups differ in size.
            let fold = (0..FOLDS).min_by_key(|&fold| sizes[fold]).unwrap_or(0);
            sizes[fold] += group.len();
            group.into_iter().for_each(|row| folds[row] = fold);
        }
    }
    folds
}
