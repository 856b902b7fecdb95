//! A tiny BERT of random weights, written as a model directory; and its forward pass in f64, the plain way.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use safetensors::tensor::{Dtype, TensorView, serialize};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const HIDDEN: usize = 64;
pub(crate) const HEADS: usize = 2;
pub(crate) const LAYERS: usize = 2;
pub(crate) const WIDE: usize = 96;
pub(crate) const POSITIONS: usize = 48;
const EPSILON: f64 = 1e-12;

const WORDS: [&str; 26] = [
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "hello", "world", "good", "morning", "the", "tide", "gate", "is",
    "open", "##s", "##ed", "a", "b", "c", "1", "2", "?", "!", ".", ",", "query", ":",
];

/// A model's tensors by name: shape and values.
pub(crate) type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// The weights; always the same ones.
pub(crate) fn tensors() -> Tensors {
    let mut state = 42_u64;
    let mut random = |scale: f32| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        scale * ((state >> 40) as f32 / 8_388_608.0 - 1.0)
    };
    let mut tensors = Tensors::new();
    let mut add = |name: &str, shape: &[usize], scale: f32, centre: f32| {
        let values = (0..shape.iter().product()).map(|_| centre + random(scale)).collect();
        tensors.insert(name.to_owned(), (shape.to_vec(), values));
    };
    add("embeddings.word_embeddings.weight", &[WORDS.len(), HIDDEN], 1.0, 0.0);
    add("embeddings.position_embeddings.weight", &[POSITIONS, HIDDEN], 0.3, 0.0);
    add("embeddings.token_type_embeddings.weight", &[2, HIDDEN], 0.3, 0.0);
    let mut norms = vec!["embeddings.LayerNorm".to_owned()];
    for layer in 0..LAYERS {
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        for (part, outputs, inputs) in [
            ("attention.self.query", HIDDEN, HIDDEN),
            ("attention.self.key", HIDDEN, HIDDEN),
            ("attention.self.value", HIDDEN, HIDDEN),
            ("attention.output.dense", HIDDEN, HIDDEN),
            ("intermediate.dense", WIDE, HIDDEN),
            ("output.dense", HIDDEN, WIDE),
        ] {
            add(&name(&format!("{part}.weight")), &[outputs, inputs], 0.3, 0.0);
            add(&name(&format!("{part}.bias")), &[outputs], 0.1, 0.0);
        }
        norms.extend([name("attention.output.LayerNorm"), name("output.LayerNorm")]);
    }
    for norm in norms {
        add(&format!("{norm}.weight"), &[HIDDEN], 0.2, 1.0);
        add(&format!("{norm}.bias"), &[HIDDEN], 0.2, 0.0);
    }
    tensors
}

pub(crate) fn config() -> Value {
    json!({
        "model_type": "bert", "hidden_act": "gelu", "hidden_size": HIDDEN, "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS, "intermediate_size": WIDE, "vocab_size": WORDS.len(),
        "max_position_embeddings": POSITIONS, "type_vocab_size": 2, "layer_norm_eps": EPSILON,
    })
}

pub(crate) fn tokenizer() -> Value {
    let vocabulary: BTreeMap<&str, usize> = WORDS.iter().copied().zip(0..).collect();
    let special = |id: usize| {
        json!({"id": id, "special": true, "content": WORDS[id], "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false})
    };
    json!({
        "version": "1.0",
        "truncation": {"max_length": 4, "strategy": "LongestFirst", "stride": 0},
        "padding": {"strategy": {"Fixed": 40}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0,
            "pad_type_id": 0, "pad_token": "[PAD]"},
        "added_tokens": [special(0), special(1), special(2), special(3)],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocabulary},
    })
}

/// Writes a directory of these parts.
pub(crate) fn write(directory: &Path, config: &Value, tokenizer: &Value, tensors: &Tensors) {
    fs::write(directory.join("config.json"), config.to_string()).unwrap();
    fs::write(directory.join("tokenizer.json"), tokenizer.to_string()).unwrap();
    write_tensors(directory, tensors, Dtype::F32, |value| value.to_le_bytes().to_vec());
}

/// Writes the weights alone, each value as `bytes` says.
pub(crate) fn write_tensors(
    directory: &Path,
    tensors: &Tensors,
    dtype: Dtype,
    bytes: impl Fn(f32) -> Vec<u8>,
) {
    let data: BTreeMap<&String, Vec<u8>> = tensors
        .iter()
        .map(|(name, (_, values))| (name, values.iter().flat_map(|&value| bytes(value)).collect()))
        .collect();
    let view = |(name, (shape, _)): (&String, &(Vec<usize>, Vec<f32>))| {
        (name.clone(), TensorView::new(dtype, shape.clone(), &data[name]).unwrap())
    };
    fs::write(directory.join("model.safetensors"), serialize(tensors.iter().map(view), None).unwrap())
        .unwrap();
}

/// A whole directory.
pub(crate) fn directory() -> TempDir {
    let directory = TempDir::new().unwrap();
    write(directory.path(), &config(), &tokenizer(), &tensors());
    directory
}

/// Ids of words of the vocabulary, between the special tokens.
pub(crate) fn ids(words: &[&str]) -> Vec<usize> {
    let id = |word: &str| WORDS.iter().position(|known| *known == word).unwrap();
    let inner = words.iter().map(|word| id(word));
    std::iter::once(2).chain(inner).chain([3]).collect()
}

/// The forward pass in f64.
pub(crate) fn embed(tensors: &Tensors, ids: &[usize]) -> Vec<f64> {
    let table =
        |name: &str, row: usize| row_of(tensors, &format!("embeddings.{name}_embeddings.weight"), row);
    let row = |(position, &id): (usize, &usize)| -> Vec<f64> {
        let (word, place, kind) = (table("word", id), table("position", position), table("token_type", 0));
        (0..HIDDEN).map(|i| word[i] + place[i] + kind[i]).collect()
    };
    let rows: Vec<Vec<f64>> = ids.iter().enumerate().map(row).collect();
    let mut rows = norm(tensors, "embeddings.LayerNorm", rows);
    for layer in 0..LAYERS {
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        let attended = linear(
            tensors,
            &name("attention.output.dense"),
            &attention(tensors, &name("attention.self"), &rows),
        );
        rows = norm(tensors, &name("attention.output.LayerNorm"), add(&rows, &attended));
        let mut wide = linear(tensors, &name("intermediate.dense"), &rows);
        wide.iter_mut().flatten().for_each(|x| *x *= 0.5 * (1.0 + erf(*x / 2.0_f64.sqrt())));
        rows = norm(
            tensors,
            &name("output.LayerNorm"),
            add(&rows, &linear(tensors, &name("output.dense"), &wide)),
        );
    }
    let mean: Vec<f64> = (0..HIDDEN).map(|i| rows.iter().map(|row| row[i]).sum::<f64>()).collect();
    let length = mean.iter().map(|x| x * x).sum::<f64>().sqrt();
    mean.iter().map(|x| x / length).collect()
}

fn row_of(tensors: &Tensors, name: &str, row: usize) -> Vec<f64> {
    let (shape, values) = &tensors[name];
    let width = shape[shape.len() - 1];
    values[row * width..][..width].iter().map(|&value| value.into()).collect()
}

fn add(a: &[Vec<f64>], b: &[Vec<f64>]) -> Vec<Vec<f64>> {
    a.iter().zip(b).map(|(a, b)| a.iter().zip(b).map(|(a, b)| a + b).collect()).collect()
}

fn linear(tensors: &Tensors, name: &str, rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let bias = row_of(tensors, &format!("{name}.bias"), 0);
    let weights: Vec<Vec<f64>> =
        (0..bias.len()).map(|output| row_of(tensors, &format!("{name}.weight"), output)).collect();
    let product = |row: &Vec<f64>, output: usize| {
        bias[output] + row.iter().zip(&weights[output]).map(|(x, w)| x * w).sum::<f64>()
    };
    rows.iter().map(|row| (0..bias.len()).map(|output| product(row, output)).collect()).collect()
}

fn norm(tensors: &Tensors, name: &str, mut rows: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let (gain, bias) =
        (row_of(tensors, &format!("{name}.weight"), 0), row_of(tensors, &format!("{name}.bias"), 0));
    for row in &mut rows {
        let mean = row.iter().sum::<f64>() / HIDDEN as f64;
        let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / HIDDEN as f64;
        for i in 0..HIDDEN {
            row[i] = (row[i] - mean) / (variance + EPSILON).sqrt() * gain[i] + bias[i];
        }
    }
    rows
}

fn attention(tensors: &Tensors, name: &str, rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let part = |part: &str| linear(tensors, &format!("{name}.{part}"), rows);
    let (queries, keys, values) = (part("query"), part("key"), part("value"));
    let width = HIDDEN / HEADS;
    let mut context = vec![vec![0.0; HIDDEN]; rows.len()];
    for head in 0..HEADS {
        let channels = head * width..(head + 1) * width;
        for (token, out) in context.iter_mut().enumerate() {
            let score = |other: usize| {
                channels.clone().map(|c| queries[token][c] * keys[other][c]).sum::<f64>()
                    / (width as f64).sqrt()
            };
            let weights: Vec<f64> = (0..rows.len()).map(|other| score(other).exp()).collect();
            let total: f64 = weights.iter().sum();
            for c in channels.clone() {
                out[c] = (0..rows.len()).map(|other| weights[other] / total * values[other][c]).sum();
            }
        }
    }
    context
}

/// Error function by its power series; good for the small arguments here.
fn erf(x: f64) -> f64 {
    let mut term = x;
    let mut sum = x;
    for n in 1..200 {
        let n = f64::from(n);
        term *= -x * x / n;
        sum += term / (2.0 * n + 1.0);
    }
    sum * 2.0 / std::f64::consts::PI.sqrt()
}
