//! `config.json`: the shapes of the encoder, checked before anything is allocated by them.

use serde::Deserialize;

use super::ModelError;
use super::file::ModelFile;

/// Shapes of an encoder, each within its limit.
#[derive(Debug, Deserialize)]
pub(crate) struct Config {
    #[serde(default)]
    model_type: String,
    pub(crate) hidden_size: usize,
    pub(crate) num_hidden_layers: usize,
    pub(crate) num_attention_heads: usize,
    pub(crate) intermediate_size: usize,
    pub(crate) vocab_size: usize,
    pub(crate) max_position_embeddings: usize,
    pub(crate) type_vocab_size: usize,
    pub(crate) layer_norm_eps: f32,
    hidden_act: String,
    #[serde(default = "absolute")]
    position_embedding_type: String,
}

fn absolute() -> String {
    "absolute".to_owned()
}

impl Config {
    /// Largest `config.json` read.
    pub(crate) const BYTES_MAX: u64 = 1 << 20;
    const HIDDEN_MAX: usize = 4096;
    const LAYERS_MAX: usize = 64;
    const INTERMEDIATE_MAX: usize = 16_384;
    const VOCABULARY_MAX: usize = 1_000_000;
    const POSITIONS_MAX: usize = 16_384;
    const TYPES_MAX: usize = 16;

    pub(crate) fn parse(file: &ModelFile) -> Result<Self, ModelError> {
        let config: Self = serde_json::from_slice(&file.bytes)
            .map_err(|source| ModelError::malformed(&file.path, source))?;
        config.check(file)?;
        Ok(config)
    }

    fn check(&self, file: &ModelFile) -> Result<(), ModelError> {
        let named = |name: &str, found: &str, expected: &str| match found == expected {
            true => Ok(()),
            false => Err(ModelError::mismatch(
                &file.path,
                format_args!("{name} `{expected}`"),
                format_args!("`{found}`"),
            )),
        };
        named("model_type", &self.model_type, "bert")?;
        named("hidden_act", &self.hidden_act, "gelu")?;
        named("position_embedding_type", &self.position_embedding_type, "absolute")?;
        let within = |name: &str, found: usize, most: usize, multiple: usize| match (1..=most)
            .contains(&found)
            && found.is_multiple_of(multiple)
        {
            true => Ok(()),
            false => Err(ModelError::mismatch(
                &file.path,
                format_args!("{name} of 1 to {most}, a multiple of {multiple}"),
                found,
            )),
        };
        within("hidden_size", self.hidden_size, Self::HIDDEN_MAX, 32)?;
        within("num_hidden_layers", self.num_hidden_layers, Self::LAYERS_MAX, 1)?;
        within("num_attention_heads", self.num_attention_heads, self.hidden_size / 16, 1)?;
        within("intermediate_size", self.intermediate_size, Self::INTERMEDIATE_MAX, 32)?;
        within("vocab_size", self.vocab_size, Self::VOCABULARY_MAX, 1)?;
        within("max_position_embeddings", self.max_position_embeddings, Self::POSITIONS_MAX, 1)?;
        within("type_vocab_size", self.type_vocab_size, Self::TYPES_MAX, 1)?;
        // Heads share the hidden size evenly, in lanes of 16.
        if !self.hidden_size.is_multiple_of(16 * self.num_attention_heads) {
            let expected = format!("hidden_size {} in heads of a multiple of 16", self.hidden_size);
            return Err(ModelError::mismatch(
                &file.path,
                expected,
                format_args!("{} heads", self.num_attention_heads),
            ));
        }
        if !(0.0..1.0).contains(&self.layer_norm_eps) {
            return Err(ModelError::mismatch(&file.path, "layer_norm_eps in [0, 1)", self.layer_norm_eps));
        }
        Ok(())
    }
}
