//! Why a model directory was not opened.

use std::error::Error;
use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

use crate::kernel::KernelError;

/// Why a model was not opened. Never retried: the directory, the settings or the machine must change.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file is missing or cannot be read.
    #[error("{}: cannot be read", file.display())]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file is not of its format, or damaged.
    #[error("{}: malformed", file.display())]
    Malformed {
        /// Which file.
        file: PathBuf,
        /// What the parser said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A file is sound, but not one that we can use, or does not fit the others.
    #[error("{}: expected {expected}, found {found}", file.display())]
    Mismatch {
        /// Which file.
        file: PathBuf,
        /// What would have been right.
        expected: String,
        /// What was there.
        found: String,
    },
    /// A setting is outside its range.
    #[error("{name} is {found}: expected {least} to {most}")]
    Setting {
        /// Name of the setting.
        name: &'static str,
        /// Least value allowed.
        least: usize,
        /// Greatest value allowed.
        most: usize,
        /// What was set.
        found: usize,
    },
    /// The kernel asked for cannot be had.
    #[error(transparent)]
    Kernel(#[from] KernelError),
}

impl ModelError {
    pub(crate) fn malformed(file: &Path, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Malformed { file: file.to_owned(), source: source.into() }
    }

    pub(super) fn mismatch(file: &Path, expected: impl Display, found: impl Display) -> Self {
        Self::Mismatch { file: file.to_owned(), expected: expected.to_string(), found: found.to_string() }
    }
}
