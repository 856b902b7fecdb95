//! The stack: heads, and the channels over what heads say of sessions that they were not shown.

use tidegate_analysis::learn::{self, Features, PROTECTION};
use tidegate_analysis::{Channel, Weights};

use super::corpus::{Corpus, Session, SessionSet};
use super::folds::{self, FOLDS};
use super::{heads, logistic};
use crate::eval::best_f1;

/// Trains heads and channels on the sessions `on`.
pub(super) fn fit(corpus: &Corpus, on: &[usize], seed: u64) -> Weights {
    let features = out_of_fold(corpus, on, seed);
    let sessions = || on.iter().map(|&nth| &corpus.sessions[nth]).zip(&features);
    let chat: Vec<_> = sessions()
        .filter(|(session, _)| !session.user.is_empty())
        .map(|(session, features)| (features.chat, is_chat_attack(session), weight_in_chat(session)))
        .collect();
    let tool: Vec<_> = sessions()
        .filter_map(|(session, features)| features.tool.map(|tool| (tool, session.attack, 1.0)))
        .collect();
    Weights {
        heads: heads::train(corpus, on, seed),
        chat: placed(logistic::fit(&chat, Some(PROTECTION), 2e-3), &chat, CHAT_FPR_MAX),
        tool: placed(logistic::fit(&tool, None, 5e-4), &tool, TOOL_FPR_MAX),
        ..Weights::default()
    }
}

/// At most so many false alarms where a channel begins to say yes.
const CHAT_FPR_MAX: f64 = 0.015;
const TOOL_FPR_MAX: f64 = 0.003;

fn is_chat_attack(session: &Session) -> bool {
    session.attack && session.set == SessionSet::Hh
}

fn weight_in_chat(session: &Session) -> f64 {
    match (session.set, session.attack) {
        (SessionSet::Hh, false) => 2.0,
        _ => 1.0,
    }
}

/// Moves a channel so that it says yes from the best point on that keeps false alarms low.
pub(super) fn placed<const N: usize>(
    channel: Channel<N>,
    rows: &[logistic::Row<N>],
    fpr_max: f64,
) -> Channel<N> {
    let judged: Vec<(f64, bool)> = rows.iter().map(|row| (channel.margin(&row.0), row.1)).collect();
    let (threshold, _) = best_f1(&judged, fpr_max);
    if threshold.abs() > 50.0 { channel } else { Channel { bias: channel.bias - threshold, ..channel } }
}

/// The features of each session, under heads that were trained on other groups.
fn out_of_fold(corpus: &Corpus, on: &[usize], seed: u64) -> Vec<Features> {
    let folds = deal(corpus, on, seed ^ 0x5eed);
    let mut features: Vec<Option<Features>> = vec![None; on.len()];
    for fold in 0..FOLDS {
        let rest: Vec<usize> = (0..on.len()).filter(|&n| folds[n] != fold).map(|n| on[n]).collect();
        let weights =
            Weights { heads: heads::train(corpus, &rest, seed ^ fold as u64), ..Weights::default() };
        for nth in (0..on.len()).filter(|&nth| folds[nth] == fold) {
            features[nth] = Some(learn::features(&corpus.sessions[on[nth]].request, &weights));
        }
    }
    features.into_iter().flatten().collect()
}

/// Folds of the sessions `on`.
pub(super) fn deal(corpus: &Corpus, on: &[usize], seed: u64) -> Vec<usize> {
    let rows: Vec<(String, &str)> = on
        .iter()
        .map(|&nth| {
            let session = &corpus.sessions[nth];
            let group = session.row.group.as_deref().unwrap_or(&session.row.id);
            (format!("{:?} {}", session.set, session.attack), group)
        })
        .collect();
    folds::deal(&rows, seed)
}
