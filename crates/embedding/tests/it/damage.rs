//! Directories that cannot be used: each is refused by a message that names the file, and none panics.

use std::error::Error;
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use safetensors::Dtype;
use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_embedding::{BertEmbedder, Embedder, KernelChoice, ModelError, ModelSettings};

use crate::tiny;

fn open(directory: &Path) -> Result<BertEmbedder, ModelError> {
    BertEmbedder::open(directory, &ModelSettings::default())
}

/// The message with its causes, of a directory that must not open.
fn refusal(directory: &Path) -> String {
    let error = open(directory).expect_err("must be refused");
    std::iter::successors(Some(&error as &dyn Error), |&error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in `{message}`");
    }
}

#[test]
fn missing_file_is_named() {
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        let directory = tiny::directory();
        fs::remove_file(directory.path().join(file)).unwrap();
        assert_says(&refusal(directory.path()), &[file, "cannot be read", "No such file"]);
    }
}

#[test]
fn configuration_of_another_model_is_refused() {
    for (field, value, parts) in [
        ("model_type", json!("roberta"), ["model_type `bert`", "`roberta`"]),
        ("hidden_act", json!("relu"), ["hidden_act `gelu`", "`relu`"]),
        ("position_embedding_type", json!("relative_key"), ["`absolute`", "`relative_key`"]),
        ("hidden_size", json!(0), ["hidden_size of 1 to 4096", "found 0"]),
        ("hidden_size", json!(65), ["multiple of 32", "found 65"]),
        ("hidden_size", json!(1_u64 << 60), ["hidden_size", "found"]),
        ("num_attention_heads", json!(3), ["heads of a multiple of 16", "3 heads"]),
        ("num_hidden_layers", json!(65), ["num_hidden_layers of 1 to 64", "found 65"]),
        ("num_hidden_layers", json!(3), ["encoder.layer.2", "no such tensor"]),
        ("intermediate_size", json!(128), ["shape [128]", "[96]"]),
        ("max_position_embeddings", json!(49), ["shape [49, 64]", "[48, 64]"]),
        ("layer_norm_eps", json!(-1.0), ["layer_norm_eps", "found -1"]),
        ("hidden_size", json!("many"), ["malformed", "invalid type"]),
        ("vocab_size", json!(20), ["ids below vocab_size 20", "found id 25"]),
        ("vocab_size", json!(27), ["shape [27, 64]", "[26, 64]"]),
    ] {
        let directory = tiny::directory();
        let mut config = tiny::config();
        config[field] = value;
        fs::write(directory.path().join("config.json"), config.to_string()).unwrap();
        assert_says(&refusal(directory.path()), &parts);
    }
}

#[test]
fn weights_that_do_not_fit_are_refused() {
    let name = "encoder.layer.1.output.dense.bias";
    let with = |change: &dyn Fn(&mut tiny::Tensors)| {
        let directory = tiny::directory();
        let mut tensors = tiny::tensors();
        change(&mut tensors);
        tiny::write(directory.path(), &tiny::config(), &tiny::tokenizer(), &tensors);
        refusal(directory.path())
    };
    assert_says(&with(&|tensors| drop(tensors.remove(name))), &["model.safetensors", name, "no such tensor"]);
    let shortened = with(&|tensors| {
        let tensor = tensors.get_mut(name).unwrap();
        tensor.0 = vec![32];
        tensor.1.truncate(32);
    });
    assert_says(&shortened, &["shape [64]", "[32]", name]);
    for bad in [f32::NAN, f32::INFINITY] {
        let poisoned = with(&|tensors| tensors.get_mut(name).unwrap().1[7] = bad);
        assert_says(&poisoned, &["finite values", name, "at 7"]);
    }
    let directory = tiny::directory();
    tiny::write_tensors(directory.path(), &tiny::tensors(), Dtype::I32, |value| {
        (value as i32).to_le_bytes().to_vec()
    });
    assert_says(&refusal(directory.path()), &["dtype F32, F16 or BF16", "I32"]);
}

#[test]
fn finite_weights_that_overflow_are_an_error_of_the_text() {
    let directory = tiny::directory();
    let mut tensors = tiny::tensors();
    tensors.get_mut("encoder.layer.1.output.LayerNorm.weight").unwrap().1.fill(f32::MAX);
    tiny::write(directory.path(), &tiny::config(), &tiny::tokenizer(), &tensors);
    let error = open(directory.path()).unwrap().embed(&["hello"]).expect_err("overflows");
    assert!(error.to_string().contains("not finite"), "{error}");
}

#[test]
fn pooling_other_than_the_mean_is_refused() {
    let with = |file: &str, content: Value| -> TempDir {
        let directory = tiny::directory();
        fs::create_dir_all(directory.path().join("1_Pooling")).unwrap();
        fs::write(directory.path().join(file), content.to_string()).unwrap();
        directory
    };
    let modes =
        |cls: bool, mean: bool| json!({"pooling_mode_cls_token": cls, "pooling_mode_mean_tokens": mean});
    open(with("1_Pooling/config.json", modes(false, true)).path()).unwrap();
    open(with("1_Pooling/config.json", json!({"pooling_mode": "mean"})).path()).unwrap();
    for modes in [modes(true, false), modes(true, true), json!({"pooling_mode": "cls"})] {
        let message = refusal(with("1_Pooling/config.json", modes).path());
        assert_says(&message, &["1_Pooling/config.json", "mean_tokens alone", "cls"]);
    }
    let modules = json!([{"type": "sentence_transformers.models.Dense"}]);
    assert_says(&refusal(with("modules.json", modules).path()), &["modules.json", "Dense"]);
}

#[test]
fn settings_out_of_range_are_refused() {
    let directory = tiny::directory();
    for settings in [
        ModelSettings { max_tokens: 4, ..ModelSettings::default() },
        ModelSettings { micro_batch_tokens: 1 << 20, ..ModelSettings::default() },
        ModelSettings { prefix: "x".repeat(65), ..ModelSettings::default() },
    ] {
        let error = BertEmbedder::open(directory.path(), &settings).expect_err("must be refused");
        assert!(matches!(error, ModelError::Setting { .. }), "{error}");
    }
}

#[test]
fn every_truncated_file_is_refused() {
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        let directory = tiny::directory();
        let path = directory.path().join(file);
        let whole = fs::read(&path).unwrap();
        for part in 0..40 {
            fs::write(&path, &whole[..whole.len() * part / 40]).unwrap();
            assert_says(&refusal(directory.path()), &[file]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// A flipped byte may hit what is not read, or a weight; then texts still get unit vectors or an error.
    #[test]
    fn flipped_bytes_never_panic(
        file in prop::sample::select(vec!["config.json", "tokenizer.json", "model.safetensors"]),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1_u8..=255, any::<bool>()), 1..4),
    ) {
        let directory = tiny::directory();
        let path = directory.path().join(file);
        let mut bytes = fs::read(&path).unwrap();
        for (at, mask, in_header) in flips {
            let reach = if in_header { bytes.len().min(4_096) } else { bytes.len() };
            bytes[at.index(reach)] ^= mask;
        }
        fs::write(&path, bytes).unwrap();
        let settings = ModelSettings { kernel: KernelChoice::Auto, ..ModelSettings::default() };
        if let Ok(embedder) = BertEmbedder::open(directory.path(), &settings)
            && let Ok(vectors) = embedder.embed(&["hello world, good morning", ""])
        {
            prop_assert!(vectors.iter().all(|vector| vector.iter().all(|value| value.is_finite())));
        }
    }
}
