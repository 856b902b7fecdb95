//! What the two AVX-512 kernels share: the plain functions, compiled for AVX-512.

use half::bf16;

use super::interleaved::{BLOCK_ROWS, BlockLine};
use super::plain::{self, AttentionScratch, Bounding, Bounds, Heads, Norm};

/// Declares functions compiled for AVX-512 that do what `plain` says.
macro_rules! for_avx512 {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)? = $plain:expr;)+) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        /// The CPU has AVX-512 F, BW, DQ and VL, and FMA.
        pub(super) unsafe fn $name($($arg: $type),*) $(-> $result)? {
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
            fn compiled($($arg: $type),*) $(-> $result)? {
                $plain($($arg),*)
            }
            // SAFETY: the caller vouches for the features.
            unsafe { compiled($($arg),*) }
        }
    )+};
}

for_avx512! {
    /// GELU of each value.
    fn gelu(values: &mut [f32]) = plain::gelu::<true>;
    /// Layer norm of each row of a sum.
    fn add_norm(x: &mut [f32], added: &[f32], norm: &Norm) = plain::add_norm::<true>;
    /// Attention of one text.
    fn attention(heads: Heads, qkv: &[f32], context: &mut [f32], scratch: &mut AttentionScratch)
        = plain::attention::<true>;
    /// Activations to bf16.
    fn halve(x: &[f32], halves: &mut [bf16]) = plain::halve;
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
