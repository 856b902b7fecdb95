//! The parts of an encoder, packed from a model's tensors.

use super::ModelError;
use super::config::Config;
use super::weights::Weights;
use crate::kernel::{Kernel, Linear, Norm};

/// One transformer block.
#[derive(Debug)]
pub(super) struct Layer {
    /// Queries, keys and values at once; queries already divided by the root of a head's width.
    pub(super) qkv: Linear,
    pub(super) attended: Linear,
    pub(super) attended_norm: Norm,
    pub(super) widen: Linear,
    pub(super) narrow: Linear,
    pub(super) norm: Norm,
}

/// Tables that turn ids and places into rows.
#[derive(Debug)]
pub(super) struct Embeddings {
    pub(super) words: Vec<f32>,
    /// A row a position, the row of token type 0 added.
    pub(super) positions: Vec<f32>,
    pub(super) norm: Norm,
}

impl Embeddings {
    pub(super) fn read(config: &Config, weights: &Weights<'_>) -> Result<Self, ModelError> {
        let hidden = config.hidden_size;
        let table =
            |name: &str, rows| weights.get(&format!("embeddings.{name}_embeddings.weight"), &[rows, hidden]);
        let types = table("token_type", config.type_vocab_size)?;
        let mut positions = table("position", config.max_position_embeddings)?;
        for row in positions.chunks_exact_mut(hidden) {
            row.iter_mut().zip(&types).for_each(|(position, kind)| *position += kind);
        }
        let words = table("word", config.vocab_size)?;
        Ok(Self { words, positions, norm: norm(config, weights, "embeddings.LayerNorm")? })
    }
}

impl Layer {
    pub(super) fn read(
        kernel: Kernel,
        config: &Config,
        weights: &Weights<'_>,
        index: usize,
    ) -> Result<Self, ModelError> {
        let (hidden, wide) = (config.hidden_size, config.intermediate_size);
        let name = |part: &str| format!("encoder.layer.{index}.{part}");
        let linear = |part: &str, inputs: usize, outputs: usize| {
            let bias = weights.get(&name(&format!("{part}.bias")), &[outputs])?;
            let weight = weights.get(&name(&format!("{part}.weight")), &[outputs, inputs])?;
            Ok::<_, ModelError>((weight, bias))
        };
        let packed = |part: &str, inputs: usize, outputs: usize| {
            linear(part, inputs, outputs).map(|(weight, bias)| kernel.pack(inputs, &weight, bias))
        };
        let (mut weight, mut bias) = linear("attention.self.query", hidden, hidden)?;
        let shrink = 1.0 / ((hidden / config.num_attention_heads) as f32).sqrt();
        weight.iter_mut().chain(&mut bias).for_each(|value| *value *= shrink);
        for part in ["attention.self.key", "attention.self.value"] {
            let (more_weight, more_bias) = linear(part, hidden, hidden)?;
            weight.extend(more_weight);
            bias.extend(more_bias);
        }
        Ok(Self {
            qkv: kernel.pack(hidden, &weight, bias),
            attended: packed("attention.output.dense", hidden, hidden)?,
            attended_norm: norm(config, weights, &name("attention.output.LayerNorm"))?,
            widen: packed("intermediate.dense", hidden, wide)?,
            narrow: packed("output.dense", wide, hidden)?,
            norm: norm(config, weights, &name("output.LayerNorm"))?,
        })
    }
}

fn norm(config: &Config, weights: &Weights<'_>, name: &str) -> Result<Norm, ModelError> {
    let shape = [config.hidden_size];
    let gain = weights.get(&format!("{name}.weight"), &shape)?;
    let bias = weights.get(&format!("{name}.bias"), &shape)?;
    Ok(Norm { gain, bias, epsilon: config.layer_norm_eps })
}
