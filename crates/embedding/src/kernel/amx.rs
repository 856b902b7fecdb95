//! int8 by AMX: tiles of 32 rows by 32 columns, 64 inputs a step.
//!
//! Weights, codes and arithmetic are those of `vnni`, and so are the bits of the result: the sums are integers. The
//! instructions are written as assembly, for the intrinsics are not stable. The system must be asked for leave once,
//! since the tiles make a thread's state 8 KiB larger.
//!
//! Sources: Intel SDM vol. 1, chapter 18 (tiles); Linux `Documentation/arch/x86/xstate.rst` (leave).

use std::arch::asm;
use std::arch::x86_64::{__cpuid, __cpuid_count, _mm512_load_si512};

use super::linear::{Activations, Codes, Linear, each_tile};
use super::vnni::{COLUMNS, Tile};

/// Rows of a tile register, and its 32-bit columns.
const SIDE: usize = 16;
/// Inputs of a step: a tile register's row in bytes.
const STEP: usize = 64;

/// Whether CPU and system let this process use tiles.
pub(super) fn is_present() -> bool {
    const TILE_AND_INT8: u32 = 1 << 24 | 1 << 25;
    let leaves = __cpuid(0).eax;
    leaves >= 7 && __cpuid_count(7, 0).edx & TILE_AND_INT8 == TILE_AND_INT8 && has_leave()
}

/// Asks the system for leave to use tiles, in all threads of the process. Asking again changes nothing.
#[cfg(target_os = "linux")]
fn has_leave() -> bool {
    const ARCH_PRCTL: i64 = 158;
    const ARCH_REQ_XCOMP_PERM: u64 = 0x1023;
    const XTILEDATA: u64 = 18;
    let mut result = ARCH_PRCTL;
    // SAFETY: the call takes two numbers, touches no memory of ours, and clobbers the two registers named.
    unsafe {
        asm!(
            "syscall",
            inout("rax") result,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XTILEDATA,
            out("rcx") _,
            out("r11") _,
            options(nostack),
        );
    }
    result == 0
}

/// Other systems are not asked.
#[cfg(not(target_os = "linux"))]
fn has_leave() -> bool {
    false
}

/// Whether a layer's inputs are whole steps; else it is for `vnni`.
pub(super) fn can_multiply(layer: &Linear) -> bool {
    layer.inputs.is_multiple_of(STEP)
}

/// `y = x Wᵀ + b` over panels of 32 columns; `x` is rows of codes with their ranges.
///
/// # Safety
/// The CPU has AVX-512 F, and [`is_present`] said yes.
pub(super) unsafe fn linear(layer: &Linear, weights: &Codes, x: &Activations, y: &mut [f32]) {
    assert!(can_multiply(layer), "whole steps of inputs");
    let mut sums = Sums([[[0; SIDE]; SIDE]; 4]);
    // SAFETY: the caller vouches for tiles.
    let configured = unsafe { Configured::new() };
    each_tile(x.ranges.len(), layer.inputs, layer.outputs / COLUMNS, |panel, row, left| {
        let tile = Tile::new(layer, weights, x, panel, row);
        let rows = left.min(2 * SIDE);
        let y = &mut y[row * layer.outputs..];
        // SAFETY: the caller vouches for the features, and the tiles are configured.
        unsafe {
            multiply(&tile, layer.inputs, rows, &mut sums);
            finish(&tile, rows, &sums, y);
        }
        rows
    });
    drop(configured);
}

/// Sums of 32 rows by 32 columns, in four tiles: upper left, upper right, lower left, lower right.
#[repr(C, align(64))]
struct Sums([[[i32; SIDE]; SIDE]; 4]);

/// The shape of all tile registers, 16 rows of 64 bytes, as `ldtilecfg` reads it.
#[repr(C, align(64))]
struct Shape([u8; 64]);

/// While it lives, this thread's tile registers have their shape. Dropped, they are given back, so that a switch of
/// threads need not save them.
struct Configured;

impl Configured {
    /// # Safety
    /// [`is_present`] said yes.
    unsafe fn new() -> Self {
        const SHAPE: Shape = {
            let mut bytes = [0; 64];
            bytes[0] = 1;
            let mut tile = 0;
            while tile < 8 {
                bytes[16 + 2 * tile] = STEP as u8;
                bytes[48 + tile] = SIDE as u8;
                tile += 1;
            }
            Shape(bytes)
        };
        // SAFETY: 64 bytes of palette 1, within its limits; the caller vouches for tiles.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &SHAPE.0, options(nostack, readonly)) };
        Self
    }
}

impl Drop for Configured {
    fn drop(&mut self) {
        // SAFETY: there is one only where there are tiles.
        unsafe { asm!("tilerelease", options(nostack, nomem)) };
    }
}

/// Multiplies the first `rows` rows of a panel, at most 32, into `sums`; the upper tiles alone if 16 suffice.
///
/// # Safety
/// Tiles are configured.
unsafe fn multiply(tile: &Tile<'_>, inputs: usize, rows: usize, sums: &mut Sums) {
    let read = rows.next_multiple_of(SIDE) * inputs;
    assert!(tile.codes.len() >= read && 2 * tile.lines.len() == inputs, "operands are as long as tiles read");
    let (codes, lines, steps) = (tile.codes.as_ptr(), tile.lines.as_ptr(), inputs / STEP);
    // SAFETY: a step reads 64 bytes of each of 16 or 32 rows of codes and 32 lines of weights: the lengths asserted.
    // What is written are the four tiles of `sums`, 1 KiB each.
    unsafe {
        if rows > SIDE {
            asm!(
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                "2:",
                "tileloadd tmm4, [{upper} + {row_bytes} * 1]",
                "tileloadd tmm6, [{lines} + {line_stride} * 1]",
                "tileloadd tmm7, [{lines} + {line_stride} * 1 + 64]",
                "tileloadd tmm5, [{lower} + {row_bytes} * 1]",
                "tdpbusd tmm0, tmm4, tmm6",
                "tdpbusd tmm1, tmm4, tmm7",
                "tdpbusd tmm2, tmm5, tmm6",
                "tdpbusd tmm3, tmm5, tmm7",
                "add {upper}, 64",
                "add {lower}, 64",
                "add {lines}, 2048",
                "dec {steps}",
                "jnz 2b",
                "tilestored [{sums} + {sum_stride} * 1], tmm0",
                "tilestored [{sums} + {sum_stride} * 1 + 1024], tmm1",
                "tilestored [{sums} + {sum_stride} * 1 + 2048], tmm2",
                "tilestored [{sums} + {sum_stride} * 1 + 3072], tmm3",
                upper = inout(reg) codes => _,
                lower = inout(reg) codes.add(SIDE * inputs) => _,
                lines = inout(reg) lines => _,
                steps = inout(reg) steps => _,
                row_bytes = in(reg) inputs,
                line_stride = in(reg) 128_usize,
                sums = in(reg) sums.0.as_mut_ptr(),
                sum_stride = in(reg) 64_usize,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        } else {
            asm!(
                "tilezero tmm0",
                "tilezero tmm1",
                "2:",
                "tileloadd tmm4, [{codes} + {row_bytes} * 1]",
                "tileloadd tmm6, [{lines} + {line_stride} * 1]",
                "tileloadd tmm7, [{lines} + {line_stride} * 1 + 64]",
                "tdpbusd tmm0, tmm4, tmm6",
                "tdpbusd tmm1, tmm4, tmm7",
                "add {codes}, 64",
                "add {lines}, 2048",
                "dec {steps}",
                "jnz 2b",
                "tilestored [{sums} + {sum_stride} * 1], tmm0",
                "tilestored [{sums} + {sum_stride} * 1 + 1024], tmm1",
                codes = inout(reg) codes => _,
                lines = inout(reg) lines => _,
                steps = inout(reg) steps => _,
                row_bytes = in(reg) inputs,
                line_stride = in(reg) 128_usize,
                sums = in(reg) sums.0.as_mut_ptr(),
                sum_stride = in(reg) 64_usize,
                out("tmm0") _, out("tmm1") _, out("tmm4") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        }
    }
}

/// Turns the sums of the first `rows` rows into values of `y`.
#[target_feature(enable = "avx512f")]
fn finish(tile: &Tile<'_>, rows: usize, sums: &Sums, y: &mut [f32]) {
    for row in 0..rows {
        for half in 0..2 {
            let sums = &sums.0[row / SIDE * 2 + half][row % SIDE];
            // SAFETY: 16 sums, aligned to 64 bytes.
            let sums = unsafe { _mm512_load_si512(sums.as_ptr().cast()) };
            tile.finish(row, half, sums, y);
        }
    }
}
