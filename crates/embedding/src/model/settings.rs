//! What may be set of an encoder.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::{ModelError, file};
use crate::kernel::KernelChoice;

/// Settings of an encoder; the default suits MiniLM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelSettings {
    /// Tokens kept of a text, special ones included: 8 to 512, and at most what the model has positions for.
    pub max_tokens: usize,
    /// Put before each text. The e5 models need `query: `.
    pub prefix: String,
    /// Which kernel.
    pub kernel: KernelChoice,
    /// Tokens encoded at once, so that what passes between layers stays in the CPU's cache: 16 to 4096.
    pub micro_batch_tokens: usize,
}

impl Default for ModelSettings {
    fn default() -> Self {
        Self { max_tokens: 256, prefix: String::new(), kernel: KernelChoice::Auto, micro_batch_tokens: 384 }
    }
}

impl ModelSettings {
    pub(crate) fn check(&self) -> Result<(), ModelError> {
        within("max_tokens", self.max_tokens, 8, 512)?;
        within("micro_batch_tokens", self.micro_batch_tokens, 16, 4096)?;
        within("prefix (bytes)", self.prefix.len(), 0, 64)
    }

    /// `name@digest/arithmetic`: the digest is over the files given and the settings that decide the result.
    pub(crate) fn version(&self, directory: &Path, mut files: Sha256, arithmetic: &str) -> String {
        files.update(self.max_tokens.to_le_bytes());
        files.update(&self.prefix);
        let digest = files.finalize();
        let hex: String = digest[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}@{hex}/{arithmetic}", file::name_of(directory))
    }
}

fn within(name: &'static str, found: usize, least: usize, most: usize) -> Result<(), ModelError> {
    match (least..=most).contains(&found) {
        true => Ok(()),
        false => Err(ModelError::Setting { name, least, most, found }),
    }
}
