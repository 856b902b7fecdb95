//! bf16 by AVX-512 BF16: tiles of 12 rows by 32 columns, two inputs a step.

use std::arch::x86_64::{
    __m512bh, __m512i, _mm512_add_ps, _mm512_dpbf16_ps, _mm512_load_si512, _mm512_loadu_ps,
    _mm512_set1_epi32, _mm512_setzero_ps, _mm512_storeu_ps,
};

use half::bf16;

use super::linear::{Line, Linear, each_tile};

const COLUMNS: usize = 32;

/// `y = x Wᵀ + b` over panels of 32 columns; `x` is rows of bf16.
///
/// # Safety
/// The CPU has AVX-512 F, VL and BF16.
pub(super) unsafe fn linear(layer: &Linear, lines: &[Line<bf16, 32>], x: &[bf16], y: &mut [f32]) {
    let rows = x.len() / layer.inputs;
    each_tile(rows, 2 * layer.inputs, layer.outputs / COLUMNS, |panel, row, left| {
        let lines = &lines[panel * layer.inputs..][..layer.inputs];
        let x = &x[row * layer.inputs..];
        let y = &mut y[row * layer.outputs..];
        let column = panel * COLUMNS;
        // SAFETY: the caller vouches for the features.
        unsafe {
            match left {
                12.. => tile::<12>(layer, lines, x, y, column),
                8.. => tile::<8>(layer, lines, x, y, column),
                4.. => tile::<4>(layer, lines, x, y, column),
                2.. => tile::<2>(layer, lines, x, y, column),
                _ => tile::<1>(layer, lines, x, y, column),
            }
        }
    });
}

/// `R` rows of one panel; `x` and `y` begin with the first of them. Returns `R`.
#[target_feature(enable = "avx512f,avx512vl,avx512bf16")]
fn tile<const R: usize>(
    layer: &Linear,
    lines: &[Line<bf16, 32>],
    x: &[bf16],
    y: &mut [f32],
    column: usize,
) -> usize {
    let inputs = layer.inputs;
    assert!(x.len() >= R * inputs && lines.len() == inputs, "operands are as long as the tile reads");
    let mut sums = [[_mm512_setzero_ps(); 2]; R];
    for (step, pair) in lines.as_chunks::<2>().0.iter().enumerate() {
        let (low, high) = (load(&pair[0]), load(&pair[1]));
        for (r, sums) in sums.iter_mut().enumerate() {
            // SAFETY: two values from r * inputs + 2 * step on, below R * inputs, asserted above.
            let value = unsafe { x.as_ptr().add(r * inputs + 2 * step).cast::<i32>().read_unaligned() };
            let value = halves(_mm512_set1_epi32(value));
            sums[0] = _mm512_dpbf16_ps(sums[0], value, low);
            sums[1] = _mm512_dpbf16_ps(sums[1], value, high);
        }
    }
    for (r, sums) in sums.into_iter().enumerate() {
        for (half, sum) in sums.into_iter().enumerate() {
            let at = column + 16 * half;
            let bias: &[f32] = &layer.bias[at..][..16];
            let y: &mut [f32] = &mut y[r * layer.outputs + at..][..16];
            // SAFETY: both slices hold 16 values.
            unsafe { _mm512_storeu_ps(y.as_mut_ptr(), _mm512_add_ps(sum, _mm512_loadu_ps(bias.as_ptr()))) };
        }
    }
    R
}

#[inline]
#[target_feature(enable = "avx512f,avx512vl,avx512bf16")]
fn load(line: &Line<bf16, 32>) -> __m512bh {
    // SAFETY: a line is 64 bytes, aligned to 64.
    halves(unsafe { _mm512_load_si512(line.0.as_ptr().cast()) })
}

#[inline]
#[target_feature(enable = "avx512f,avx512vl,avx512bf16")]
fn halves(bits: __m512i) -> __m512bh {
    // SAFETY: both are 512 plain bits; there is no intrinsic for the cast.
    unsafe { std::mem::transmute::<__m512i, __m512bh>(bits) }
}
