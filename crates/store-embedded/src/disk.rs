//! A directory of files as a parameter, so that tests and the simulator can hold the disk.

use std::fs::{File, OpenOptions};
use std::io;
use std::num::NonZeroU64;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::Advice;

/// One directory. Names are plain file names in it.
pub trait Disk: Send + Sync + 'static {
    /// Makes a new file; fails if it exists.
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    /// Makes a new file of `size` zeros; durable but for its name. What was made stays if a step fails.
    fn create_zeroed(&self, name: &str, size: u64) -> io::Result<Box<dyn DiskFile>> {
        let file = self.create(name)?;
        zero(file.as_ref(), 0, size)?;
        Ok(file)
    }
    /// Opens an existing file to read, and to write if the directory is one to write to.
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    /// The names of all files, in no order.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Renames a file, replacing another of the new name. Durable after [`Disk::sync_dir`].
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file. Durable after [`Disk::sync_dir`].
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes creations, renames and removals durable.
    fn sync_dir(&self) -> io::Result<()>;
}

/// One open file.
pub trait DiskFile: Send + Sync {
    /// Fills `buffer` from `offset` on; `UnexpectedEof` if the file is shorter.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
    /// Writes all of `bytes` at `offset`.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes what was written durable.
    fn sync_data(&self) -> io::Result<()>;
    /// The file's length in bytes.
    fn size(&self) -> io::Result<u64>;
    /// The file's bytes will hardly be read soon: their memory may serve others. A hint, and nothing but a hint.
    fn forget(&self) {}
    /// These bytes will be read next: the disk may fetch them together with others. A hint, and nothing but a hint.
    fn will_need(&self, _offset: u64, _len: u64) {}
}

/// Zeros are written in steps of this size, each synced, so that a foreground sync never waits for a whole file.
const ZERO_STEP_BYTES: usize = 1 << 20;

/// Zeros at an address that direct writes accept.
#[repr(C, align(4096))]
struct Zeros([u8; ZERO_STEP_BYTES]);
static ZEROS: Zeros = Zeros([0; ZERO_STEP_BYTES]);

/// Writes zeros from `start` to `end`, durably.
fn zero(file: &dyn DiskFile, start: u64, end: u64) -> io::Result<()> {
    let mut at = start;
    while at < end {
        let step = (end - at).min(ZERO_STEP_BYTES as u64);
        file.write_all_at(&ZEROS.0[..step as usize], at)?;
        file.sync_data()?;
        at += step;
    }
    Ok(())
}

/// Makes the directory `dir` and those above it that are missing, so that a power cut does not take them again.
pub fn make_dir(dir: &Path) -> io::Result<()> {
    let missing = dir.ancestors().take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists()).count();
    std::fs::create_dir_all(dir)?;
    for made in dir.ancestors().take(missing) {
        let parent = made.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}

/// A directory of the operating system.
pub struct RealDisk {
    dir: PathBuf,
    writable: bool,
    /// The directory itself, open: to sync it must not need a free place for one more open file.
    /// Only looked at, it is not synced, and may be missing: then `None`.
    handle: Option<File>,
}

impl RealDisk {
    /// The directory `dir`, made (durably) if it is not there.
    pub fn open(dir: &Path) -> io::Result<Self> {
        make_dir(dir)?;
        Ok(Self { dir: dir.to_owned(), writable: true, handle: Some(File::open(dir)?) })
    }

    /// The directory `dir` to look at: its files are opened to read, so it may lie on a read-only file system.
    pub fn to_read(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), writable: false, handle: None }
    }

    fn options(&self) -> OpenOptions {
        let mut options = OpenOptions::new();
        // Events are private: nobody but the owner reads the files.
        options.read(true).write(self.writable).mode(0o600);
        options
    }
}

impl RealDisk {
    /// Writes zeros past the system's cache, as far as the file system can: a segment's worth of them would cost the
    /// writer a core's time and push what is read out of memory. Returns where it stopped.
    fn zero_directly(&self, name: &str, size: u64) -> io::Result<u64> {
        let direct = rustix::fs::OFlags::DIRECT.bits() as i32;
        let Ok(file) = self.options().custom_flags(direct).open(self.dir.join(name)) else { return Ok(0) };
        let whole = size - size % ZERO_STEP_BYTES as u64;
        match zero(&RealFile(file), 0, whole) {
            Ok(()) => Ok(whole),
            // Some file systems open and then refuse.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(0),
            Err(error) => Err(error),
        }
    }
}

impl Disk for RealDisk {
    fn create_zeroed(&self, name: &str, size: u64) -> io::Result<Box<dyn DiskFile>> {
        let file = self.create(name)?;
        let done = self.zero_directly(name, size)?;
        zero(file.as_ref(), done, size)?;
        Ok(file)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(RealFile(self.options().create_new(true).open(self.dir.join(name))?)))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(RealFile(self.options().open(self.dir.join(name))?)))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.dir)? {
            let entry = entry?;
            // Follows links: a segment that was moved to another disk and linked back is still ours.
            if std::fs::metadata(entry.path()).is_ok_and(|file| file.is_file()) {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        Ok(names)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.dir.join(from), self.dir.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.dir.join(name))
    }

    fn sync_dir(&self) -> io::Result<()> {
        match &self.handle {
            Some(handle) => handle.sync_all(),
            None => File::open(&self.dir)?.sync_all(),
        }
    }
}

struct RealFile(File);

impl DiskFile for RealFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn forget(&self) {
        advise(&self.0, 0, 0, Advice::DontNeed);
    }

    fn will_need(&self, offset: u64, len: u64) {
        advise(&self.0, offset, len, Advice::WillNeed);
    }
}

/// Tells the system how `len` bytes will be used, 0: all from `offset` on.
fn advise(file: &File, offset: u64, len: u64, advice: Advice) {
    if let Err(error) = rustix::fs::fadvise(file, offset, NonZeroU64::new(len), advice) {
        tracing::debug!(error = %error, "the system took no advice about a file");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_made_with_those_above_it() {
        let above = tempfile::tempdir().unwrap();
        let dir = above.path().join("a/b");
        for _ in 0..2 {
            let disk = RealDisk::open(&dir).unwrap();
            assert!(disk.list().unwrap().is_empty());
        }
    }

    #[test]
    fn only_files_are_listed_and_links_to_them() {
        let dir = tempfile::tempdir().unwrap();
        let disk = RealDisk::open(&dir.path().join("log")).unwrap();
        disk.create("file").unwrap();
        std::fs::create_dir(dir.path().join("log/dir")).unwrap();
        std::fs::write(dir.path().join("elsewhere"), "x").unwrap();
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), dir.path().join("log/link")).unwrap();
        std::os::unix::fs::symlink("nowhere", dir.path().join("log/broken")).unwrap();
        let mut names = disk.list().unwrap();
        names.sort();
        assert_eq!(names, ["file", "link"]);
    }

    #[test]
    fn a_zeroed_file_has_its_size_and_only_zeros() {
        let dir = tempfile::tempdir().unwrap();
        let disk = RealDisk::open(dir.path()).unwrap();
        for (name, size) in [("empty", 0), ("odd", 70_001), ("large", 3 * ZERO_STEP_BYTES as u64 + 5)] {
            let file = disk.create_zeroed(name, size).unwrap();
            let mut bytes = vec![1; size as usize];
            file.read_exact_at(&mut bytes, 0).unwrap();
            assert!(file.size().unwrap() == size && bytes.iter().all(|byte| *byte == 0), "{name}");
            assert!(disk.create_zeroed(name, size).is_err(), "{name} is there");
        }
    }

    #[test]
    fn nobody_else_may_read_a_file() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        RealDisk::open(dir.path()).unwrap().create("file").unwrap();
        let mode = std::fs::metadata(dir.path().join("file")).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0);
    }
}
