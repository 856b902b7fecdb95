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

#[cfg(test)]
mod tests {
    use super::*;

    fn row(nth: usize, text: &str, label: &str) -> Row {
        Row { id: nth.to_string(), text: text.to_owned(), labels: vec![label.to_owned()], ..Row::default() }
    }

    #[test]
    fn every_fold_has_its_share_of_each_label() {
        let text = |n: usize| format!("{} {} {}", n * 7919, n * 104_729 % 9973, n * 31);
        let rows: Vec<Row> =
            (0..100).map(|n| row(n, &text(n), if n < 20 { "SPAM" } else { "LOW_RISK" })).collect();
        let named: Vec<(&str, &Row)> = rows.iter().map(|row| ("a", row)).collect();
        let folds = deal(&named, 1);
        for fold in 0..FOLDS {
            let of = |from: usize, to: usize| (from..to).filter(|&nth| folds[nth] == fold).count();
            assert!((3..=5).contains(&of(0, 20)) && (14..=18).contains(&of(20, 100)), "{}", of(0, 20));
        }
        assert_eq!(folds, deal(&named, 1), "a function of rows and seed");
        assert_ne!(folds, deal(&named, 2));
    }

    #[test]
    fn near_copies_stay_together() {
        let rows = [
            row(0, "I hate women.", "A"),
            row(1, "I hate Muslims!", "A"),
            row(2, "Win a free prize, call 0800 123 now and claim your reward today", "A"),
            row(3, "WIN a free prize, call 0800 123 now and claim your reward today!!", "A"),
        ];
        let named: Vec<(&str, &Row)> = rows.iter().map(|row| ("a", row)).collect();
        for seed in 0..20 {
            let folds = deal(&named, seed);
            assert_eq!((folds[0], folds[2]), (folds[1], folds[3]));
        }
    }
}
