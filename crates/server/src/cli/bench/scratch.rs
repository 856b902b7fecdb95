//! A directory for one measurement, removed with all that is in it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context;

/// Tells the directories of one process apart.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// A directory of its own.
pub(super) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// A new directory in `parent`.
    pub(super) fn new(parent: &Path) -> anyhow::Result<Self> {
        let name = format!("tidegate-bench-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = parent.join(name);
        std::fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self { path })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Left behind at worst; its name says whose it is.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
