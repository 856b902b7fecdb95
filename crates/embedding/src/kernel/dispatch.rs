//! One method per operation; each picks the function of the kernel's family.
//!
//! Shapes: widths of rows are multiples of 32, widths of heads multiples of 16; lengths are asserted by the callees.

use super::choice::{Family, Kernel};
use super::interleaved::{BLOCK_ROWS, DEPTH, Interleaved};
use super::linear::{Activations, Linear, Weights};
use super::plain::{self, AttentionScratch, Bounding, Bounds, Heads, Norm};
use super::portable;
#[cfg(target_arch = "x86_64")]
use super::{amx, avx2, avx512, bf16, vnni};

/// Picks the function of a family. A family is only ever made after its features were seen on this CPU.
macro_rules! by_family {
    ($kernel:expr, avx512: $avx512:expr, avx2: $avx2:expr, portable: $portable:expr) => {
        match $kernel.0 {
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "`Kernel::choose` has seen the features")]
            // SAFETY: `Kernel::choose` makes these families only on a CPU that has AVX-512 F, BW, DQ, VL and FMA.
            Family::Amx | Family::Vnni | Family::Bf16 => unsafe { $avx512 },
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "`Kernel::choose` has seen the features")]
            // SAFETY: `Kernel::choose` makes this family only on a CPU that has AVX2 and FMA.
            Family::Avx2 => unsafe { $avx2 },
            Family::Portable => $portable,
        }
    };
}

impl Kernel {
    /// Packs a layer: `weights` is `bias.len()` rows of `inputs`.
    pub(crate) fn pack(self, inputs: usize, weights: &[f32], bias: Vec<f32>) -> Linear {
        assert!(weights.len() == inputs * bias.len(), "a weight for each input and output");
        assert!(inputs.is_multiple_of(32) && bias.len().is_multiple_of(32), "widths are multiples of 32");
        let weights = match self.0 {
            #[cfg(target_arch = "x86_64")]
            Family::Amx | Family::Vnni => Weights::int8(inputs, weights),
            #[cfg(target_arch = "x86_64")]
            Family::Bf16 => Weights::bf16(inputs, weights),
            #[cfg(target_arch = "x86_64")]
            Family::Avx2 => Weights::f32(inputs, weights),
            Family::Portable => Weights::f32(inputs, weights),
        };
        Linear { inputs, outputs: bias.len(), weights, bias }
    }

    /// `y = x Wᵀ + b`: as many rows of `layer.outputs` as `x` has rows of `layer.inputs`.
    pub(crate) fn linear(self, layer: &Linear, x: &[f32], y: &mut [f32], scratch: &mut Activations) {
        let rows = x.len() / layer.inputs;
        assert!(x.len() == rows * layer.inputs && y.len() == rows * layer.outputs, "whole rows");
        match &layer.weights {
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "`Kernel::choose` has seen the features")]
            Weights::Int8(weights) if self.0 == Family::Amx && amx::can_multiply(layer) => {
                // SAFETY: `Kernel::choose` makes this family only on a CPU that has AVX-512 with VNNI, and AMX with
                // the system's leave.
                unsafe {
                    vnni::quantize(x, layer.inputs, scratch);
                    amx::linear(layer, weights, scratch, y);
                }
            }
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "`Kernel::choose` has seen the features")]
            Weights::Int8(weights) if matches!(self.0, Family::Amx | Family::Vnni) => {
                // SAFETY: `Kernel::choose` makes these families only on a CPU that has AVX-512 with VNNI.
                unsafe {
                    vnni::quantize(x, layer.inputs, scratch);
                    vnni::linear(layer, weights, scratch, y);
                }
            }
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "`Kernel::choose` has seen the features")]
            Weights::Bf16(lines) if self.0 == Family::Bf16 => {
                scratch.halves.resize(x.len(), half::bf16::ZERO);
                // SAFETY: `Kernel::choose` makes this family only on a CPU that has AVX-512 with BF16.
                unsafe {
                    avx512::halve(x, &mut scratch.halves);
                    bf16::linear(layer, lines, &scratch.halves, y);
                }
            }
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "`Kernel::choose` has seen the features")]
            Weights::F32(lines) if self.0 == Family::Avx2 => {
                // SAFETY: `Kernel::choose` makes this family only on a CPU that has AVX2 and FMA.
                unsafe { avx2::linear(layer, lines, x, y) };
            }
            Weights::F32(lines) => portable::linear(layer, lines, x, y),
            Weights::Int8(_) | Weights::Bf16(_) => {
                unreachable!("a layer is used by the kernel that packed it")
            }
        }
    }

    /// `x · Φ(x)` for each value; as many as a multiple of 16.
    pub(crate) fn gelu(self, values: &mut [f32]) {
        by_family!(self,
            avx512: avx512::gelu(values),
            avx2: avx2::gelu(values),
            portable: plain::gelu::<false>(values));
    }

    /// Layer norm of each row of `x + added`; an empty `added` counts as zeros.
    pub(crate) fn add_norm(self, x: &mut [f32], added: &[f32], norm: &Norm) {
        by_family!(self,
            avx512: avx512::add_norm(x, added, norm),
            avx2: avx2::add_norm(x, added, norm),
            portable: plain::add_norm::<false>(x, added, norm));
    }

    /// Attention of one text: `qkv` has three widths a row, `context` one.
    pub(crate) fn attention(
        self,
        heads: Heads,
        qkv: &[f32],
        context: &mut [f32],
        scratch: &mut AttentionScratch,
    ) {
        by_family!(self,
            avx512: avx512::attention(heads, qkv, context, scratch),
            avx2: avx2::attention(heads, qkv, context, scratch),
            portable: plain::attention::<false>(heads, qkv, context, scratch));
    }

    /// Dot product of two vectors of the same length.
    pub(crate) fn dot(self, a: &[f32], b: &[f32]) -> f32 {
        by_family!(self,
            avx512: avx512::dot(a, b),
            avx2: avx2::dot(a, b),
            portable: plain::dot::<false>(a, b))
    }

    /// `Σ query · code` of each row, exactly, for the blocks from `first` on, as many as `out` has room for.
    ///
    /// - Result: how many blocks there were. Lanes beyond the last row mean nothing.
    pub(crate) fn scan(
        self,
        query: &[i8],
        codes: &Interleaved,
        first: usize,
        out: &mut [[i32; BLOCK_ROWS]],
    ) -> usize {
        let lines = codes.blocks(first, out.len());
        let count = lines.len() * DEPTH / query.len();
        let out = &mut out[..count];
        assert!(
            query.len().is_multiple_of(2 * DEPTH) && lines.len() * DEPTH == query.len() * count,
            "whole blocks"
        );
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "`Kernel::choose` has seen the features")]
            // SAFETY: `Kernel::choose` makes these families only on a CPU that has AVX-512 with VNNI.
            Family::Amx | Family::Vnni => unsafe { vnni::scan(query, lines, out) },
            _ => by_family!(self,
                avx512: avx512::scan(query, lines, out),
                avx2: avx2::scan(query, lines, out),
                portable: plain::scan(query, lines, out)),
        }
        count
    }

    /// Bounds of as many blocks as all slices have.
    pub(crate) fn bound(
        self,
        by: &Bounding,
        products: &[[i32; BLOCK_ROWS]],
        scales: &[[f32; BLOCK_ROWS]],
        errors: &[[f32; BLOCK_ROWS]],
        out: &mut [Bounds],
    ) {
        by_family!(self,
            avx512: avx512::bound(by, products, scales, errors, out),
            avx2: avx2::bound(by, products, scales, errors, out),
            portable: plain::bound(by, products, scales, errors, out));
    }

    /// Asks for values that will be read soon. Changes nothing but the time it takes.
    pub(crate) fn prefetch(values: &[f32]) {
        #[cfg(target_arch = "x86_64")]
        for line in values.chunks(16) {
            #[expect(unsafe_code, reason = "an intrinsic that takes a pointer")]
            // SAFETY: every x86-64 CPU has the instruction, and it reads nothing that a program could see.
            unsafe {
                use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
                _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast());
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = values;
    }
}
