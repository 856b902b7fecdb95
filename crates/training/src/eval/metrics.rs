//! Metrics of yes-or-no answers.
//!
//! Source: Fawcett (2006), An Introduction to ROC Analysis; average precision as in Davis, Goadrich (2006).

/// One row: how strongly it was said to be, and whether it is.
pub type Judged = (f64, bool);

/// Area under the curve of true over false positive rate: how often a positive stands above a negative, ties as half.
///
/// 0.5 if one kind is missing. Cost O(n log n).
pub fn auroc(judged: &[Judged]) -> f64 {
    let mut sorted = judged.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut pairs) = (0.0, 0.0);
    for ties in sorted.chunk_by(|a, b| a.0 == b.0) {
        let positives = ties.iter().filter(|(_, it_is)| *it_is).count() as f64;
        let negatives = ties.len() as f64 - positives;
        pairs += positives * (below + negatives / 2.0);
        below += negatives;
    }
    let positives = judged.len() as f64 - below;
    if positives * below == 0.0 { 0.5 } else { pairs / (positives * below) }
}

/// Average precision: the precision at each positive, from the highest score down. 0 without positives.
pub fn auprc(judged: &[Judged]) -> f64 {
    let mut sorted = judged.to_vec();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut seen, mut hits, mut sum) = (0.0, 0.0, 0.0);
    for ties in sorted.chunk_by(|a, b| a.0 == b.0) {
        let positives = ties.iter().filter(|(_, it_is)| *it_is).count() as f64;
        seen += ties.len() as f64;
        hits += positives;
        sum += positives * hits / seen;
    }
    if hits == 0.0 { 0.0 } else { sum / hits }
}

/// The share of negatives at or above `threshold`.
pub fn rate_above(judged: &[Judged], threshold: f64) -> f64 {
    let negatives = judged.iter().filter(|(_, it_is)| !it_is);
    let (all, above) = negatives
        .fold((0_u32, 0_u32), |(all, above), (score, _)| (all + 1, above + u32::from(*score >= threshold)));
    if all == 0 { 0.0 } else { f64::from(above) / f64::from(all) }
}

/// A threshold of nearly the best F1 among those with at most `fpr_max` false alarms, and the best F1.
///
/// The middle of all thresholds within 0.004 of the best: the best one itself hangs on a few rows.
pub fn best_f1(judged: &[Judged], fpr_max: f64) -> (f64, f64) {
    let mut sorted = judged.to_vec();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let positives = sorted.iter().filter(|(_, it_is)| *it_is).count() as f64;
    let negatives = sorted.len() as f64 - positives;
    let (mut hits, mut alarms) = (0.0, 0.0);
    let mut allowed = Vec::new();
    for (nth, &(score, it_is)) in sorted.iter().enumerate() {
        hits += f64::from(u8::from(it_is));
        alarms += f64::from(u8::from(!it_is));
        let next = sorted.get(nth + 1).map_or(score - 1.0, |next| next.0);
        if next < score && alarms <= fpr_max * negatives {
            allowed.push((f64::midpoint(score, next), 2.0 * hits / (hits + alarms + positives)));
        }
    }
    let best = allowed.iter().map(|(_, f1)| *f1).fold(0.0, f64::max);
    let near: Vec<f64> = allowed.iter().filter(|(_, f1)| *f1 >= best - NEARLY).map(|(at, _)| *at).collect();
    (near.get(near.len() / 2).copied().unwrap_or(f64::MAX), best)
}

const NEARLY: f64 = 0.004;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows() -> impl Strategy<Value = Vec<Judged>> {
        prop::collection::vec((0_u8..20, any::<bool>()), 1..60)
            .prop_map(|rows| rows.into_iter().map(|(score, it_is)| (f64::from(score), it_is)).collect())
    }

    proptest! {
        #[test]
        fn auroc_is_the_share_of_pairs_in_order(rows in rows()) {
            let (mut won, mut pairs) = (0.0, 0.0);
            for (high, _) in rows.iter().filter(|row| row.1) {
                for (low, _) in rows.iter().filter(|row| !row.1) {
                    pairs += 1.0;
                    won += if high > low { 1.0 } else if high == low { 0.5 } else { 0.0 };
                }
            }
            let expected = if pairs == 0.0 { 0.5 } else { won / pairs };
            prop_assert!((auroc(&rows) - expected).abs() < 1e-9);
        }

        #[test]
        fn no_threshold_beats_the_best_one(rows in rows(), at in 0_u8..20) {
            let f1 = |threshold: f64| {
                let hits = rows.iter().filter(|row| row.0 >= threshold && row.1).count() as f64;
                let said = rows.iter().filter(|row| row.0 >= threshold).count() as f64;
                let are = rows.iter().filter(|row| row.1).count() as f64;
                if said + are == 0.0 { 0.0 } else { 2.0 * hits / (said + are) }
            };
            let (threshold, best) = best_f1(&rows, 1.0);
            prop_assert!(f1(f64::from(at)) <= best + 1e-9);
            prop_assert!(f1(threshold) >= best - NEARLY - 1e-9);
        }

        #[test]
        fn false_alarms_stay_below_their_limit(rows in rows(), limit in 0.0..1.0_f64) {
            let (threshold, _) = best_f1(&rows, limit);
            prop_assert!(rate_above(&rows, threshold) <= limit + 1e-9);
        }
    }

    #[test]
    fn perfect_order_has_areas_of_one() {
        let rows = [(0.1, false), (0.2, false), (0.8, true), (0.9, true)];
        assert_eq!((auroc(&rows), auprc(&rows)), (1.0, 1.0));
        assert_eq!(auprc(&[(0.9, false), (0.8, true)]), 0.5);
    }
}
