//! Tuning: probabilities and thresholds, from what models say about rows they were not shown.

use tidegate_screening::{Calibration, Head, LANES};

use crate::cross_validation::OutOfFold;
use crate::eval::{Detector, Judged, best_f1};
use crate::platt;

/// How the margins of every head are to be read, by `rows`.
pub(crate) fn calibrations(rows: &[&OutOfFold]) -> [Calibration; LANES] {
    let mut calibrations = Head::ALL.map(|head| {
        let curve = platt::fit(&judged(rows, head as usize, &[]));
        Calibration { slope: curve.slope, offset: curve.offset, threshold: threshold(head, rows) }
    });
    tweets(&mut calibrations, rows);
    calibrations
}

/// Margins of `head` on rows that teach it, of these sets or of all.
fn judged(rows: &[&OutOfFold], head: usize, sets: &[&str]) -> Vec<Judged> {
    let taught =
        rows.iter().filter(|row| row.lessons[head] != 0 && (sets.is_empty() || sets.contains(&row.set)));
    taught.map(|row| (row.margins[head], row.lessons[head] > 0)).collect()
}

/// The threshold of the best F1 on the sets that a head is meant for, with few enough false alarms.
fn threshold(head: Head, rows: &[&OutOfFold]) -> f64 {
    let best = |sets: &[&str], fpr_max: f64| best_f1(&judged(rows, head as usize, sets), fpr_max).0;
    match head {
        Head::SpamMessage => best(&["spam_sms"], 1.0),
        Head::SpamComment => best(&["spam_youtube"], 1.0),
        Head::Toxic => best(&["surge_toxicity"], 1.0),
        Head::Hate => best(&["mod_openai"], 1.0),
        Head::HateContrast => best(&["hatecheck"], 0.19),
        Head::Sexist => best(&["edos_sexism"], 1.0),
        Head::Jailbreak => best(&["jailbreak"], 0.012),
        Head::InjectionDirect => best(&["injection_direct", "notinject"], 0.012),
        Head::InjectionIndirect => best(&["injection_indirect"], 0.03),
        Head::HarmfulIntent => {
            both(&judged(rows, head as usize, &["harmful_intent"]), &judged(rows, head as usize, &["xstest"]))
        }
        Head::Harassment | Head::Violence | Head::Sexual | Head::AnyRisk => best(&["mod_openai"], 1.0),
        Head::Offensive | Head::HateTweet => best(&[], 1.0),
    }
}

/// Candidates for a threshold, spread evenly over the rows.
fn candidates(judged: &[Judged], count: usize) -> Vec<f64> {
    let mut scores: Vec<f64> = judged.iter().map(|(score, _)| *score).collect();
    scores.sort_by(f64::total_cmp);
    (1..count).filter_map(|nth| scores.get(nth * scores.len() / count).copied()).collect()
}

fn f1(judged: &[Judged], threshold: f64) -> f64 {
    let (mut hits, mut said, mut are) = (0.0, 0.0, 0.0);
    for &(score, it_is) in judged {
        said += f64::from(u8::from(score >= threshold));
        are += f64::from(u8::from(it_is));
        hits += f64::from(u8::from(score >= threshold && it_is));
    }
    if said + are == 0.0 { 0.0 } else { 2.0 * hits / (said + are) }
}

/// The threshold that is best for two sets at once: by the sum of their F1, averaged over its neighbours.
///
/// The smaller set has few rows: without its neighbours, a threshold is as good as its luck.
fn both(one: &[Judged], other: &[Judged]) -> f64 {
    let at = candidates(&[one, other].concat(), 200);
    let sums: Vec<f64> = at.iter().map(|&threshold| f1(one, threshold) + f1(other, threshold)).collect();
    let around: Vec<f64> = sums.windows(NEIGHBOURS).map(|sums| sums.iter().sum()).collect();
    let best = (0..around.len()).max_by(|&a, &b| around[a].total_cmp(&around[b]));
    best.map_or(0.0, |best| at[best + NEIGHBOURS / 2])
}

const NEIGHBOURS: usize = 15;

/// The two thresholds of the three answers to tweets: by the mean F1 of the answers.
fn tweets(calibrations: &mut [Calibration; LANES], rows: &[&OutOfFold]) {
    let tweets: Vec<(usize, [f64; LANES])> = rows
        .iter()
        .filter(|row| row.set == "davidson_tweets")
        .filter_map(|row| Some((Detector::Tweets.truth(&row.row)?, row.margins)))
        .collect();
    let margins =
        |head: Head| -> Vec<Judged> { tweets.iter().map(|(_, m)| (m[head as usize], true)).collect() };
    let mut best = 0.0;
    let (hates, offences) =
        (candidates(&margins(Head::HateTweet), 100), candidates(&margins(Head::Offensive), 40));
    for &hate in &hates[hates.len() / 2..] {
        for &offence in &offences[..offences.len() / 2] {
            let mut confusion = [[0.0_f64; 3]; 3];
            for (truth, margins) in &tweets {
                let answer = if margins[Head::HateTweet as usize] >= hate {
                    0
                } else {
                    1 + usize::from(margins[Head::Offensive as usize] < offence)
                };
                confusion[*truth][answer] += 1.0;
            }
            let mean = mean_f1(&confusion);
            if mean > best {
                best = mean;
                calibrations[Head::HateTweet as usize].threshold = hate;
                calibrations[Head::Offensive as usize].threshold = offence;
            }
        }
    }
}

/// Mean F1 of three answers, by truth and answer.
fn mean_f1(confusion: &[[f64; 3]; 3]) -> f64 {
    let of = |label: usize| {
        let are: f64 = confusion[label].iter().sum();
        let said: f64 = confusion.iter().map(|row| row[label]).sum();
        if are + said == 0.0 { 0.0 } else { 2.0 * confusion[label][label] / (are + said) }
    };
    (0..3).map(of).sum::<f64>() / 3.0
}
