//! Which kernel runs: chosen once, at start, by what the CPU has.

use std::fmt;
use std::str::FromStr;

#[cfg(target_arch = "x86_64")]
use super::amx;

/// What the configuration may ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KernelChoice {
    /// The fastest that this CPU has.
    #[default]
    Auto,
    /// int8 by AMX.
    Amx,
    /// int8 by AVX-512 VNNI.
    Vnni,
    /// bf16 by AVX-512 BF16.
    Bf16,
    /// f32 by AVX2 and FMA.
    Avx2,
    /// f32 by plain Rust, on any architecture.
    Portable,
}

/// A kernel that this CPU has. Only [`Kernel::choose`] makes one, so its instructions may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel(pub(super) Family);

/// The instructions of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    #[cfg(target_arch = "x86_64")]
    Amx,
    #[cfg(target_arch = "x86_64")]
    Vnni,
    #[cfg(target_arch = "x86_64")]
    Bf16,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

/// Why a kernel cannot be had.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum KernelError {
    /// The name is none of ours.
    #[error("kernel `{0}` is unknown: expected auto, amx, vnni, bf16, avx2 or portable")]
    Unknown(String),
    /// The CPU lacks what the kernel needs.
    #[error("kernel `{kernel}` needs {needs}, which this CPU lacks: choose `auto`")]
    Lacking {
        /// The kernel asked for.
        kernel: KernelChoice,
        /// The CPU features it needs.
        needs: &'static str,
    },
}

impl Kernel {
    /// The kernel asked for, or the fastest one.
    ///
    /// - Result: `auto` takes the first of amx, vnni, bf16, avx2, portable that this CPU has; it never fails.
    /// - Errors: a kernel asked for by name that the CPU lacks. A configuration error: never retried.
    pub fn choose(choice: KernelChoice) -> Result<Self, KernelError> {
        match choice {
            KernelChoice::Auto => Ok(Self::fastest()),
            named => {
                Self::named(named).ok_or_else(|| KernelError::Lacking { kernel: named, needs: named.needs() })
            }
        }
    }

    /// The fastest kernel of this CPU.
    pub fn fastest() -> Self {
        let order = [KernelChoice::Amx, KernelChoice::Vnni, KernelChoice::Bf16, KernelChoice::Avx2];
        order.into_iter().find_map(Self::named).unwrap_or(Self(Family::Portable))
    }

    /// The kernel of that name, if the CPU has its instructions.
    #[cfg(target_arch = "x86_64")]
    fn named(choice: KernelChoice) -> Option<Self> {
        let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        let avx512 = avx2
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl");
        let vnni = avx512 && is_x86_feature_detected!("avx512vnni");
        let (family, present) = match choice {
            KernelChoice::Auto => return Some(Self::fastest()),
            KernelChoice::Amx => (Family::Amx, vnni && amx::is_present()),
            KernelChoice::Vnni => (Family::Vnni, vnni),
            KernelChoice::Bf16 => (Family::Bf16, avx512 && is_x86_feature_detected!("avx512bf16")),
            KernelChoice::Avx2 => (Family::Avx2, avx2),
            KernelChoice::Portable => (Family::Portable, true),
        };
        present.then_some(Self(family))
    }

    /// The kernel of that name: of ours, other architectures have the portable one only.
    #[cfg(not(target_arch = "x86_64"))]
    fn named(choice: KernelChoice) -> Option<Self> {
        matches!(choice, KernelChoice::Auto | KernelChoice::Portable).then_some(Self(Family::Portable))
    }

    /// Name of the kernel, as the configuration spells it.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Family::Amx => "amx",
            #[cfg(target_arch = "x86_64")]
            Family::Vnni => "vnni",
            #[cfg(target_arch = "x86_64")]
            Family::Bf16 => "bf16",
            #[cfg(target_arch = "x86_64")]
            Family::Avx2 => "avx2",
            Family::Portable => "portable",
        }
    }

    /// How it counts. Two kernels of the same arithmetic give the same bits.
    pub fn arithmetic(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Family::Amx | Family::Vnni => "int8",
            #[cfg(target_arch = "x86_64")]
            Family::Bf16 => "bf16",
            #[cfg(target_arch = "x86_64")]
            Family::Avx2 => "f32-fma",
            Family::Portable => "f32",
        }
    }
}

impl KernelChoice {
    /// Every choice, the default first.
    pub const ALL: [Self; 6] = [Self::Auto, Self::Amx, Self::Vnni, Self::Bf16, Self::Avx2, Self::Portable];

    pub(super) fn needs(self) -> &'static str {
        match self {
            Self::Amx => "amx-int8 with the system's leave, and what vnni needs",
            Self::Vnni => "avx512f, avx512bw, avx512dq, avx512vl and avx512vnni",
            Self::Bf16 => "avx512f, avx512bw, avx512dq, avx512vl and avx512bf16",
            Self::Avx2 => "avx2 and fma",
            Self::Auto | Self::Portable => "nothing",
        }
    }
}

impl fmt::Display for KernelChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Amx => "amx",
            Self::Vnni => "vnni",
            Self::Bf16 => "bf16",
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
        })
    }
}

impl FromStr for KernelChoice {
    type Err = KernelError;

    fn from_str(name: &str) -> Result<Self, KernelError> {
        Self::ALL
            .into_iter()
            .find(|choice| choice.to_string() == name)
            .ok_or_else(|| KernelError::Unknown(name.to_owned()))
    }
}
