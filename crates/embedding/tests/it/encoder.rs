//! The encoder by every kernel against the plain forward pass, and what its version says.

use safetensors::Dtype;
use tidegate_embedding::{BertEmbedder, Embedder, Kernel, KernelChoice, ModelSettings};

use crate::tiny;

/// Embedders by all kernels this machine has.
fn embedders(directory: &std::path::Path) -> Vec<BertEmbedder> {
    let open = |kernel| BertEmbedder::open(directory, &ModelSettings { kernel, ..ModelSettings::default() });
    let named = KernelChoice::ALL.into_iter().skip(1);
    named.filter(|&kernel| Kernel::choose(kernel).is_ok()).map(|kernel| open(kernel).unwrap()).collect()
}

const TEXTS: [&[&str]; 6] = [
    &[],
    &["hello"],
    &["hello", "world", "!"],
    &["the", "tide", "gate", "is", "open", "."],
    &[
        "good", "morning", ",", "world", "?", "a", "b", "c", "1", "2", "the", "tide", "is", "open", "a", "b",
        "c",
    ],
    &[
        "hello", "hello", "hello", "hello", "hello", "hello", "hello", "hello", "hello", "hello", "hello",
        "hello",
    ],
];

fn cosine(found: &[f32], expected: &[f64]) -> f64 {
    found.iter().zip(expected).map(|(&found, &expected)| f64::from(found) * expected).sum()
}

#[test]
fn every_kernel_gives_the_vectors_of_the_plain_forward_pass() {
    let (directory, tensors) = (tiny::directory(), tiny::tensors());
    let texts: Vec<String> = TEXTS.iter().map(|words| words.join(" ")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for embedder in embedders(directory.path()) {
        let least = match embedder.kernel().arithmetic() {
            "int8" => 0.999,
            "bf16" => 0.9999,
            _ => 0.999_999,
        };
        for (words, vector) in TEXTS.iter().zip(embedder.embed(&texts).unwrap()) {
            let cosine = cosine(&vector, &tiny::embed(&tensors, &tiny::ids(words)));
            assert!(cosine > least, "{}: {cosine} for {words:?}", embedder.version());
            assert!((vector.cosine(&vector) - 1.0).abs() < 1e-5, "E3");
        }
    }
}

#[test]
fn e1_a_vector_does_not_depend_on_its_batch() {
    let directory = tiny::directory();
    let texts: Vec<String> = (0..40).map(|n| TEXTS[n % TEXTS.len()].join(" ")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for embedder in embedders(directory.path()) {
        let together = embedder.embed(&texts).unwrap();
        for (text, vector) in texts.iter().zip(&together) {
            assert_eq!(&embedder.embed(&[text]).unwrap()[0], vector, "{}: {text}", embedder.version());
        }
    }
}

#[test]
fn half_precision_weights_and_prefixed_names_are_read() {
    let (directory, mut tensors) = (tiny::directory(), tiny::tensors());
    for (_, values) in tensors.values_mut() {
        // Values that all three types hold exactly.
        values
            .iter_mut()
            .for_each(|value| *value = half::bf16::from_f32(half::f16::from_f32(*value).to_f32()).to_f32());
    }
    let prefixed = tensors.iter().map(|(name, tensor)| (format!("bert.{name}"), tensor.clone())).collect();
    let settings = ModelSettings { kernel: KernelChoice::Portable, ..ModelSettings::default() };
    let embed = || BertEmbedder::open(directory.path(), &settings).unwrap().embed(&["hello tide"]).unwrap();
    tiny::write_tensors(directory.path(), &tensors, Dtype::F32, |value| value.to_le_bytes().to_vec());
    let full = embed();
    tiny::write_tensors(directory.path(), &prefixed, Dtype::BF16, |value| {
        half::bf16::from_f32(value).to_le_bytes().to_vec()
    });
    assert_eq!(embed(), full);
    tiny::write_tensors(directory.path(), &tensors, Dtype::F16, |value| {
        half::f16::from_f32(value).to_le_bytes().to_vec()
    });
    let halved = embed();
    assert!(halved[0].cosine(&full[0]) > 0.999_99);
}

#[test]
fn version_names_model_digest_and_arithmetic() {
    let directory = tiny::directory();
    let version = |settings: &ModelSettings| {
        BertEmbedder::open(directory.path(), settings).unwrap().version().to_owned()
    };
    let portable = ModelSettings { kernel: KernelChoice::Portable, ..ModelSettings::default() };
    let plain = version(&portable);
    let name = directory.path().file_name().unwrap().to_str().unwrap();
    let (before, arithmetic) = plain.rsplit_once('/').unwrap();
    let (model, digest) = before.rsplit_once('@').unwrap();
    assert_eq!((model, arithmetic, digest.len()), (name, "f32", 8), "{plain}");
    assert!(digest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!(version(&portable), plain);
    assert_ne!(version(&ModelSettings { prefix: "query: ".into(), ..portable }), plain);
    assert_ne!(version(&ModelSettings { max_tokens: 16, ..portable.clone() }), plain);
    let mut tensors = tiny::tensors();
    tensors.get_mut("encoder.layer.1.output.dense.bias").unwrap().1[0] += 0.5;
    tiny::write(directory.path(), &tiny::config(), &tiny::tokenizer(), &tensors);
    assert_ne!(version(&portable), plain);
}

#[test]
fn prefix_stands_before_each_text_and_truncation_is_ours() {
    let (directory, tensors) = (tiny::directory(), tiny::tensors());
    let settings = ModelSettings {
        prefix: "query: ".into(),
        max_tokens: 8,
        kernel: KernelChoice::Portable,
        ..ModelSettings::default()
    };
    let embedder = BertEmbedder::open(directory.path(), &settings).unwrap();
    let vector = &embedder.embed(&["hello world good morning the tide gate is open"]).unwrap()[0];
    let words = ["query", ":", "hello", "world", "good", "morning"];
    assert!(
        cosine(vector, &tiny::embed(&tensors, &tiny::ids(&words))) > 0.999_999,
        "8 tokens with both ends"
    );
}
