//! What every kernel shares, in plain Rust over lanes of 16: norms, attention, GELU, conversions, dot products.
//!
//! Each function is inlined into a caller compiled for some instructions, and vectorised for them there. `FMA` says
//! whether a fused multiply-add is one instruction there; without it, `mul_add` would be a call. Sums run in a
//! fixed order.
//!
//! Sources: exponential by Cody and Waite's reduction with the minimax polynomial of Cephes `expf`; error function
//! by Abramowitz and Stegun 7.1.26 (error below 1.5e-7).

use half::bf16;

use super::interleaved::{BLOCK_ROWS, BlockLine, DEPTH};

pub(super) const LANES: usize = 16;
type Lanes = [f32; LANES];

/// Lanes by their number. A loop, for a closure given to `array::from_fn` may be compiled apart, without the caller's
/// instructions.
macro_rules! lanes {
    (|$i:ident| $value:expr) => {
        lanes!(LANES, |$i| $value)
    };
    ($count:expr, |$i:ident| $value:expr) => {{
        let mut lanes = [Default::default(); $count];
        for $i in 0..$count {
            lanes[$i] = $value;
        }
        lanes
    }};
}

/// Adding it to a float below 2^22 rounds it to an integer, which then lies in the lowest bits.
const ROUNDER: f32 = 12_582_912.0;

/// Shape of attention: `heads` of `width` each, side by side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heads {
    pub(crate) count: usize,
    pub(crate) width: usize,
}

/// Weights of a layer norm.
#[derive(Debug)]
pub(crate) struct Norm {
    pub(crate) gain: Vec<f32>,
    pub(crate) bias: Vec<f32>,
    pub(crate) epsilon: f32,
}

/// Room for one head's attention.
#[derive(Debug, Default)]
pub(crate) struct AttentionScratch {
    keys: Vec<f32>,
    values: Vec<f32>,
    scores: Vec<f32>,
}

#[inline(always)]
fn fused<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

#[inline(always)]
fn exp<const FMA: bool>(x: f32) -> f32 {
    let x = if x < -87.0 { -87.0 } else { x };
    let x = if x > 88.0 { 88.0 } else { x };
    let shifted = fused::<FMA>(x, std::f32::consts::LOG2_E, ROUNDER);
    let n = shifted - ROUNDER;
    let r = fused::<FMA>(n, -0.693_359_4, x);
    let r = fused::<FMA>(n, 2.121_944_4e-4, r);
    let mut p = 1.987_569_1e-4;
    for c in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 5e-1] {
        p = fused::<FMA>(p, r, c);
    }
    let p = fused::<FMA>(p, r * r, r + 1.0);
    let exponent = shifted.to_bits().wrapping_sub(ROUNDER.to_bits()).wrapping_add(127) << 23;
    p * f32::from_bits(exponent)
}

#[inline(always)]
fn gelu_of<const FMA: bool>(x: f32) -> f32 {
    let z = (x * std::f32::consts::FRAC_1_SQRT_2).abs();
    let t = 1.0 / fused::<FMA>(z, 0.327_591_1, 1.0);
    let mut p = 1.061_405_4;
    for c in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
        p = fused::<FMA>(p, t, c);
    }
    let erf = 1.0 - p * t * exp::<FMA>(-z * z);
    0.5 * x * (1.0 + erf.copysign(x))
}

/// `x · Φ(x)` for each, by the error function.
#[inline(always)]
pub(super) fn gelu<const FMA: bool>(values: &mut [f32]) {
    for lanes in values.as_chunks_mut::<LANES>().0 {
        *lanes = lanes!(|i| gelu_of::<FMA>(lanes[i]));
    }
}

#[inline(always)]
fn sum(lanes: Lanes) -> f32 {
    let eight: [f32; 8] = lanes!(8, |i| lanes[i] + lanes[i + 8]);
    let four: [f32; 4] = lanes!(4, |i| eight[i] + eight[i + 4]);
    (four[0] + four[2]) + (four[1] + four[3])
}

#[inline(always)]
fn highest(lanes: Lanes) -> f32 {
    let eight: [f32; 8] = lanes!(8, |i| if lanes[i] > lanes[i + 8] { lanes[i] } else { lanes[i + 8] });
    let mut top = eight[0];
    for lane in eight {
        top = if lane > top { lane } else { top };
    }
    top
}

/// Normalises each row of `x + added` to mean 0 and variance 1, then scales and shifts it.
///
/// - `x`, `added`: rows of `norm.gain.len()`, a multiple of 16; an empty `added` counts as zeros.
#[inline(always)]
pub(super) fn add_norm<const FMA: bool>(x: &mut [f32], added: &[f32], norm: &Norm) {
    let width = norm.gain.len();
    if !added.is_empty() {
        for (x, added) in x.iter_mut().zip(added) {
            *x += added;
        }
    }
    for row in x.chunks_exact_mut(width) {
        let row = row.as_chunks_mut::<LANES>().0;
        let mut total = [0.0; LANES];
        for lanes in row.iter() {
            total = lanes!(|i| total[i] + lanes[i]);
        }
        let mean = sum(total) / width as f32;
        let mut squares = [0.0; LANES];
        for lanes in row.iter_mut() {
            *lanes = lanes!(|i| lanes[i] - mean);
            squares = lanes!(|i| fused::<FMA>(lanes[i], lanes[i], squares[i]));
        }
        let inverse = 1.0 / (sum(squares) / width as f32 + norm.epsilon).sqrt();
        let (gain, bias) = (norm.gain.as_chunks::<LANES>().0, norm.bias.as_chunks::<LANES>().0);
        for ((lanes, gain), bias) in row.iter_mut().zip(gain).zip(bias) {
            *lanes = lanes!(|i| fused::<FMA>(lanes[i] * inverse, gain[i], bias[i]));
        }
    }
}

/// Attention of one text over itself.
///
/// - `qkv`: a row a token: queries (already divided by the root of the width), keys, values of all heads.
/// - `context`: a row a token; overwritten.
/// - Cost: O(tokens² · heads · width).
#[inline(always)]
pub(super) fn attention<const FMA: bool>(
    heads: Heads,
    qkv: &[f32],
    context: &mut [f32],
    scratch: &mut AttentionScratch,
) {
    let hidden = heads.count * heads.width;
    let tokens = qkv.len() / (3 * hidden);
    for head in 0..heads.count {
        let at = head * heads.width;
        gather(qkv, hidden, at, heads.width, scratch);
        let mut token = 0;
        while token < tokens {
            token += if tokens - token >= 4 {
                attend::<FMA, 4>(heads.width, hidden, at, token, qkv, context, scratch)
            } else {
                attend::<FMA, 1>(heads.width, hidden, at, token, qkv, context, scratch)
            };
        }
    }
}

/// Copies one head's keys and values: by 16 tokens and channel, and by 16 channels and token.
#[inline(always)]
fn gather(qkv: &[f32], hidden: usize, at: usize, width: usize, scratch: &mut AttentionScratch) {
    let tokens = qkv.len() / (3 * hidden);
    let padded = tokens.next_multiple_of(LANES);
    scratch.keys.clear();
    scratch.keys.resize(padded * width, 0.0);
    scratch.values.resize(tokens * width, 0.0);
    scratch.scores.resize(4 * padded, 0.0);
    for (token, row) in qkv.chunks_exact(3 * hidden).enumerate() {
        let keys = &mut scratch.keys[token / LANES * LANES * width..][..LANES * width];
        let column = keys.as_chunks_mut::<LANES>().0;
        for (lanes, &key) in column.iter_mut().zip(&row[hidden + at..][..width]) {
            lanes[token % LANES] = key;
        }
        for (part, lanes) in row[2 * hidden + at..][..width].as_chunks::<LANES>().0.iter().enumerate() {
            scratch.values[(part * tokens + token) * LANES..][..LANES].copy_from_slice(lanes);
        }
    }
}

/// Attends from `R` tokens at once, so that each key and value read serves all of them. Returns `R`.
#[inline(always)]
fn attend<const FMA: bool, const R: usize>(
    width: usize,
    hidden: usize,
    at: usize,
    token: usize,
    qkv: &[f32],
    context: &mut [f32],
    scratch: &mut AttentionScratch,
) -> usize {
    let tokens = qkv.len() / (3 * hidden);
    let padded = tokens.next_multiple_of(LANES);
    let queries: [&[f32]; R] = lanes!(R, |r| &qkv[(token + r) * 3 * hidden + at..][..width]);
    for (block, keys) in scratch.keys.chunks_exact(LANES * width).enumerate() {
        let mut products = [[0.0; LANES]; R];
        for (channel, keys) in keys.as_chunks::<LANES>().0[..width].iter().enumerate() {
            for r in 0..R {
                let query = queries[r][channel];
                products[r] = lanes!(|i| fused::<FMA>(query, keys[i], products[r][i]));
            }
        }
        for (r, products) in products.iter().enumerate() {
            scratch.scores[r * padded + block * LANES..][..LANES].copy_from_slice(products);
        }
    }
    let shares: [f32; R] = lanes!(R, |r| softmax::<FMA>(&mut scratch.scores[r * padded..][..padded], tokens));
    let scores: [&[f32]; R] = lanes!(R, |r| &scratch.scores[r * padded..][..tokens]);
    for (part, values) in scratch.values.chunks_exact(LANES * tokens).enumerate() {
        let mut mixed = [[0.0; LANES]; R];
        for (other, values) in values.as_chunks::<LANES>().0[..tokens].iter().enumerate() {
            for r in 0..R {
                let score = scores[r][other];
                mixed[r] = lanes!(|i| fused::<FMA>(score, values[i], mixed[r][i]));
            }
        }
        for r in 0..R {
            let out = &mut context[(token + r) * hidden + at + part * LANES..][..LANES];
            for (out, mixed) in out.iter_mut().zip(mixed[r]) {
                *out = mixed * shares[r];
            }
        }
    }
    R
}

/// Replaces the first `tokens` scores by exponentials, the rest by 0; returns what to multiply them by.
#[inline(always)]
fn softmax<const FMA: bool>(scores: &mut [f32], tokens: usize) -> f32 {
    scores[tokens..].fill(f32::NEG_INFINITY);
    let blocks = scores.as_chunks_mut::<LANES>().0;
    let mut tops = [f32::NEG_INFINITY; LANES];
    for lanes in blocks.iter() {
        tops = lanes!(|i| if lanes[i] > tops[i] { lanes[i] } else { tops[i] });
    }
    let top = highest(tops);
    let mut total = [0.0; LANES];
    for lanes in blocks.iter_mut() {
        // exp stops at e^-87, so what is beyond the text is cleared by hand.
        *lanes = lanes!(|i| {
            let e = exp::<FMA>(lanes[i] - top);
            if lanes[i] == f32::NEG_INFINITY { 0.0 } else { e }
        });
        total = lanes!(|i| total[i] + lanes[i]);
    }
    1.0 / sum(total)
}

/// Rounds each value to bf16, to even on a tie.
#[inline(always)]
pub(super) fn halve(x: &[f32], halves: &mut [bf16]) {
    for (x, half) in x.iter().zip(halves) {
        let bits = x.to_bits();
        *half = bf16::from_bits((bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16) as u16);
    }
}

/// Dot product of two vectors of the same length.
#[inline(always)]
pub(super) fn dot<const FMA: bool>(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<{ 4 * LANES }>(), b.as_chunks::<{ 4 * LANES }>());
    let mut total = [0.0; 4 * LANES];
    for (a, b) in a.iter().zip(b) {
        total = lanes!(4 * LANES, |i| fused::<FMA>(a[i], b[i], total[i]));
    }
    let folded = lanes!(|i| (total[i] + total[i + 2 * LANES]) + (total[i + LANES] + total[i + 3 * LANES]));
    let mut rest = 0.0;
    for (a, b) in a_rest.iter().zip(b_rest) {
        rest += a * b;
    }
    sum(folded) + rest
}

/// `Σ query · code` of each row, exactly. `lines` holds `out.len()` blocks of rows as long as the query.
#[inline(always)]
pub(super) fn scan(query: &[i8], lines: &[BlockLine], out: &mut [[i32; BLOCK_ROWS]]) {
    for (lines, out) in lines.chunks_exact(query.len() / DEPTH).zip(out) {
        let mut sums = [0_i32; 4 * BLOCK_ROWS];
        for (line, query) in lines.iter().zip(query.as_chunks::<DEPTH>().0) {
            for i in 0..4 * BLOCK_ROWS {
                let (low, high) = (i16::from(line.0[i] & 0xf), i16::from(line.0[i] >> 4));
                sums[i] += i32::from(i16::from(query[i % 4]) * low + i16::from(query[i % 4 + 4]) * high);
            }
        }
        *out = lanes!(BLOCK_ROWS, |i| sums[4 * i] + sums[4 * i + 1] + sums[4 * i + 2] + sums[4 * i + 3]);
    }
}

/// What turns a product into bounds: `factor · scale · (2 · product - shift)`, give or take `length · error + slack`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounding {
    pub(crate) factor: f32,
    pub(crate) shift: i32,
    pub(crate) length: f32,
    pub(crate) slack: f32,
}

/// Lower and upper bounds of the rows of a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) low: [f32; BLOCK_ROWS],
    pub(crate) high: [f32; BLOCK_ROWS],
}

/// Bounds of each block, from products, scales and errors of its rows.
#[inline(always)]
pub(super) fn bound(
    by: &Bounding,
    products: &[[i32; BLOCK_ROWS]],
    scales: &[[f32; BLOCK_ROWS]],
    errors: &[[f32; BLOCK_ROWS]],
    out: &mut [Bounds],
) {
    for (((out, products), scales), errors) in out.iter_mut().zip(products).zip(scales).zip(errors) {
        let middle: Lanes = lanes!(|i| (2 * products[i] - by.shift) as f32 * (by.factor * scales[i]));
        let room: Lanes = lanes!(|i| by.length * errors[i] + by.slack);
        out.low = lanes!(|i| middle[i] - room[i]);
        out.high = lanes!(|i| middle[i] + room[i]);
    }
}
