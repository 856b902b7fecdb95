//! Kernels: the arithmetic of encoder and index, by the instructions of the CPU at hand.
//!
//! | kernel | weights | needs | arithmetic |
//! |---|---|---|---|
//! | `amx` | those of `vnni` | AMX int8, AVX-512 VNNI, Linux | `int8` |
//! | `vnni` | int8, a scale a column; activations u8, a scale and an offset a row | AVX-512 VNNI | `int8` |
//! | `bf16` | bf16; activations bf16 | AVX-512 BF16 | `bf16` |
//! | `avx2` | f32 | AVX2, FMA | `f32-fma` |
//! | `portable` | f32 | nothing | `f32` |
//!
//! Only the product of two matrices and the scan of 4-bit codes are written with intrinsics. All else is plain
//! Rust in fixed order of summation, compiled once more with the instructions of each family (`avx512`, `avx2`),
//! so one kernel gives the same bits on every CPU that has it. Results of different kernels differ slightly:
//! [`Kernel::arithmetic`] names which of them a vector came from.
//!
//! This is the one module of the crate that may use `unsafe`, for three reasons: to call a function compiled for
//! instructions that [`Kernel::choose`] has seen on this CPU, to read or fetch operands by pointer within lengths
//! asserted just before, and to ask for tiles and use them by assembly.

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "assembly: tiles have no stable intrinsics")]
mod amx;
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "intrinsics that read by pointer")]
mod avx2;
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "calls of functions compiled for AVX-512")]
mod avx512;
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "intrinsics that read by pointer")]
mod bf16;
mod choice;
mod dispatch;
mod interleaved;
mod linear;
mod plain;
mod portable;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "intrinsics that read by pointer")]
mod vnni;

pub use choice::{Kernel, KernelChoice, KernelError};
pub(crate) use interleaved::{BLOCK_ROWS, Interleaved};
pub(crate) use linear::{Activations, Linear};
pub(crate) use plain::{AttentionScratch, Bounding, Bounds, Heads, Norm};
