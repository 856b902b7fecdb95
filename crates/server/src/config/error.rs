//! Why the settings were refused. Every message names the key and where it was set; none holds a secret.

use std::io;
use std::path::PathBuf;

use super::Origin;

/// Why the settings were refused. The start stops; nothing is worth a retry.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The settings file could not be read.
    #[error("cannot read the settings file {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The settings file is not TOML. The text itself is not shown, for it may hold keys.
    #[error("{} is not TOML: line {line}, column {column}: {detail}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line of the fault, from 1.
        line: usize,
        /// Column of the fault in characters, from 1.
        column: usize,
        /// What is wrong.
        detail: String,
    },
    /// There is no such key.
    #[error("unknown setting `{key}` (from {origin})")]
    Unknown {
        /// The key.
        key: String,
        /// Where it was set.
        origin: Origin,
    },
    /// The value does not fit the key's type.
    #[error("setting `{key}` (from {origin}): {detail}")]
    WrongType {
        /// The key.
        key: String,
        /// Where it was set.
        origin: Origin,
        /// What was expected, and what was found.
        detail: String,
    },
    /// The value has the right type and cannot work.
    #[error("setting `{key}` (from {origin}) is {value}: {rule}")]
    Invalid {
        /// The key.
        key: String,
        /// Where it was set.
        origin: Origin,
        /// The value.
        value: String,
        /// The limit it breaks.
        rule: String,
    },
    /// An environment variable of ours is not UTF-8.
    #[error("environment variable {name} is not UTF-8")]
    NotText {
        /// The variable.
        name: String,
    },
}
