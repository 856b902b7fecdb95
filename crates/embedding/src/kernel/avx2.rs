//! f32 by AVX2 and FMA: tiles of 6 rows by 16 columns, and the plain functions compiled for AVX2.

use std::arch::x86_64::{
    __m256, _mm256_add_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_set1_ps, _mm256_setzero_ps,
    _mm256_storeu_ps,
};

use super::interleaved::{BLOCK_ROWS, BlockLine};
use super::linear::{Line, Linear, each_tile};
use super::plain::{self, AttentionScratch, Bounding, Bounds, Heads, Norm};

/// Declares functions compiled for AVX2 that do what `plain` says.
macro_rules! for_avx2 {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)? = $plain:expr;)+) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        /// The CPU has AVX2 and FMA.
        pub(super) unsafe fn $name($($arg: $type),*) $(-> $result)? {
            #[target_feature(enable = "avx2,fma")]
            fn compiled($($arg: $type),*) $(-> $result)? {
                $plain($($arg),*)
            }
            // SAFETY: the caller vouches for the features.
            unsafe { compiled($($arg),*) }
        }
    )+};
}

for_avx2! {
    /// GELU of each value.
    fn gelu(values: &mut [f32]) = plain::gelu::<true>;
    /// Layer norm of each row of a sum.
    fn add_norm(x: &mut [f32], added: &[f32], norm: &Norm) = plain::add_norm::<true>;
    /// Attention of one text.
    fn attention(heads: Heads, qkv: &[f32], context: &mut [f32], scratch: &mut AttentionScratch)
        = plain::attention::<true>;
    /// Dot product.
    fn dot(a: &[f32], b: &[f32]) -> f32 = plain::dot::<true>;
    /// Dot products of codes.
    fn scan(query: &[i8], lines: &[BlockLine], out: &mut [[i32; BLOCK_ROWS]]) = plain::scan;
    /// Bounds of blocks of rows.
    fn bound(
        by: &Bounding,
        products: &[[i32; BLOCK_ROWS]],
        scales: &[[f32; BLOCK_ROWS]],
        errors: &[[f32; BLOCK_ROWS]],
        out: &mut [Bounds]
    ) = plain::bound;
}

const COLUMNS: usize = 16;

/// `y = x Wᵀ + b` over panels of 16 columns.
///
/// # Safety
/// The CPU has AVX2 and FMA.
pub(super) unsafe fn linear(layer: &Linear, lines: &[Line<f32, 16>], x: &[f32], y: &mut [f32]) {
    let rows = x.len() / layer.inputs;
    each_tile(rows, 4 * layer.inputs, layer.outputs / COLUMNS, |panel, row, left| {
        let lines = &lines[panel * layer.inputs..][..layer.inputs];
        let x = &x[row * layer.inputs..];
        let y = &mut y[row * layer.outputs..];
        let column = panel * COLUMNS;
        // SAFETY: the caller vouches for the features.
        unsafe {
            match left {
                6.. => tile::<6>(layer, lines, x, y, column),
                3.. => tile::<3>(layer, lines, x, y, column),
                _ => tile::<1>(layer, lines, x, y, column),
            }
        }
    });
}

/// `R` rows of one panel; `x` and `y` begin with the first of them. Returns `R`.
#[target_feature(enable = "avx2,fma")]
fn tile<const R: usize>(
    layer: &Linear,
    lines: &[Line<f32, 16>],
    x: &[f32],
    y: &mut [f32],
    column: usize,
) -> usize {
    let inputs = layer.inputs;
    assert!(x.len() >= R * inputs && lines.len() == inputs, "operands are as long as the tile reads");
    let mut sums = [[_mm256_setzero_ps(); 2]; R];
    for (step, line) in lines.iter().enumerate() {
        let (low, high) = (load(&line.0, 0), load(&line.0, 8));
        for (r, sums) in sums.iter_mut().enumerate() {
            // SAFETY: step < inputs and r < R, so the index is below R * inputs, asserted above.
            let value = _mm256_set1_ps(unsafe { *x.get_unchecked(r * inputs + step) });
            sums[0] = _mm256_fmadd_ps(value, low, sums[0]);
            sums[1] = _mm256_fmadd_ps(value, high, sums[1]);
        }
    }
    for (r, sums) in sums.into_iter().enumerate() {
        for (half, sum) in sums.into_iter().enumerate() {
            let at = column + 8 * half;
            let sum = _mm256_add_ps(sum, load(&layer.bias, at));
            let y: &mut [f32] = &mut y[r * layer.outputs + at..][..8];
            // SAFETY: the slice holds 8 values.
            unsafe { _mm256_storeu_ps(y.as_mut_ptr(), sum) };
        }
    }
    R
}

/// Eight values from `at` on.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn load(values: &[f32], at: usize) -> __m256 {
    // SAFETY: the slice holds 8 values.
    unsafe { _mm256_loadu_ps(values[at..][..8].as_ptr()) }
}
