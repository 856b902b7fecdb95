//! `model.safetensors`: tensors by name, as finite f32 of the shape asked for.

use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors};

use super::ModelError;
use super::file::ModelFile;

/// The tensors of a file.
pub(crate) struct Weights<'a> {
    file: &'a ModelFile,
    tensors: SafeTensors<'a>,
    prefix: &'static str,
}

impl<'a> Weights<'a> {
    /// Largest `model.safetensors` read.
    pub(crate) const FILE_BYTES_MAX: u64 = 4 << 30;

    pub(crate) fn parse(file: &'a ModelFile) -> Result<Self, ModelError> {
        let tensors = SafeTensors::deserialize(&file.bytes)
            .map_err(|source| ModelError::malformed(&file.path, source))?;
        let prefixed = tensors.names().iter().any(|name| name.starts_with("bert."));
        Ok(Self { file, tensors, prefix: if prefixed { "bert." } else { "" } })
    }

    /// A tensor's values, row by row.
    ///
    /// - Errors: it is missing, of another shape or type, or has a value that is not finite.
    pub(crate) fn get(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, ModelError> {
        let name = format!("{}{name}", self.prefix);
        let mismatch = |expected: String, found: String| {
            ModelError::mismatch(&self.file.path, format_args!("{expected} for {name}"), found)
        };
        let tensor = self
            .tensors
            .tensor(&name)
            .map_err(|_| mismatch(format!("a tensor of shape {shape:?}"), "no such tensor".to_owned()))?;
        if tensor.shape() != shape {
            return Err(mismatch(format!("shape {shape:?}"), format!("{:?}", tensor.shape())));
        }
        let data = tensor.data();
        let values: Vec<f32> = match tensor.dtype() {
            Dtype::F32 => data.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
            Dtype::F16 => {
                data.as_chunks().0.iter().map(|&bytes| f16::from_le_bytes(bytes).to_f32()).collect()
            }
            Dtype::BF16 => {
                data.as_chunks().0.iter().map(|&bytes| bf16::from_le_bytes(bytes).to_f32()).collect()
            }
            other => return Err(mismatch("dtype F32, F16 or BF16".to_owned(), format!("{other:?}"))),
        };
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(values),
            Some(at) => Err(mismatch("finite values".to_owned(), format!("{} at {at}", values[at]))),
        }
    }
}
