//! Training and measuring of the classifiers of [`tidegate_screening`].
//!
//! [`train`] turns labelled rows into a [`Model`](tidegate_screening::Model), with a sentence encoder also into
//! [`SentenceHeads`](tidegate_screening::SentenceHeads), and says how good both are on rows they have not seen; [`eval`] measures any screener on any labelled set. Everything is a function of the
//! rows and a seed: the same input gives the same bytes on every machine.
//!
//! The steps: rows are read ([`data`]) and told which head they teach what (`heads`), features are counted
//! (`vocabulary`), one linear support vector machine a head is solved (`solver`), weights are rounded to bytes
//! (`pack`), and margins are turned into probabilities (`platt`) by what models say about rows they were not shown. Heads over
//! sentence vectors (`vectors`) are stacked upon such margins (`stack`, `dense`) and judged by folds within folds (`stacking`).

mod cross_validation;
pub mod data;
mod dense;
pub mod eval;

mod folds;
mod heads;
mod likeness;
mod own;
mod pack;
mod platt;
mod random;
mod recipe;
pub mod sessions;
mod solver;
mod stack;
mod stacking;
mod train;
mod tune;
mod vectors;
mod vocabulary;

pub use cross_validation::{CrossValidation, FalseAlarms, OutOfFold, Reliability};
pub use train::{TrainError, Trained, train};
