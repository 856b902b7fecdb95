//! Real weights against the vectors of sentence-transformers (`tests/reference`, made by `make.py` there).
//!
//! Needs a directory of all-MiniLM-L6-v2, named by `TIDEGATE_TEST_MODEL`:
//! `cargo nextest run --release -p tidegate-embedding --run-ignored only` (unoptimised it takes minutes)

use std::path::PathBuf;

use tidegate_embedding::{BertEmbedder, Embedder, Kernel, KernelChoice, ModelSettings};

fn reference() -> (Vec<String>, Vec<Vec<f32>>) {
    let texts: Vec<String> = serde_json::from_str(include_str!("../reference/texts.json")).unwrap();
    let values = include_bytes!("../reference/vectors.f32").as_chunks().0;
    let values: Vec<f32> = values.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    (texts, values.chunks(384).map(<[f32]>::to_vec).collect())
}

#[test]
#[ignore = "needs a directory of all-MiniLM-L6-v2 in TIDEGATE_TEST_MODEL"]
fn every_kernel_gives_the_vectors_of_sentence_transformers() {
    let directory =
        std::env::var_os("TIDEGATE_TEST_MODEL").expect("TIDEGATE_TEST_MODEL names a model directory");
    let (texts, expected) = reference();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    assert_eq!(texts.len(), expected.len());
    for kernel in KernelChoice::ALL.into_iter().skip(1) {
        if let Err(lacking) = Kernel::choose(kernel) {
            println!("not tested: {lacking}");
            continue;
        }
        let settings = ModelSettings { kernel, ..ModelSettings::default() };
        let embedder = BertEmbedder::open(&PathBuf::from(&directory), &settings).expect("a model directory");
        let cosines: Vec<f64> = embedder
            .embed(&texts)
            .unwrap()
            .iter()
            .zip(&expected)
            .map(|(found, expected)| {
                found.iter().zip(expected).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
            })
            .collect();
        let mean = cosines.iter().sum::<f64>() / cosines.len() as f64;
        let (at, min) = cosines.iter().copied().enumerate().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
        println!("{}: cosine mean {mean:.6}, min {min:.6} ({:?})", embedder.version(), texts[at]);
        let (mean_least, least) = match embedder.kernel().arithmetic() {
            "int8" => (0.995, 0.98),
            "bf16" => (0.9999, 0.999),
            _ => (0.999_99, 0.999_99),
        };
        assert!(mean >= mean_least && min >= least, "{}: mean {mean}, min {min}", embedder.version());
    }
}

/// Needs `model.onnx` in the directory too, and the library of ONNX Runtime in `TIDEGATE_TEST_ORT`.
#[cfg(feature = "ort")]
#[test]
#[ignore = "needs model.onnx in TIDEGATE_TEST_MODEL and a library in TIDEGATE_TEST_ORT"]
fn onnx_runtime_gives_the_vectors_of_sentence_transformers() {
    use tidegate_embedding::{OnnxDevice, OnnxEmbedder, OnnxRuntime};
    let path = |name: &str| PathBuf::from(std::env::var_os(name).expect(name));
    let runtime = OnnxRuntime::load(&path("TIDEGATE_TEST_ORT")).unwrap();
    let directory = path("TIDEGATE_TEST_MODEL");
    let settings = ModelSettings::default();
    let embedder = OnnxEmbedder::open(&runtime, &directory, &settings, OnnxDevice::Cpu).unwrap();
    let (texts, expected) = reference();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for ((text, found), expected) in texts.iter().zip(embedder.embed(&texts).unwrap()).zip(expected) {
        let cosine: f32 = found.iter().zip(expected).map(|(a, b)| a * b).sum();
        assert!(cosine > 0.999_99, "{}: {cosine} for {text:?}", embedder.version());
    }
}
