//! Files of a model directory, read whole under a limit.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::ModelError;

/// A file's bytes, and where they came from.
#[derive(Debug)]
pub(crate) struct ModelFile {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
}

impl ModelFile {
    /// Reads a file; one of more than `bytes_max` bytes is refused before it is held.
    pub(crate) fn read(directory: &Path, name: &str, bytes_max: u64) -> Result<Self, ModelError> {
        let path = directory.join(name);
        let read = || -> io::Result<Vec<u8>> {
            let file = File::open(&path)?;
            let expected = file.metadata()?.len().min(bytes_max);
            let mut bytes = Vec::with_capacity(expected as usize + 1);
            file.take(bytes_max + 1).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        match read() {
            Ok(bytes) if bytes.len() as u64 > bytes_max => {
                Err(ModelError::mismatch(&path, format!("at most {bytes_max} bytes"), "more"))
            }
            Ok(bytes) => Ok(Self { path, bytes }),
            Err(source) => Err(ModelError::Unreadable { file: path, source }),
        }
    }

    /// As [`Self::read`]; `None` if there is no such file.
    pub(crate) fn read_if_present(
        directory: &Path,
        name: &str,
        bytes_max: u64,
    ) -> Result<Option<Self>, ModelError> {
        match Self::read(directory, name, bytes_max) {
            Err(ModelError::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            read => read.map(Some),
        }
    }
}

/// Last part of a directory's path.
pub(crate) fn name_of(directory: &Path) -> String {
    let whole = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
    whole.file_name().unwrap_or(whole.as_os_str()).to_string_lossy().into_owned()
}
