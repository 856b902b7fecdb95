//! A second engine: `model.onnx` of a model directory by ONNX Runtime, on the CPU or a CUDA device.
//!
//! The runtime's library is loaded from a path when the process asks for it; nothing is linked. Batches are padded to
//! their longest text and masked, for the runtime knows no ragged ones: so a vector may differ in its last bits with
//! its batch, and E1 holds up to rounding only.

use std::error::Error;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use ort::ep;
use ort::session::Session;
use ort::value::Tensor;
use sha2::{Digest, Sha256};

use crate::embedder::{EmbedError, Embedder};
use crate::model::{Config, ModelError, ModelFile, ModelSettings, Tokens};
use crate::vector::Vector;

/// Where the runtime computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnnxDevice {
    /// On the CPU, in the caller's thread.
    Cpu,
    /// On the CUDA device of this number; opening fails if it cannot be had.
    Cuda(i32),
}

/// The runtime's library, loaded. One a process; cheap to clone.
#[derive(Clone, Debug)]
pub struct OnnxRuntime(ort::environment::Environment);

impl OnnxRuntime {
    /// Loads the library (`libonnxruntime.so`).
    ///
    /// - Errors: it is missing, too old, or was loaded before. Never retried.
    pub fn load(library: &Path) -> Result<Self, ModelError> {
        let environment = ort::init_from(library).map_err(|source| ModelError::malformed(library, source))?;
        environment.build().map(Self).map_err(|source| ModelError::malformed(library, source))
    }
}

/// An encoder run by ONNX Runtime.
#[derive(Debug)]
pub struct OnnxEmbedder {
    session: Mutex<Session>,
    tokens: Tokens,
    dims: usize,
    takes_types: bool,
    version: String,
}

impl OnnxEmbedder {
    /// Largest `model.onnx` read.
    const FILE_BYTES_MAX: u64 = 4 << 30;
    /// Texts padded to one length and run at once.
    const TEXTS_MAX: usize = 32;

    /// Opens `config.json`, `tokenizer.json` and `model.onnx` of a directory.
    ///
    /// - Result: version `name@digest/onnx-cpu` or `/onnx-cuda`, as [`BertEmbedder::open`](crate::BertEmbedder::open)
    ///   says; kernel and micro-batches of the settings play no part.
    /// - Errors: see [`ModelError`]. Never retried.
    pub fn open(
        runtime: &OnnxRuntime,
        directory: &Path,
        settings: &ModelSettings,
        device: OnnxDevice,
    ) -> Result<Self, ModelError> {
        settings.check()?;
        let config_file = ModelFile::read(directory, "config.json", Config::BYTES_MAX)?;
        let tokenizer = ModelFile::read(directory, "tokenizer.json", Tokens::FILE_BYTES_MAX)?;
        let model = ModelFile::read(directory, "model.onnx", Self::FILE_BYTES_MAX)?;
        let mut digest = Sha256::new();
        for file in [&model, &tokenizer, &config_file] {
            digest.update(&file.bytes);
        }
        let config = Config::parse(&config_file)?;
        let session = session(runtime, &model, device)
            .map_err(|source| ModelError::Malformed { file: model.path.clone(), source })?;
        let arithmetic = if device == OnnxDevice::Cpu { "onnx-cpu" } else { "onnx-cuda" };
        Ok(Self {
            takes_types: session.inputs().iter().any(|input| input.name() == "token_type_ids"),
            session: Mutex::new(session),
            tokens: Tokens::parse(&tokenizer, settings, &config)?,
            dims: config.hidden_size,
            version: settings.version(directory, digest, arithmetic),
        })
    }

    fn embed_batch(&self, tokens: &[Vec<u32>]) -> Result<Vec<Vector>, EmbedError> {
        let longest = tokens.iter().map(Vec::len).max().unwrap_or(0);
        if longest == 0 {
            return Ok(vec![Vector::unit(vec![0.0; self.dims]); tokens.len()]);
        }
        let rows = self.run(tokens, longest).map_err(|error| EmbedError::Engine(error.into()))?;
        if rows.len() != tokens.len() * longest * self.dims {
            return Err(EmbedError::Engine("model.onnx does not give a row of hidden_size a token".into()));
        }
        let texts = rows.chunks_exact(longest * self.dims).zip(tokens).enumerate();
        let pool = |(text, (rows, tokens)): (usize, (&[f32], &Vec<u32>))| {
            let mut sum = vec![0.0; self.dims];
            for row in rows.chunks_exact(self.dims).take(tokens.len()) {
                sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
            }
            Vector::normalized(sum).ok_or(EmbedError::NotFinite { text })
        };
        texts.map(pool).collect()
    }

    /// Hidden rows of a padded batch, `texts · longest` of them.
    fn run(&self, texts: &[Vec<u32>], longest: usize) -> ort::Result<Vec<f32>> {
        let shape = [texts.len(), longest];
        let padded = |value: &dyn Fn(Option<&u32>) -> i64| {
            let rows = texts.iter().flat_map(|text| (0..longest).map(move |at| text.get(at)));
            Tensor::from_array((shape, rows.map(value).collect::<Vec<i64>>()))
        };
        let mut inputs = ort::inputs! {
            "input_ids" => padded(&|id| id.map_or(0, |&id| id.into()))?,
            "attention_mask" => padded(&|id| id.is_some().into())?,
        };
        if self.takes_types {
            inputs.push(("token_type_ids".into(), padded(&|_| 0)?.into()));
        }
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let outputs = session.run(inputs)?;
        let (_, rows) = outputs[0].try_extract_tensor::<f32>()?;
        Ok(rows.to_vec())
    }
}

fn session(
    runtime: &OnnxRuntime,
    model: &ModelFile,
    device: OnnxDevice,
) -> Result<Session, Box<dyn Error + Send + Sync>> {
    let builder = Session::builder(&runtime.0)?;
    let builder = builder.with_intra_threads(1).map_err(|error| error.to_string())?;
    let mut builder = match device {
        OnnxDevice::Cpu => builder,
        OnnxDevice::Cuda(number) => {
            let provider = ep::CUDA::default().with_device_id(number).build().error_on_failure();
            builder.with_execution_providers([provider]).map_err(|error| error.to_string())?
        }
    };
    Ok(builder.commit_from_memory(&model.bytes)?)
}

impl Embedder for OnnxEmbedder {
    fn dims(&self) -> usize {
        self.dims
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vector>, EmbedError> {
        let tokens = texts.iter().map(|text| self.tokens.of(text)).collect::<Result<Vec<_>, _>>()?;
        let batches = tokens.chunks(Self::TEXTS_MAX).map(|batch| self.embed_batch(batch));
        Ok(batches.collect::<Result<Vec<_>, _>>()?.concat())
    }
}
