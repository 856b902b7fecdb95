//! Packing: weights of all heads, rounded to bytes, into the table that ships.

use tidegate_screening::{Block, Calibration, LANES, Model, Row, Scale, Table};

use crate::solver::Weights;
use crate::vocabulary::Vocabulary;

/// Fewer rows than fit, so that few buckets are full.
const ROWS: usize = Table::ROWS_MAX / 100 * 85;

/// The features that weigh most over all heads, as many as the table holds, in order of their numbers.
pub(crate) fn heaviest(vocabulary: &Vocabulary, heads: &[Weights]) -> Vec<usize> {
    let sizes: Vec<[f64; Block::COUNT]> = heads.iter().map(|head| sizes(vocabulary, head)).collect();
    let weight = |number: usize| -> f64 {
        let feature = &vocabulary.features[number];
        let spread = libm::sqrt(f64::from(feature.texts));
        let of = |(head, sizes): (&Weights, &[f64; Block::COUNT])| {
            f64::from(head.weights[number].abs()) / sizes[feature.block].max(1e-12)
        };
        spread * heads.iter().zip(&sizes).map(of).fold(0.0, f64::max)
    };
    let mut order: Vec<(f64, usize)> =
        (0..vocabulary.features.len()).map(|number| (weight(number), number)).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    order.truncate(ROWS);
    let mut kept: Vec<usize> = order.into_iter().map(|(_, number)| number).collect();
    kept.sort_unstable();
    kept
}

/// The largest weight of a head in each block.
fn sizes(vocabulary: &Vocabulary, head: &Weights) -> [f64; Block::COUNT] {
    let mut sizes = [0.0_f64; Block::COUNT];
    for (feature, &weight) in vocabulary.features.iter().zip(&head.weights) {
        sizes[feature.block] = sizes[feature.block].max(f64::from(weight.abs()));
    }
    sizes
}

/// The model of these weights: commonest features first, so that a full bucket loses a rare one.
pub(crate) fn pack(vocabulary: &Vocabulary, heads: &[Weights]) -> Model {
    let units: Vec<[f64; Block::COUNT]> =
        heads.iter().map(|head| sizes(vocabulary, head).map(|size| size.max(1e-12) / 127.0)).collect();
    let mut order: Vec<usize> = (0..vocabulary.features.len()).collect();
    order.sort_by_key(|&number| (std::cmp::Reverse(vocabulary.features[number].texts), number));
    let mut table = Table::default();
    for number in order {
        let feature = &vocabulary.features[number];
        let mut row: Row = [0; LANES];
        for ((lane, head), unit) in row.iter_mut().zip(heads).zip(&units) {
            *lane = libm::round(f64::from(head.weights[number]) / unit[feature.block]) as i8;
        }
        if row != [0; LANES] {
            table.insert(feature.hash, row);
        }
    }
    let mut scales = [Scale::default(); LANES];
    for ((scale, head), unit) in scales.iter_mut().zip(heads).zip(units) {
        *scale = Scale {
            unit,
            bias: head.bias,
            calibration: Calibration { slope: 1.0, ..Calibration::default() },
        };
    }
    Model { table, scales }
}
