//! Writing a backup: under a temporary name until it is whole and on the disk.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};
use tidegate_domain::entry::Entry;
use tidegate_domain::id::Position;
use tidegate_domain::ports::{Clock, Control};
use zstd::stream::write::Encoder;

use super::{Header, Item, MAGIC, Progress, Trailer, embedded, postgres};
use crate::clock::SystemClock;
use crate::config::Config;

/// zstd's own default: beyond it, backups take longer and are hardly smaller.
const COMPRESSION_LEVEL: i32 = 3;

/// What was saved.
#[derive(Clone, Debug)]
pub struct Saved {
    /// Where it is.
    pub file: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// What it says of itself.
    pub header: Header,
    /// How much is in it.
    pub trailer: Trailer,
}

/// Saves the stores of `config` to `to`: a new file, or a folder that gets one.
///
/// A server may run on them. Errors: the stores cannot be read, or the file cannot be written; then there is none.
pub async fn save(config: &Config, to: &Path, progress: &mut dyn Progress) -> anyhow::Result<Saved> {
    if config.store.url.is_empty() {
        embedded::save(config, to, progress).await
    } else {
        postgres::save(config, to, progress).await
    }
}

/// Passes bytes on and digests them.
struct Digesting {
    out: BufWriter<File>,
    digest: Sha256,
    bytes: u64,
}

impl Write for Digesting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write_all(bytes)?;
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A backup in the making; dropped before [`Writer::finish`], nothing of it remains.
pub(super) struct Writer<'a> {
    encoder: Option<Encoder<'static, Digesting>>,
    file: PathBuf,
    header: Header,
    trailer: Trailer,
    progress: &'a mut dyn Progress,
}

impl<'a> Writer<'a> {
    /// Begins a backup of the log `first..tail` of `store`.
    pub(super) fn begin(
        to: &Path,
        store: &str,
        [first, tail]: [Position; 2],
        progress: &'a mut dyn Progress,
    ) -> anyhow::Result<Self> {
        let (program, store) = (env!("CARGO_PKG_VERSION").to_owned(), store.to_owned());
        let header = Header { program, store, created_at: SystemClock.now(), first, tail };
        let file = if to.is_dir() { to.join(name(&header)) } else { to.to_owned() };
        if file.exists() {
            bail!("{} exists already: name a new file", file.display());
        }
        // What is in it is as private as what it was taken from.
        let out = File::options().write(true).create(true).truncate(true).mode(0o600).open(partial(&file));
        let out = out.with_context(|| format!("{} cannot be made", partial(&file).display()))?;
        let mut out = Digesting { out: BufWriter::new(out), digest: Sha256::new(), bytes: 0 };
        out.write_all(&MAGIC)?;
        let mut encoder = Encoder::new(out, COMPRESSION_LEVEL)?;
        Item::Header(header.clone()).write(&mut encoder)?;
        Ok(Self { encoder: Some(encoder), file, header, trailer: Trailer::default(), progress })
    }

    fn put(&mut self, item: &Item) -> io::Result<()> {
        self.encoder.as_mut().map_or(Ok(()), |encoder| item.write(encoder))
    }

    /// Adds a record.
    pub(super) fn add(&mut self, entry: Entry) -> io::Result<()> {
        self.trailer.records += 1;
        self.progress.at(entry.position, self.header.first, self.header.tail);
        self.put(&Item::Record(entry))
    }

    /// Adds projects, keys and exemplars, and makes the file durable under its name.
    pub(super) async fn finish(mut self, control: &dyn Control) -> anyhow::Result<Saved> {
        for project in control.projects().await? {
            self.trailer.projects += 1;
            self.put(&Item::Project(project))?;
        }
        for key in control.keys().await? {
            self.trailer.keys += 1;
            self.put(&Item::Key(key))?;
        }
        for exemplar in control.all_exemplars().await? {
            self.trailer.exemplars += 1;
            self.put(&Item::Exemplar(exemplar))?;
        }
        self.put(&Item::Trailer(self.trailer))?;
        let bytes = self.seal().with_context(|| format!("{} cannot be written", self.file.display()))?;
        Ok(Saved { file: self.file.clone(), bytes, header: self.header.clone(), trailer: self.trailer })
    }

    /// Writes the digest; the size of the file.
    fn seal(&mut self) -> io::Result<u64> {
        let Some(encoder) = self.encoder.take() else { return Ok(0) };
        let Digesting { mut out, digest, bytes } = encoder.finish()?;
        let digest = digest.finalize();
        out.write_all(&digest)?;
        out.into_inner()?.sync_all()?;
        std::fs::rename(partial(&self.file), &self.file)?;
        let folder = self.file.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(bytes + digest.len() as u64)
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        // Nothing is there any more once it is whole.
        let _ = std::fs::remove_file(partial(&self.file));
    }
}

/// The file's name until it is whole.
fn partial(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

/// A name that sorts by time.
fn name(header: &Header) -> String {
    let time = header.created_at.to_rfc3339().replace([':', '.'], "-");
    format!("tidegate-{time}.backup")
}
