//! Looking into files for what must not be there.

use std::path::{Path, PathBuf};

/// The files under `dir`, however deep.
pub(crate) fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).expect("the directory is readable").flatten().map(|e| e.path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The files under `dir` that hold `needle`.
pub(crate) fn holding(dir: &Path, needle: &str) -> Vec<PathBuf> {
    let holds = |path: &PathBuf| {
        // A file that was removed meanwhile holds nothing.
        let bytes = std::fs::read(path).unwrap_or_default();
        bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
    };
    files(dir).into_iter().filter(holds).collect()
}
