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
    let (all, above) = negatives.fold((0_u32, 0_u32), |(all, above), (score, _)| (all + 1, above + u32::from(*score >= threshold)));
    if all == 0 { 0.0 } else { f64::from(above) / f64::from(all) }
}

/// A threshold of nearly the best F1 among those with at most `fpr_max` false alarms, and the best F1.
///
/// The middle of all thresholds within [`NEARLY`] of the best: the best one itself hangs on a few rows.
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
