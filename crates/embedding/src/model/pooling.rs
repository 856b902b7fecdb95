//! How a directory says its vectors are made of tokens. We take the mean; a directory that asks for anything else
//! is refused, for its vectors would be wrong without a word.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::ModelError;
use super::file::ModelFile;

const BYTES_MAX: u64 = 1 << 20;

#[derive(Deserialize)]
struct Module {
    #[serde(rename = "type")]
    kind: String,
}

/// Checks `1_Pooling/config.json` and `modules.json`, where present.
pub(super) fn check(directory: &Path) -> Result<(), ModelError> {
    if let Some(file) = ModelFile::read_if_present(directory, "1_Pooling/config.json", BYTES_MAX)? {
        check_modes(&file)?;
    }
    if let Some(file) = ModelFile::read_if_present(directory, "modules.json", BYTES_MAX)? {
        check_modules(&file)?;
    }
    Ok(())
}

/// Modes are switches named `pooling_mode_…`, or in newer files one name under `pooling_mode`.
fn check_modes(file: &ModelFile) -> Result<(), ModelError> {
    let fields: Map<String, Value> =
        serde_json::from_slice(&file.bytes).map_err(|source| ModelError::malformed(&file.path, source))?;
    let on = |(name, value): (&String, &Value)| match (name.strip_prefix("pooling_mode"), value) {
        (Some(""), Value::String(mode)) => Some(mode.clone()),
        (Some(mode), Value::Bool(true)) => Some(mode.trim_start_matches('_').to_owned()),
        _ => None,
    };
    let modes: Vec<String> = fields.iter().filter_map(on).collect();
    match modes.iter().all(|mode| mode == "mean_tokens" || mode == "mean") && !modes.is_empty() {
        true => Ok(()),
        false => {
            Err(ModelError::mismatch(&file.path, "pooling by mean_tokens alone", format_args!("{modes:?}")))
        }
    }
}

fn check_modules(file: &ModelFile) -> Result<(), ModelError> {
    let modules: Vec<Module> =
        serde_json::from_slice(&file.bytes).map_err(|source| ModelError::malformed(&file.path, source))?;
    let known = |module: &&Module| {
        let kind = module.kind.rsplit('.').next().unwrap_or_default();
        !["Transformer", "Pooling", "Normalize"].contains(&kind)
    };
    match modules.iter().find(known) {
        None => Ok(()),
        Some(module) => Err(ModelError::mismatch(
            &file.path,
            "modules Transformer, Pooling and Normalize",
            format_args!("`{}`", module.kind),
        )),
    }
}
