//! A directory in memory that knows what a power cut may take: sectors not synced, names not synced.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_store_embedded::disk::{Disk, DiskFile};
use tidegate_testkit::world::SeededEntropy;

/// What a disk writes at once, or not at all.
const SECTOR: usize = 512;

/// A directory. Clones share it.
#[derive(Clone, Default)]
pub struct MemoryDisk(Arc<Mutex<Directory>>);

#[derive(Clone, Default)]
struct Directory {
    names: BTreeMap<String, usize>,
    /// The names after the last directory sync, and after each change since.
    durable_names: BTreeMap<String, usize>,
    later_names: Vec<BTreeMap<String, usize>>,
    files: Vec<Content>,
}

#[derive(Clone, Default)]
struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
    /// Sectors that the next sync writes.
    dirty: BTreeSet<usize>,
}

impl MemoryDisk {
    fn lock(&self) -> MutexGuard<'_, Directory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A directory of its own with the same files.
    pub fn copy(&self) -> Self {
        Self(Arc::new(Mutex::new(self.lock().clone())))
    }

    /// All names, sorted.
    pub fn names(&self) -> Vec<String> {
        self.lock().names.keys().cloned().collect()
    }

    /// The bytes of a file.
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        let directory = self.lock();
        directory.files[directory.names[name]].now.clone()
    }

    /// Puts a file there with these bytes, in place of another of its name.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        let mut directory = self.lock();
        let (now, durable) = (bytes.to_vec(), bytes.to_vec());
        directory.files.push(Content { now, durable, dirty: BTreeSet::new() });
        let number = directory.files.len() - 1;
        directory.names.insert(name.to_owned(), number);
        directory.durable_names.insert(name.to_owned(), number);
    }

    /// Takes away the files whose names are so.
    pub fn remove_where(&self, is_so: impl Fn(&str) -> bool) {
        let mut directory = self.lock();
        directory.names.retain(|name, _| !is_so(name));
        directory.durable_names.retain(|name, _| !is_so(name));
    }

    /// Changes the bytes of a file.
    pub fn change(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.bytes(name);
        change(&mut bytes);
        self.put(name, &bytes);
    }

    /// What a kernel may do after a failed sync: the bytes still read back, but are never written.
    pub fn forget_unsynced_writes(&self) {
        for file in &mut self.lock().files {
            file.dirty.clear();
        }
    }

    /// The directory as a power cut at this moment may leave it: of what was not synced, names up to some change
    /// and any of the sectors, some of them half.
    pub fn after_power_loss(&self, luck: &SeededEntropy) -> Self {
        let mut directory = self.lock().clone();
        let kept = luck.below(directory.later_names.len() as u64 + 1) as usize;
        let names = kept.checked_sub(1).map_or(&directory.durable_names, |last| &directory.later_names[last]);
        directory.names = names.clone();
        directory.durable_names = directory.names.clone();
        directory.later_names.clear();
        for file in &mut directory.files {
            file.lose(luck);
        }
        Self(Arc::new(Mutex::new(directory)))
    }
}

impl Content {
    fn write(&mut self, bytes: &[u8], offset: usize) {
        let end = offset + bytes.len();
        self.now.resize(self.now.len().max(end), 0);
        self.now[offset..end].copy_from_slice(bytes);
        self.dirty.extend(offset / SECTOR..end.div_ceil(SECTOR));
    }

    fn sync(&mut self) {
        self.durable.resize(self.now.len(), 0);
        for sector in std::mem::take(&mut self.dirty) {
            let (from, to) = (sector * SECTOR, self.now.len().min((sector + 1) * SECTOR));
            self.durable[from..to].copy_from_slice(&self.now[from..to]);
        }
    }

    fn lose(&mut self, luck: &SeededEntropy) {
        let mut left = std::mem::take(&mut self.durable);
        if luck.below(2) == 0 {
            left.resize(self.now.len(), 0);
        }
        for sector in std::mem::take(&mut self.dirty) {
            let (from, to) = (sector * SECTOR, left.len().min((sector + 1) * SECTOR));
            let to = match luck.below(5) {
                0 | 1 => from,
                2 | 3 => to,
                _ => (from + luck.below(SECTOR as u64) as usize).min(to),
            };
            if from < to {
                left[from..to].copy_from_slice(&self.now[from..to]);
            }
        }
        (self.now, self.durable) = (left.clone(), left);
    }
}

impl Directory {
    fn number(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn changed(&mut self) {
        self.later_names.push(self.names.clone());
    }
}

impl Disk for MemoryDisk {
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut directory = self.lock();
        if directory.names.contains_key(name) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let number = directory.files.len();
        directory.files.push(Content::default());
        directory.names.insert(name.to_owned(), number);
        directory.changed();
        Ok(Box::new(MemoryFile { disk: self.clone(), number }))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let number = self.lock().number(name)?;
        Ok(Box::new(MemoryFile { disk: self.clone(), number }))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.names())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut directory = self.lock();
        let number = directory.number(from)?;
        directory.names.remove(from);
        directory.names.insert(to.to_owned(), number);
        directory.changed();
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut directory = self.lock();
        directory.number(name)?;
        directory.names.remove(name);
        directory.changed();
        Ok(())
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut directory = self.lock();
        directory.durable_names = directory.names.clone();
        directory.later_names.clear();
        Ok(())
    }
}

struct MemoryFile {
    disk: MemoryDisk,
    number: usize,
}

impl DiskFile for MemoryFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let directory = self.disk.lock();
        let from = offset as usize;
        if buffer.is_empty() {
            return Ok(());
        }
        // A damaged index may name any place.
        let end = from.checked_add(buffer.len()).ok_or(ErrorKind::UnexpectedEof)?;
        let bytes = directory.files[self.number].now.get(from..end);
        buffer.copy_from_slice(bytes.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.disk.lock().files[self.number].write(bytes, offset as usize);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.lock().files[self.number].sync();
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.disk.lock().files[self.number].now.len() as u64)
    }
}
