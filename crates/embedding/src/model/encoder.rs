//! The forward pass: rows of token ids in, one vector a text out.
//!
//! Batches are ragged: the tokens of all texts lie one after the other, products run over all rows at once, only
//! attention goes text by text. Nothing is padded, so a text's vector does not depend on its neighbours: rows are
//! converted, multiplied and normed each on their own.

use super::ModelError;
use super::config::Config;
use super::layers::{Embeddings, Layer};
use super::weights::Weights;
use crate::kernel::{Activations, AttentionScratch, Heads, Kernel};
use crate::vector::Vector;

/// A packed encoder.
#[derive(Debug)]
pub(super) struct Encoder {
    kernel: Kernel,
    heads: Heads,
    embeddings: Embeddings,
    layers: Vec<Layer>,
}

/// Room for what passes between layers; grows to the largest batch seen.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    rows: Vec<f32>,
    qkv: Vec<f32>,
    context: Vec<f32>,
    added: Vec<f32>,
    wide: Vec<f32>,
    activations: Activations,
    attention: AttentionScratch,
}

impl Encoder {
    /// Rows that go through the wide part of a layer at once: 96 of 1,536 values are 576 KiB.
    const GROUP_ROWS: usize = 96;

    pub(super) fn new(kernel: Kernel, config: &Config, weights: &Weights<'_>) -> Result<Self, ModelError> {
        let heads = Heads {
            count: config.num_attention_heads,
            width: config.hidden_size / config.num_attention_heads,
        };
        let embeddings = Embeddings::read(config, weights)?;
        let layers = (0..config.num_hidden_layers).map(|index| Layer::read(kernel, config, weights, index));
        Ok(Self { kernel, heads, embeddings, layers: layers.collect::<Result<_, _>>()? })
    }

    pub(super) fn kernel(&self) -> Kernel {
        self.kernel
    }

    pub(super) fn dims(&self) -> usize {
        self.heads.count * self.heads.width
    }

    /// One vector a text; `None` where the arithmetic overflowed.
    ///
    /// - `texts`: ids below the vocabulary's size, each text no longer than the model has positions; a text without
    ///   tokens gives zeros.
    /// - Cost: 24 · hidden² + 4 · hidden · tokens operations a token and layer.
    pub(super) fn encode(&self, texts: &[Vec<u32>], scratch: &mut Scratch) -> Vec<Option<Vector>> {
        self.embed_rows(texts, scratch);
        for layer in &self.layers {
            self.attend(layer, texts, scratch);
            self.feed_forward(layer, scratch);
        }
        self.pool(texts, &scratch.rows)
    }

    fn embed_rows(&self, texts: &[Vec<u32>], scratch: &mut Scratch) {
        let hidden = self.dims();
        let tokens: usize = texts.iter().map(Vec::len).sum();
        for (room, width) in [
            (&mut scratch.qkv, 3 * hidden),
            (&mut scratch.context, hidden),
            (&mut scratch.added, hidden),
            (&mut scratch.wide, self.layers.first().map_or(0, |layer| layer.widen.outputs())),
        ] {
            room.resize(tokens * width, 0.0);
        }
        scratch.rows.clear();
        for text in texts {
            for (&id, position) in text.iter().zip(self.embeddings.positions.chunks_exact(hidden)) {
                let word = &self.embeddings.words[id as usize * hidden..][..hidden];
                scratch.rows.extend(word.iter().zip(position).map(|(word, position)| word + position));
            }
        }
        self.kernel.add_norm(&mut scratch.rows, &[], &self.embeddings.norm);
    }

    fn attend(&self, layer: &Layer, texts: &[Vec<u32>], scratch: &mut Scratch) {
        let Scratch { rows, qkv, context, added, activations, attention, .. } = scratch;
        let hidden = self.dims();
        self.kernel.linear(&layer.qkv, rows, qkv, activations);
        let (mut qkv, mut room) = (qkv.as_slice(), context.as_mut_slice());
        for text in texts {
            let (mine, others) = qkv.split_at(text.len() * 3 * hidden);
            let (out, rest) = room.split_at_mut(text.len() * hidden);
            self.kernel.attention(self.heads, mine, out, attention);
            (qkv, room) = (others, rest);
        }
        self.kernel.linear(&layer.attended, context, added, activations);
        self.kernel.add_norm(rows, added, &layer.attended_norm);
    }

    /// Group by group of rows, so that what is between the two products stays in the second cache.
    fn feed_forward(&self, layer: &Layer, scratch: &mut Scratch) {
        let Scratch { rows, added, wide, activations, .. } = scratch;
        let length = Self::GROUP_ROWS * self.dims();
        for (rows, added) in rows.chunks_mut(length).zip(added.chunks_mut(length)) {
            let wide = &mut wide[..rows.len() / self.dims() * layer.widen.outputs()];
            self.kernel.linear(&layer.widen, rows, wide, activations);
            self.kernel.gelu(wide);
            self.kernel.linear(&layer.narrow, wide, added, activations);
            self.kernel.add_norm(rows, added, &layer.norm);
        }
    }

    /// Sum of each text's rows, scaled to length 1: the direction of the mean.
    fn pool(&self, texts: &[Vec<u32>], rows: &[f32]) -> Vec<Option<Vector>> {
        let hidden = self.dims();
        let mut rows = rows.chunks_exact(hidden);
        let sum = |text: &Vec<u32>| {
            let mut sum = vec![0.0; hidden];
            for row in rows.by_ref().take(text.len()) {
                sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
            }
            Vector::normalized(sum)
        };
        texts.iter().map(sum).collect()
    }
}
