//! Libraries of a few lines of C that stand between a server and the system.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::child::Serve;

/// Compiles `source` to a library in `dir`.
fn compile(dir: &Path, source: &str) -> PathBuf {
    let (code, library) = (dir.join("shim.c"), dir.join("shim.so"));
    std::fs::write(&code, source).expect("a source file");
    let mut cc = Command::new("cc");
    let output =
        cc.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(&library).arg(&code).output();
    let output = output.expect("cc must be installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    library
}

/// A wall clock that a test moves while a server runs by it.
pub(crate) struct SteppedClock {
    dir: TempDir,
    offset: File,
    library: PathBuf,
}

impl SteppedClock {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let library = compile(dir.path(), include_str!("clock.c"));
        let offset = File::create(dir.path().join("offset_s")).expect("a file");
        let clock = Self { dir, offset, library };
        clock.set(0);
        clock
    }

    /// Shows the true time and `offset_s` seconds.
    pub(crate) fn set(&self, offset_s: i64) {
        self.offset.write_all_at(&offset_s.to_ne_bytes(), 0).expect("a file");
    }

    /// Lets `serve` run by this clock.
    pub(crate) fn wear(&self, serve: Serve) -> Serve {
        serve.preloaded(&self.library).env("CLOCK_OFFSET_FILE", self.dir.path().join("offset_s"))
    }
}
