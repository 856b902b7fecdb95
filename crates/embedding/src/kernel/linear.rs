//! A packed linear layer, `y = x Wᵀ + b`, and the activations converted for it.
//!
//! Weights lie in panels of columns, in the order in which a tile reads them: for each `DEPTH` inputs one line of
//! 64 bytes for every 16 columns, `DEPTH` values a column side by side. Quantised once, when the model opens.

use half::bf16;

/// 64 bytes on a cache line of their own: a load of one never touches two.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Line<T, const N: usize>(pub(super) [T; N]);

/// A linear layer as one kernel reads it.
#[derive(Debug)]
pub(crate) struct Linear {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) weights: Weights,
    pub(super) bias: Vec<f32>,
}

impl Linear {
    /// Length of a row that comes out.
    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }
}

#[derive(Debug)]
pub(super) enum Weights {
    /// Panels of 16 columns.
    F32(Vec<Line<f32, 16>>),
    /// Panels of 32 columns, pairs of inputs.
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "made by x86 kernels"))]
    Bf16(Vec<Line<bf16, 32>>),
    /// Panels of 32 columns, fours of inputs.
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "made by x86 kernels"))]
    Int8(Codes),
}

/// Weights as `scale · code`, one scale a column.
#[derive(Debug)]
pub(super) struct Codes {
    pub(super) lines: Vec<Line<i8, 64>>,
    pub(super) scales: Vec<f32>,
    /// `scale · Σ code` of each column: what an offset of 1 in all activations adds.
    pub(super) sums: Vec<f32>,
}

/// Room for the activations of one product, converted. Reused, so that encoding allocates little.
#[derive(Debug, Default)]
pub(crate) struct Activations {
    pub(super) codes: Vec<u8>,
    pub(super) halves: Vec<bf16>,
    /// Scale and offset of each row of `codes`: `x ≈ scale · code + offset`.
    pub(super) ranges: Vec<(f32, f32)>,
}

/// Packs `weights` (`outputs` rows of `inputs`) for tiles of `16 · WIDTH` columns and `DEPTH` inputs a step.
fn pack<T: Copy, const N: usize, const DEPTH: usize, const WIDTH: usize>(
    inputs: usize,
    weights: &[f32],
    zero: T,
    code: impl Fn(usize, f32) -> T,
) -> Vec<Line<T, N>> {
    let steps = inputs / DEPTH;
    let mut lines = vec![Line([zero; N]); weights.len() / N];
    for (column, row) in weights.chunks_exact(inputs).enumerate() {
        let (panel, part) = (column / (16 * WIDTH), column / 16 % WIDTH);
        for (step, values) in row.chunks_exact(DEPTH).enumerate() {
            let line = &mut lines[(panel * steps + step) * WIDTH + part].0;
            for (slot, &value) in line[column % 16 * DEPTH..][..DEPTH].iter_mut().zip(values) {
                *slot = code(column, value);
            }
        }
    }
    lines
}

impl Weights {
    pub(super) fn f32(inputs: usize, weights: &[f32]) -> Self {
        Self::F32(pack::<_, 16, 1, 1>(inputs, weights, 0.0, |_, value| value))
    }

    #[cfg(target_arch = "x86_64")]
    pub(super) fn bf16(inputs: usize, weights: &[f32]) -> Self {
        Self::Bf16(pack::<_, 32, 2, 2>(inputs, weights, bf16::ZERO, |_, value| bf16::from_f32(value)))
    }

    #[cfg(target_arch = "x86_64")]
    pub(super) fn int8(inputs: usize, weights: &[f32]) -> Self {
        let largest = |row: &[f32]| row.iter().fold(f32::MIN_POSITIVE, |max, value| max.max(value.abs()));
        let scales: Vec<f32> = weights.chunks_exact(inputs).map(|row| largest(row) / 127.0).collect();
        let code = |column: usize, value: f32| (value / scales[column]).round() as i8;
        let lines = pack::<_, 64, 4, 2>(inputs, weights, 0, code);
        let sum = |(column, row): (usize, &[f32])| {
            scales[column] * row.iter().map(|&value| f32::from(code(column, value))).sum::<f32>()
        };
        let sums = weights.chunks_exact(inputs).enumerate().map(sum).collect();
        Self::Int8(Codes { lines, scales, sums })
    }
}

/// Walks a product in tiles: blocks of rows whose activations stay in the second cache, panels inside.
///
/// - `row_bytes`: of one converted row.
/// - `tile`: computes one panel from a row on, of the rows left in the block; returns how many it did.
pub(super) fn each_tile(
    rows: usize,
    row_bytes: usize,
    panels: usize,
    mut tile: impl FnMut(usize, usize, usize) -> usize,
) {
    const BLOCK_BYTES: usize = 512 << 10;
    let block = (BLOCK_BYTES / row_bytes).max(12) / 12 * 12;
    for start in (0..rows).step_by(block) {
        let end = (start + block).min(rows);
        for panel in 0..panels {
            let mut row = start;
            while row < end {
                row += tile(panel, row, end - row);
            }
        }
    }
}
