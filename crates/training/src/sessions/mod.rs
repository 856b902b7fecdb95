//! Training and measuring of the built-in threat model: whole sessions and chains of thought.
//!
//! ```text
//! rows ─► requests (screened) ─► heads over n-grams ─► features, out of fold ─► channels ─► weights
//! ```
//!
//! Heads are trained on the four other folds of what they score, or the channels above them would trust them too much.
//! Everything is a function of the rows and a seed.

mod corpus;
mod folds;
mod heads;
mod linear;
mod logistic;
mod request;
mod stack;
mod thoughts;
mod validate;

pub use corpus::SessionSet;
pub use request::{SessionScreener, cot_request, session_request};
pub use validate::{Held, RISK_MIN, SessionValidation, ask_cot, ask_session, judge, slices};

use std::path::Path;
use std::sync::Arc;

use tidegate_analysis::{RulesModel, Weights};

use crate::train::TrainError;
use corpus::Corpus;

/// Trains on every row.
///
/// - `dir`: a folder with the sets as `NAME.jsonl` or `NAME.jsonl.gz`.
/// - Cost: six trainings of the heads, well under a minute on one core.
/// - Errors: a set is missing or broken.
pub fn train_sessions(dir: &Path, seed: u64) -> Result<Weights, TrainError> {
    let corpus = Corpus::read(dir)?;
    let all: Vec<usize> = (0..corpus.sessions.len()).collect();
    let mut weights = stack::fit(&corpus, &all, seed);
    let thoughts: Vec<usize> = (0..corpus.thoughts.len()).collect();
    thoughts::fit(&corpus, &thoughts, seed, &mut weights);
    Ok(weights)
}

/// Cross-validates what [`train_sessions`] trains. Cost: thirty-six trainings of the heads, some minutes. Errors as there.
pub fn cross_validate_sessions(dir: &Path, seed: u64) -> Result<SessionValidation, TrainError> {
    Ok(validate::validate(&Corpus::read(dir)?, seed))
}

/// A model of trained weights.
pub fn model_of(weights: Weights) -> RulesModel {
    RulesModel::with_weights(Arc::new(weights))
}
