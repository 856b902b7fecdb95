//! int8 by AVX-512 VNNI: tiles of 12 rows by 32 columns, four inputs a step; and the scan of int8 codes.
//!
//! Activations are `scale · code + offset` a row with codes in 0..=255, weights `scale · code` a column with codes
//! in -127..=127. One instruction adds four products to an i32, exactly: 255 · 127 · inputs stays below 2^31 for up
//! to 66,000 inputs. The offset of a row adds `offset · Σ weights` of each column, known when packing.

use std::arch::x86_64::{
    __m512i, _MM_HINT_T0, _mm_prefetch, _mm_storeu_si128, _mm512_add_epi32, _mm512_and_si512,
    _mm512_cvtepi32_ps, _mm512_cvtps_epi32, _mm512_cvtusepi32_epi8, _mm512_dpbusd_epi32, _mm512_fmadd_ps,
    _mm512_load_si512, _mm512_loadu_ps, _mm512_max_ps, _mm512_min_ps, _mm512_mul_ps, _mm512_reduce_max_ps,
    _mm512_reduce_min_ps, _mm512_set1_epi8, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_si512,
    _mm512_srli_epi16, _mm512_storeu_ps, _mm512_storeu_si512, _mm512_sub_ps,
};

use super::interleaved::{BLOCK_ROWS, BlockLine, DEPTH};
use super::linear::{Activations, Codes, Line, Linear, each_tile};

/// Columns of a panel.
pub(super) const COLUMNS: usize = 32;

/// Rounds each row of `width` to 8 bits between its least and its greatest value. There is room for whole blocks of
/// 16 rows of codes; those beyond the last row mean nothing.
///
/// # Safety
/// The CPU has AVX-512 F and VNNI.
pub(super) unsafe fn quantize(x: &[f32], width: usize, out: &mut Activations) {
    out.codes.resize((x.len() / width).next_multiple_of(16) * width, 0);
    out.ranges.clear();
    for (row, codes) in x.chunks_exact(width).zip(out.codes.chunks_exact_mut(width)) {
        // SAFETY: the caller vouches for the features.
        out.ranges.push(unsafe { quantize_row(row, codes) });
    }
}

/// Codes one row; gives its scale and offset.
#[target_feature(enable = "avx512f")]
fn quantize_row(row: &[f32], codes: &mut [u8]) -> (f32, f32) {
    let row = row.as_chunks::<16>().0;
    let (mut least, mut most) = (_mm512_set1_ps(f32::INFINITY), _mm512_set1_ps(f32::NEG_INFINITY));
    for lanes in row {
        // SAFETY: 16 values.
        let lanes = unsafe { _mm512_loadu_ps(lanes.as_ptr()) };
        least = _mm512_min_ps(least, lanes);
        most = _mm512_max_ps(most, lanes);
    }
    let low = _mm512_reduce_min_ps(least);
    let width = (_mm512_reduce_max_ps(most) - low).max(f32::MIN_POSITIVE);
    let (inverse, offset) = (_mm512_set1_ps(255.0 / width), _mm512_set1_ps(low));
    for (lanes, codes) in row.iter().zip(codes.as_chunks_mut::<16>().0) {
        // SAFETY: 16 values.
        let lanes = unsafe { _mm512_loadu_ps(lanes.as_ptr()) };
        let scaled = _mm512_mul_ps(_mm512_sub_ps(lanes, offset), inverse);
        let bytes = _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32(scaled));
        // SAFETY: 16 bytes.
        unsafe { _mm_storeu_si128(codes.as_mut_ptr().cast(), bytes) };
    }
    (width / 255.0, low)
}

/// `y = x Wᵀ + b` over panels of 32 columns; `x` is rows of codes with their ranges.
///
/// # Safety
/// The CPU has AVX-512 F and VNNI.
pub(super) unsafe fn linear(layer: &Linear, weights: &Codes, x: &Activations, y: &mut [f32]) {
    each_tile(x.ranges.len(), layer.inputs, layer.outputs / COLUMNS, |panel, row, left| {
        let tile = Tile::new(layer, weights, x, panel, row);
        let y = &mut y[row * layer.outputs..];
        // SAFETY: the caller vouches for the features.
        unsafe {
            match left {
                12.. => tile.compute::<12>(y),
                8.. => tile.compute::<8>(y),
                4.. => tile.compute::<4>(y),
                2.. => tile.compute::<2>(y),
                _ => tile.compute::<1>(y),
            }
        }
    });
}

/// One panel of a layer, and activations from its first row on.
pub(super) struct Tile<'a> {
    layer: &'a Linear,
    weights: &'a Codes,
    pub(super) lines: &'a [Line<i8, 64>],
    pub(super) codes: &'a [u8],
    ranges: &'a [(f32, f32)],
    column: usize,
}

impl<'a> Tile<'a> {
    pub(super) fn new(
        layer: &'a Linear,
        weights: &'a Codes,
        x: &'a Activations,
        panel: usize,
        row: usize,
    ) -> Self {
        let lines = layer.inputs / 4 * 2;
        Tile {
            layer,
            weights,
            lines: &weights.lines[panel * lines..][..lines],
            codes: &x.codes[row * layer.inputs..],
            ranges: &x.ranges[row..],
            column: panel * COLUMNS,
        }
    }

    /// Computes `R` rows into `y`, which begins with the first of them. Returns `R`.
    #[target_feature(enable = "avx512f,avx512vnni")]
    fn compute<const R: usize>(&self, y: &mut [f32]) -> usize {
        for (row, sums) in self.sums::<R>().into_iter().enumerate() {
            for (half, sum) in sums.into_iter().enumerate() {
                self.finish(row, half, sum, y);
            }
        }
        R
    }

    /// Turns the sums of a row's 16 columns into values of `y`.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn finish(&self, row: usize, half: usize, sums: __m512i, y: &mut [f32]) {
        let (scale, offset) = self.ranges[row];
        let at = self.column + 16 * half;
        let (bias, scales) = (&self.layer.bias[at..][..16], &self.weights.scales[at..][..16]);
        let column_sums = &self.weights.sums[at..][..16];
        let y: &mut [f32] = &mut y[row * self.layer.outputs + at..][..16];
        // SAFETY: all four slices hold 16 values.
        unsafe {
            let scales = _mm512_mul_ps(_mm512_set1_ps(scale), _mm512_loadu_ps(scales.as_ptr()));
            let column_sums = _mm512_loadu_ps(column_sums.as_ptr());
            let base = _mm512_loadu_ps(bias.as_ptr());
            let base = _mm512_fmadd_ps(_mm512_set1_ps(offset), column_sums, base);
            _mm512_storeu_ps(y.as_mut_ptr(), _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums), scales, base));
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512vnni")]
    fn sums<const R: usize>(&self) -> [[__m512i; 2]; R] {
        let inputs = self.layer.inputs;
        let long_enough = self.codes.len() >= R * inputs && 2 * self.lines.len() == inputs;
        assert!(long_enough, "operands are as long as the tile reads");
        let mut sums = [[_mm512_setzero_si512(); 2]; R];
        for (step, pair) in self.lines.as_chunks::<2>().0.iter().enumerate() {
            let (low, high) = (load(&pair[0]), load(&pair[1]));
            for (r, sums) in sums.iter_mut().enumerate() {
                let at = r * inputs + 4 * step;
                // SAFETY: four codes from `at` on, below R * inputs, asserted above.
                let codes = unsafe { self.codes.as_ptr().add(at).cast::<i32>().read_unaligned() };
                let codes = _mm512_set1_epi32(codes);
                sums[0] = _mm512_dpbusd_epi32(sums[0], codes, low);
                sums[1] = _mm512_dpbusd_epi32(sums[1], codes, high);
            }
        }
        sums
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(line: &Line<i8, 64>) -> __m512i {
    // SAFETY: a line is 64 bytes, aligned to 64.
    unsafe { _mm512_load_si512(line.0.as_ptr().cast()) }
}

/// `Σ query · code` of each row, exactly. `lines` holds `out.len()` blocks of rows as long as the query, a multiple
/// of 16.
///
/// # Safety
/// The CPU has AVX-512 F, BW and VNNI.
pub(super) unsafe fn scan(query: &[i8], lines: &[BlockLine], out: &mut [[i32; BLOCK_ROWS]]) {
    for (lines, out) in lines.chunks_exact(query.len() / DEPTH).zip(out) {
        // SAFETY: the caller vouches for the features.
        unsafe { scan_block(query, lines, out) };
    }
}

/// One block, in four sums, so that an addition need not wait for the one before.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn scan_block(query: &[i8], lines: &[BlockLine], out: &mut [i32; BLOCK_ROWS]) {
    let half = _mm512_set1_epi8(0xf);
    let mut sums = [[_mm512_setzero_si512(); 2]; 2];
    for (lines, query) in lines.as_chunks::<2>().0.iter().zip(query.as_chunks::<{ 2 * DEPTH }>().0) {
        for (part, [low, high]) in sums.iter_mut().enumerate() {
            let line = lines[part].0.as_ptr();
            // The processor's own prefetching ends with a page.
            _mm_prefetch::<_MM_HINT_T0>(line.wrapping_add(2048).cast());
            // SAFETY: a line is 64 bytes, aligned to 64.
            let bytes = unsafe { _mm512_load_si512(line.cast()) };
            let codes =
                [_mm512_and_si512(bytes, half), _mm512_and_si512(_mm512_srli_epi16::<4>(bytes), half)];
            *low = _mm512_dpbusd_epi32(*low, codes[0], four(query, DEPTH * part));
            *high = _mm512_dpbusd_epi32(*high, codes[1], four(query, DEPTH * part + 4));
        }
    }
    let [even, odd] = sums.map(|[low, high]| _mm512_add_epi32(low, high));
    // SAFETY: 16 sums.
    unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), _mm512_add_epi32(even, odd)) };
}

/// Four codes of the query from `at` on, for every row.
#[inline]
#[target_feature(enable = "avx512f")]
fn four(query: &[i8; 2 * DEPTH], at: usize) -> __m512i {
    let codes = [query[at], query[at + 1], query[at + 2], query[at + 3]];
    _mm512_set1_epi32(i32::from_le_bytes(codes.map(i8::cast_unsigned)))
}
