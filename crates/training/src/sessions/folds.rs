//! Folds of sessions: groups stay together, and every fold has its share of each set and label.

use std::collections::BTreeMap;

use crate::random::Random;

/// How many folds there are.
pub(super) const FOLDS: usize = 5;

/// The fold of each row, given what it is of and its group. The same rows and seed give the same folds.
pub(super) fn deal(rows: &[(String, &str)], seed: u64) -> Vec<usize> {
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (nth, (_, group)) in rows.iter().enumerate() {
        groups.entry(group).or_default().push(nth);
    }
    let mut strata: BTreeMap<&str, Vec<Vec<usize>>> = BTreeMap::new();
    for members in groups.into_values() {
        strata.entry(&rows[members[0]].0).or_default().push(members);
    }
    let mut folds = vec![0; rows.len()];
    for (nth, mut groups) in strata.into_values().enumerate() {
        Random::new(seed ^ nth as u64).shuffle(&mut groups);
        // Large groups first, or the last one tips a fold.
        groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
        let mut sizes = [0; FOLDS];
        for group in groups {
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

    #[test]
    fn groups_stay_together_and_kinds_are_spread() {
        let names: Vec<String> = (0..100).map(|n| format!("g{}", n / 2)).collect();
        let rows: Vec<(String, &str)> =
            names.iter().enumerate().map(|(n, g)| (format!("{}", n < 40), g.as_str())).collect();
        let folds = deal(&rows, 3);
        assert!((0..50).all(|g| folds[2 * g] == folds[2 * g + 1]));
        for fold in 0..FOLDS {
            assert_eq!((0..40).filter(|&n| folds[n] == fold).count(), 8);
        }
        assert_eq!(folds, deal(&rows, 3));
        assert_ne!(folds, deal(&rows, 4));
    }
}
