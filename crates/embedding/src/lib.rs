//! Sentence embeddings: text in, vector out. CPU only; our own encoder over a local model directory.

mod kernel;

pub use kernel::{Kernel, KernelChoice, KernelError};
