//! One process per data directory.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

/// The right to use a data directory; given back when dropped, or by the system when the process dies.
#[derive(Debug)]
pub struct DirectoryLock {
    _file: File,
}

/// Why a data directory could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process works on it.
    #[error("the data directory is in use by another process")]
    Taken,
    /// The lock file could not be made.
    #[error("the data directory cannot be used")]
    Io(#[from] io::Error),
}

impl DirectoryLock {
    /// Takes `dir`, which must exist. Does not wait.
    pub fn take(dir: &Path) -> Result<Self, LockError> {
        Self::of(File::options().create(true).truncate(false).write(true).open(dir.join("LOCK"))?)
    }

    /// Takes `dir` without writing to it: it may lie on a read-only file system. Errors: `NotFound` where no process
    /// ever took it.
    pub fn to_look(dir: &Path) -> Result<Self, LockError> {
        Self::of(File::open(dir.join("LOCK"))?)
    }

    fn of(file: File) -> Result<Self, LockError> {
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LockError::Taken),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_taken_once() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(DirectoryLock::to_look(dir.path()), Err(LockError::Io(_))));
        let first = DirectoryLock::take(dir.path()).unwrap();
        assert!(matches!(DirectoryLock::take(dir.path()), Err(LockError::Taken)));
        assert!(matches!(DirectoryLock::to_look(dir.path()), Err(LockError::Taken)));
        drop(first);
        DirectoryLock::to_look(dir.path()).unwrap();
        DirectoryLock::take(dir.path()).unwrap();
    }
}
