//! The matrix product in plain f32: any architecture, and the measure of the other kernels.

use super::linear::{Line, Linear, each_tile};

const COLUMNS: usize = 16;

/// `y = x Wᵀ + b` over panels of 16 columns.
pub(super) fn linear(layer: &Linear, lines: &[Line<f32, 16>], x: &[f32], y: &mut [f32]) {
    let rows = x.len() / layer.inputs;
    each_tile(rows, 4 * layer.inputs, layer.outputs / COLUMNS, |panel, row, left| {
        let panel_lines = &lines[panel * layer.inputs..][..layer.inputs];
        let mut tile = |row: usize| {
            let x = &x[row * layer.inputs..][..layer.inputs];
            let mut sums = [0.0; COLUMNS];
            for (line, &x) in panel_lines.iter().zip(x) {
                sums.iter_mut().zip(line.0).for_each(|(sum, weight)| *sum += x * weight);
            }
            let columns = panel * COLUMNS..(panel + 1) * COLUMNS;
            let y = &mut y[row * layer.outputs..][columns.clone()];
            for ((y, sum), bias) in y.iter_mut().zip(sums).zip(&layer.bias[columns]) {
                *y = sum + bias;
            }
        };
        (row..row + left).for_each(&mut tile);
        left
    });
}
