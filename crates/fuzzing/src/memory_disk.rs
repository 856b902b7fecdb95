//! A directory in memory whose files a target may change.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_store_embedded::disk::{Disk, DiskFile};

type Bytes = Arc<Mutex<Vec<u8>>>;

/// A directory. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct MemoryDisk(Arc<Mutex<BTreeMap<String, Bytes>>>);

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemoryDisk {
    /// A directory of its own with the same files.
    pub(crate) fn copy(&self) -> Self {
        let files = lock(&self.0);
        let copied = files.iter().map(|(name, bytes)| (name.clone(), file(lock(bytes).clone())));
        Self(Arc::new(Mutex::new(copied.collect())))
    }

    /// All names, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        lock(&self.0).keys().cloned().collect()
    }

    /// Puts a file there, in place of another of its name.
    pub(crate) fn put(&self, name: &str, bytes: Vec<u8>) {
        lock(&self.0).insert(name.to_owned(), file(bytes));
    }

    /// Changes the bytes of a file that is there.
    pub(crate) fn change<T>(&self, name: &str, change: impl FnOnce(&mut Vec<u8>) -> T) -> Option<T> {
        let file = lock(&self.0).get(name).cloned();
        file.map(|bytes| change(&mut lock(&bytes)))
    }
}

fn file(bytes: Vec<u8>) -> Bytes {
    Arc::new(Mutex::new(bytes))
}

impl Disk for MemoryDisk {
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut files = lock(&self.0);
        if files.contains_key(name) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let made = Bytes::default();
        files.insert(name.to_owned(), Arc::clone(&made));
        Ok(Box::new(MemoryFile(made)))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let found = lock(&self.0).get(name).cloned().ok_or(ErrorKind::NotFound)?;
        Ok(Box::new(MemoryFile(found)))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.names())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut files = lock(&self.0);
        let moved = files.remove(from).ok_or(ErrorKind::NotFound)?;
        files.insert(to.to_owned(), moved);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        lock(&self.0).remove(name).map(drop).ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn sync_dir(&self) -> io::Result<()> {
        Ok(())
    }
}

struct MemoryFile(Bytes);

impl DiskFile for MemoryFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let (bytes, from) = (lock(&self.0), offset as usize);
        let end = from.checked_add(buffer.len()).ok_or(ErrorKind::UnexpectedEof)?;
        if !buffer.is_empty() {
            buffer.copy_from_slice(bytes.get(from..end).ok_or(ErrorKind::UnexpectedEof)?);
        }
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let (mut file, from) = (lock(&self.0), offset as usize);
        let end = from + bytes.len();
        if file.len() < end {
            file.resize(end, 0);
        }
        file[from..end].copy_from_slice(bytes);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(lock(&self.0).len() as u64)
    }
}
