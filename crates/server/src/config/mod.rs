//! Settings: `config/default.toml` is compiled in, commented, and is the manual.
//!
//! Layers, later wins: the defaults, `--config FILE`, the environment (aliases first, then
//! `TIDEGATE_SECTION__KEY`), flags. Each value remembers where it came from.
//!
//! - **S1** a misspelt key, a wrong type or a value out of range stops the start, and the error names the key and
//!   where it was set; no value is quietly corrected.
//! - **S2** the environment is read here and nowhere else.
//! - **S3** a secret appears in no error, no `Debug` and no print.
//!
//! Whoever starts the program maps [`ConfigError`] to exit code 78 (`EX_CONFIG`) before a port is bound.
//! Source: ADR 0003.

mod address;
mod aliases;
mod analysis;
mod error;
mod layers;
mod network;
mod print;
mod scalar;
mod sections;
#[cfg(test)]
mod tests;
mod validate;
mod vendor;

use std::ffi::OsString;
use std::path::Path;

pub use address::Address;
pub use analysis::{Analysis, Jobs, ProjectAnalysis, Strategy};
pub use error::ConfigError;
pub use layers::Origin;
pub use network::Network;
pub use sections::*;
pub use tidegate_domain::secret::Secret;
pub use vendor::Vendor;

use layers::{Layers, Origins};

/// A value set by a command line flag.
#[derive(Clone, Debug)]
pub struct Flag {
    /// The key it sets, for example `server.dev`.
    pub key: &'static str,
    /// The value.
    pub value: toml::Value,
    /// The flag as typed, for example `--dev`.
    pub name: &'static str,
}

impl Flag {
    /// The flag `name`, which sets `key` to `value`.
    pub fn new(key: &'static str, value: impl Into<toml::Value>, name: &'static str) -> Self {
        Self { key, value: value.into(), name }
    }
}

/// Where settings come from, besides the defaults.
#[derive(Debug, Default)]
pub struct Sources<'a> {
    /// The file named by `--config`.
    pub file: Option<&'a Path>,
    /// Environment variables; those that name no setting of ours are ignored, unless they look like one.
    pub env: Vec<(String, String)>,
    /// Flags, in the order typed.
    pub flags: Vec<Flag>,
}

impl<'a> Sources<'a> {
    /// The sources of this process: its environment beside the `file` and `flags` given.
    ///
    /// Errors: a variable that names a setting and is not UTF-8.
    pub fn from_process(file: Option<&'a Path>, flags: Vec<Flag>) -> Result<Self, ConfigError> {
        Ok(Self { file, env: readable(std::env::vars_os())?, flags })
    }
}

/// The merged settings and where each came from.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    origins: Origins,
}

impl Loaded {
    /// Where the value of `key` (for example `server.listen`) came from; `None` if there is no such key.
    pub fn origin(&self, key: &str) -> Option<&Origin> {
        self.origins.get(key)
    }

    /// All settings, each with where it came from; secrets as `***`.
    ///
    /// As TOML with a comment on each line, or as JSON: `{"section": {"key": {"value": …, "from": "…"}}}`.
    pub fn print(&self, json: bool) -> String {
        if json { print::json(&self.config, &self.origins) } else { print::toml(&self.config, &self.origins) }
    }
}

/// Merges the sources, later wins, and checks the result.
///
/// Errors: the first fault found, with the key and where it was set; nothing is worth a retry.
pub fn load(sources: Sources<'_>) -> Result<Loaded, ConfigError> {
    let mut layers = Layers::from_defaults()?;
    if let Some(path) = sources.file {
        layers.apply_file(path)?;
    }
    layers.apply_env(&sources.env)?;
    for flag in sources.flags {
        layers.set(flag.key, flag.value, Origin::Flag(flag.name))?;
    }
    let (config, origins) = layers.finish()?;
    validate::validate(&config, &origins)?;
    Ok(Loaded { config, origins })
}

impl Default for Config {
    /// The compiled-in defaults.
    fn default() -> Self {
        load(Sources::default()).expect("a test loads the compiled-in defaults").config
    }
}

/// The variables that may concern us, as text.
fn readable(vars: impl Iterator<Item = (OsString, OsString)>) -> Result<Vec<(String, String)>, ConfigError> {
    vars.filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, _)| aliases::concerns_us(name))
        .map(|(name, value)| match value.into_string() {
            Ok(value) => Ok((name, value)),
            Err(_) => Err(ConfigError::NotText { name }),
        })
        .collect()
}
