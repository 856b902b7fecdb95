//! Folds: rows dealt into five parts, each like the whole.
//!
//! Rows of one set and label are dealt in random order, so every fold has its share of each; rows that are near copies
//! (the same letters, or one `group`) stay together, or a model would be asked what it was told.

use std::collections::BTreeMap;

use crate::data::Row;
use crate::random::Random;

/// How many folds there are.
pub(crate) const FOLDS: usize = 5;

/// The fold of each row, 0..[`FOLDS`]. The same rows and seed give the same folds.
pub(crate) fn deal(rows: &[(&str, &Row)], seed: u64) -> Vec<usize> {
    let mut groups: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
    for (nth, (set, row)) in rows.iter().enumerate() {
        groups.entry((stratum(set, row), likeness(row))).or_default().push(nth);
    }
    let mut strata: BTreeMap<String, Vec<Vec<usize>>> = BTreeMap::new();
    let mut homes: BTreeMap<String, usize> = BTreeMap::new();
    for ((stratum, _), members) in groups {
        strata.entry(stratum).or_default().push(members);
    }
    let mut folds = vec![0; rows.len()];
    for (nth, mut groups) in strata.into_values().enumerate() {
        Random::new(seed ^ nth as u64).shuffle(&mut groups);
        for (place, group) in groups.into_iter().enumerate() {
            // A copy under another label goes where the first one went.
            let home = *homes.entry(likeness(rows[group[0]].1)).or_insert(place % FOLDS);
            for row in group {
                folds[row] = home;
            }
        }
    }
    folds
}

fn stratum(set: &str, row: &Row) -> String {
    format!("{set} {:?}", row.labels)
}

/// What near copies have in common: their first letters, without case and signs.
fn likeness(row: &Row) -> String {
    if let Some(group) = &row.group {
        return format!("group {group}");
    }
    row.text.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).take(120).collect()
}
