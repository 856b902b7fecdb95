//! A sentence encoder from a local model directory, of the BERT class (MiniLM, e5): mean of the tokens, length 1.
//!
//! | file | what is read of it |
//! |---|---|
//! | `config.json` | shapes, activation, epsilon |
//! | `tokenizer.json` | the tokenizer; its padding and truncation are replaced by ours |
//! | `model.safetensors` | weights in F32, F16 or BF16, with or without the prefix `bert.` |
//! | `1_Pooling/config.json`, `modules.json` | optional; refused if they ask for more than the mean of the tokens |
//!
//! A directory that is missing, damaged, of another architecture or too large gives a [`ModelError`] that names the
//! file, never a panic. Nothing is downloaded.
//!
//! Source: Devlin et al. (2019), BERT; Reimers and Gurevych (2019), Sentence-BERT.

mod config;
mod encoder;
mod error;
mod file;
mod layers;
mod pooling;
mod settings;
mod tokens;
mod weights;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::embedder::{EmbedError, Embedder};
use crate::kernel::Kernel;
use crate::vector::Vector;
use encoder::{Encoder, Scratch};
use weights::Weights;

pub(crate) use config::Config;
pub use error::ModelError;
pub(crate) use file::ModelFile;
pub use settings::ModelSettings;
pub(crate) use tokens::Tokens;

/// A BERT-class encoder. Cheap to share: one embedder serves any number of threads.
#[derive(Debug)]
pub struct BertEmbedder {
    encoder: Encoder,
    tokens: Tokens,
    micro_batch_tokens: usize,
    version: String,
    /// Room of calls that are over, for those to come.
    scratch: Mutex<Vec<Scratch>>,
}

impl BertEmbedder {
    /// Opens a model directory and packs its weights for a kernel.
    ///
    /// - Result: an embedder whose version is `name@digest/arithmetic`, such as `all-MiniLM-L6-v2@1a2b3c4d/int8`:
    ///   name of the directory; 8 hex digits of a SHA-256 over weights, tokenizer, configuration, prefix and token
    ///   limit; [`Kernel::arithmetic`]. So two embedders of one version give the same vectors.
    /// - Cost: reads the directory once; for a time holds the weights twice.
    /// - Errors: see [`ModelError`]; never retried without a change to the directory or the settings.
    pub fn open(directory: &Path, settings: &ModelSettings) -> Result<Self, ModelError> {
        settings.check()?;
        let kernel = Kernel::choose(settings.kernel)?;
        let mut digest = Sha256::new();
        let config = ModelFile::read(directory, "config.json", Config::BYTES_MAX)?;
        let tokenizer = ModelFile::read(directory, "tokenizer.json", Tokens::FILE_BYTES_MAX)?;
        let weights = ModelFile::read(directory, "model.safetensors", Weights::FILE_BYTES_MAX)?;
        for file in [&weights, &tokenizer, &config] {
            digest.update(&file.bytes);
        }

        let config = Config::parse(&config)?;
        pooling::check(directory)?;
        let tokens = Tokens::parse(&tokenizer, settings, &config)?;
        let encoder = Encoder::new(kernel, &config, &Weights::parse(&weights)?)?;
        Ok(Self {
            encoder,
            tokens,
            micro_batch_tokens: settings.micro_batch_tokens,
            version: settings.version(directory, digest, kernel.arithmetic()),
            scratch: Mutex::default(),
        })
    }

    /// The kernel that runs it.
    pub fn kernel(&self) -> Kernel {
        self.encoder.kernel()
    }

    /// How many tokens of a text are embedded, special ones included.
    pub fn count_tokens(&self, text: &str) -> Result<usize, EmbedError> {
        self.tokens.of(text).map(|tokens| tokens.len())
    }

    fn encode(&self, tokens: &[Vec<u32>]) -> Vec<Option<Vector>> {
        let rooms = || self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scratch = rooms().pop().unwrap_or_default();
        let vectors = micro_batches(tokens, self.micro_batch_tokens)
            .flat_map(|batch| self.encoder.encode(batch, &mut scratch))
            .collect();
        rooms().push(scratch);
        vectors
    }
}

impl Embedder for BertEmbedder {
    fn dims(&self) -> usize {
        self.encoder.dims()
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vector>, EmbedError> {
        let tokens = texts.iter().map(|text| self.tokens.of(text)).collect::<Result<Vec<_>, _>>()?;
        let vectors = self.encode(&tokens).into_iter().enumerate();
        vectors.map(|(text, vector)| vector.ok_or(EmbedError::NotFinite { text })).collect()
    }
}

/// Splits texts into runs of at most `tokens_max` tokens; a longer text is a run of its own.
fn micro_batches(texts: &[Vec<u32>], tokens_max: usize) -> impl Iterator<Item = &[Vec<u32>]> {
    let mut rest = texts;
    std::iter::from_fn(move || {
        let mut total = 0;
        let fits = |text: &&Vec<u32>| {
            total += text.len();
            total <= tokens_max
        };
        let count = rest.iter().take_while(fits).count().max(1).min(rest.len());
        let (batch, left) = rest.split_at(count);
        rest = left;
        (!batch.is_empty()).then_some(batch)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn micro_batches_hold_every_text_once_in_order_within_the_limit(
            lengths in prop::collection::vec(0_usize..40, 0..40)
        ) {
            let texts: Vec<Vec<u32>> = lengths.iter().map(|&len| vec![0; len]).collect();
            let batches: Vec<&[Vec<u32>]> = micro_batches(&texts, 32).collect();
            prop_assert_eq!(batches.concat(), texts.clone());
            for batch in batches {
                let tokens: usize = batch.iter().map(Vec::len).sum();
                prop_assert!(tokens <= 32 || batch.len() == 1);
            }
        }
    }
}
