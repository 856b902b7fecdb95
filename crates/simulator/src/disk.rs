//! The disk as the log sees it: a [`MemoryDisk`] in the weather of a seed.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_store_embedded::disk::{Disk, DiskFile};

use crate::memory_disk::MemoryDisk;
use crate::world::{Call, Fate, World};

/// What is known of an open file, whatever name it has by now.
#[derive(Default)]
pub(crate) struct Known {
    name: Mutex<String>,
    /// Where the two newest writes began.
    newest: Mutex<[u64; 2]>,
}

/// The files of a directory, by name.
pub(crate) type Files = Arc<Mutex<BTreeMap<String, Arc<Known>>>>;

/// A disk with faults.
pub(crate) struct WeatherDisk {
    pub(crate) disk: MemoryDisk,
    pub(crate) world: Arc<World>,
    pub(crate) files: Files,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Flips a bit of a file, as a failing disk does to bytes long written. Spares the newest writes to a segment: damage
/// there cannot be told from a torn write, which the fault model says.
pub(crate) fn flip_a_bit(disk: &MemoryDisk, files: &Files, world: &World) {
    let names: Vec<_> =
        disk.names().into_iter().filter(|n| n.ends_with(".seg") || n.ends_with(".idx")).collect();
    if names.is_empty() {
        return;
    }
    let name = &names[world.luck.below(names.len() as u64) as usize];
    let known = locked(files).get(name).cloned();
    let bytes = disk.bytes(name);
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let end = match known.filter(|_| name.ends_with(".seg")) {
        Some(known) => {
            let [before, last] = *locked(&known.newest);
            used.min(before.min(last) as usize)
        }
        None => used,
    };
    if end > 0 {
        let (at, bit) = (world.luck.below(end as u64) as usize, world.luck.below(8));
        disk.change(name, |bytes| bytes[at] ^= 1 << bit);
        world.damage();
        world.fault(format_args!("bit {bit} of byte {at} of {name} flips"));
    }
}

fn run<T>(
    world: &World,
    call: Call,
    name: &str,
    done: impl FnOnce() -> io::Result<T>,
    half: impl FnOnce(),
) -> io::Result<T> {
    let error = io::Error::from_raw_os_error;
    match world.fate(call, name) {
        Fate::Done => done(),
        Fate::Refused(code) => Err(error(code)),
        Fate::Half(code) => {
            half();
            Err(error(code))
        }
        Fate::DoneAndFailed(code) => done().and_then(|_| Err(error(code))),
        Fate::Death => {
            half();
            Err(error(5))
        }
    }
}

impl WeatherDisk {
    fn run<T>(&self, name: &str, done: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        run(&self.world, Call::Directory, name, done, || ())
    }

    fn file(&self, name: &str, file: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        let known = Arc::clone(locked(&self.files).entry(name.to_owned()).or_default());
        name.clone_into(&mut locked(&known.name));
        Box::new(WeatherFile { file, known, world: Arc::clone(&self.world), disk: self.disk.clone() })
    }
}

impl Disk for WeatherDisk {
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = self.run(name, || self.disk.create(name))?;
        locked(&self.files).remove(name);
        Ok(self.file(name, file))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        run(&self.world, Call::Read, name, || self.disk.open(name), || ()).map(|file| self.file(name, file))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        run(&self.world, Call::Read, "", || self.disk.list(), || ())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let rename = || {
            self.disk.rename(from, to)?;
            let mut files = locked(&self.files);
            if let Some(known) = files.remove(from) {
                to.clone_into(&mut locked(&known.name));
                files.insert(to.to_owned(), known);
            }
            Ok(())
        };
        self.run(to, rename)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.run(name, || self.disk.remove(name))
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.run("", || self.disk.sync_dir())
    }
}

struct WeatherFile {
    file: Box<dyn DiskFile>,
    known: Arc<Known>,
    world: Arc<World>,
    disk: MemoryDisk,
}

impl WeatherFile {
    fn name(&self) -> String {
        locked(&self.known.name).clone()
    }
}

/// Where a half-done write of `bytes` stops, somewhere before the zeros at their end.
fn part_of(bytes: &[u8], world: &World) -> usize {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(bytes.len(), |last| last + 1);
    world.luck.below(end as u64 + 1) as usize
}

impl DiskFile for WeatherFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        run(&self.world, Call::Read, &self.name(), || self.file.read_exact_at(buffer, offset), || ())
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        {
            let mut newest = locked(&self.known.newest);
            // A write that is tried again is one write.
            if newest[1] != offset {
                *newest = [newest[1], offset];
            }
        }
        let half = || {
            // A disk in memory takes every write.
            let _ = self.file.write_all_at(&bytes[..part_of(bytes, &self.world)], offset);
        };
        run(&self.world, Call::Write, &self.name(), || self.file.write_all_at(bytes, offset), half)
    }

    fn sync_data(&self) -> io::Result<()> {
        // After a failed sync a kernel may take what was not written for written.
        let half = || self.disk.forget_unsynced_writes();
        run(&self.world, Call::Sync, &self.name(), || self.file.sync_data(), half)
    }

    fn size(&self) -> io::Result<u64> {
        run(&self.world, Call::Read, &self.name(), || self.file.size(), || ())
    }
}
