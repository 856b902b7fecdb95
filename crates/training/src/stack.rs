//! Stacking: heads over sentence vectors and the margins of tier 1.
//!
//! A head learns from margins that tier 1 gave rows it was not shown: margins of rows it was shown are surer than any it
//! will ever meet.

use tidegate_screening::{Calibration, Column, Head, LANES, Margins, SentenceHeads};

use crate::dense::{self, Line};
use crate::solver::Target;
use crate::train::{Corpus, targets};
use crate::vectors::Vectors;

/// What the values of a vector, the margin of the head itself, and those of other heads are multiplied with: the smaller,
/// the less a head may lean on them. Chosen by cross-validation over all heads together.
const VECTOR: f32 = 6.0;
const OWN: f32 = 4.0;
const OTHERS: f32 = 1.0;

/// What a mistake costs. The one head that has a set of 1 900 contrasts to itself affords more.
fn cost(head: Head) -> f64 {
    if head == Head::HateContrast { 0.003 } else { 0.001 }
}

/// Trains heads on the rows `on`; `margins` are tier 1's, by row of `on`. Without calibration.
pub(crate) fn fit(
    corpus: &Corpus,
    vectors: &Vectors,
    on: &[usize],
    margins: &[Margins],
    seed: u64,
) -> SentenceHeads {
    let dims = on.first().map_or(0, |&nth| vectors.text(nth).len());
    let mut rows = Vec::with_capacity(on.len() * (dims + LANES));
    for (&nth, margins) in on.iter().zip(margins) {
        rows.extend(vectors.text(nth).iter().map(|value| value * VECTOR));
        rows.extend(margins.iter().map(|&margin| SentenceHeads::input(margin) * OTHERS));
    }
    let mut columns = vec![Column::default(); dims + LANES];
    let mut biases = Column::default();
    for head in Head::ALL {
        let taught = targets(corpus, on, head, cost(head));
        let line = solve(&mut rows, dims, head, &taught, seed ^ head as u64);
        for (input, (column, weight)) in columns.iter_mut().zip(line.weights).enumerate() {
            column[head as usize] = weight * scale(input, dims, head);
        }
        biases[head as usize] = line.bias;
    }
    let calibrations = [Calibration::default(); LANES];
    SentenceHeads { encoder: vectors.encoder.clone(), columns, biases, calibrations }
}

/// Solves with the head's own margin scaled up in `rows`, and scales it back.
fn solve(rows: &mut [f32], dims: usize, head: Head, taught: &[Target], seed: u64) -> Line {
    let inputs = dims + LANES;
    let own = |rows: &mut [f32], factor: f32| {
        rows.chunks_exact_mut(inputs).for_each(|row| row[dims + head as usize] *= factor);
    };
    own(rows, OWN / OTHERS);
    let line = dense::solve(rows, inputs, taught, seed);
    // Powers of two: the same bits again.
    own(rows, OTHERS / OWN);
    line
}

/// What the input was multiplied with while `head` was solved.
fn scale(input: usize, dims: usize, head: Head) -> f32 {
    match input.checked_sub(dims) {
        None => VECTOR,
        Some(other) if other == head as usize => OWN,
        Some(_) => OTHERS,
    }
}
