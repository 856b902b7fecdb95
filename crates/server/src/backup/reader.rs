//! Reading a backup, which is checked as a whole before the first part is given.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use sha2::{Digest, Sha256};
use zstd::stream::read::Decoder;

use super::{DIGEST_BYTES, Header, Item, MAGIC, Trailer};

/// Why a file is no backup to restore from.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// It does not begin like one.
    #[error("this is not a backup")]
    NotABackup,
    /// It has another format.
    #[error("this backup has format {found}, this program knows format {}: use a newer program", MAGIC[7])]
    TooNew {
        /// The format it has.
        found: u8,
    },
    /// Its digest is not that of its bytes.
    #[error("this backup is damaged or was cut off: its digest is not that of its bytes")]
    Damaged,
    /// Its parts are not what they should be, though its digest holds: another program wrote it.
    #[error("this backup is not made as it should be: {0}")]
    Malformed(&'static str),
    /// The file cannot be read.
    #[error("this backup cannot be read")]
    Io(#[from] io::Error),
}

/// A backup whose digest holds. Iterating gives its parts after the header, the trailer too, which is checked.
pub struct Reader {
    stream: Decoder<'static, BufReader<io::Take<File>>>,
    header: Header,
    seen: Trailer,
    is_over: bool,
}

impl Reader {
    /// Opens a backup. Cost: reads the file once. Errors: [`BackupError`].
    pub fn open(path: &Path) -> Result<Self, BackupError> {
        let mut file = File::open(path)?;
        verify(&mut file)?;
        let len = file.metadata()?.len() - DIGEST_BYTES - MAGIC.len() as u64;
        file.seek(SeekFrom::Start(MAGIC.len() as u64))?;
        let mut stream = Decoder::new(file.take(len))?;
        let Item::Header(header) = Item::read(&mut stream)? else {
            return Err(BackupError::Malformed("it has no header"));
        };
        Ok(Self { stream, header, seen: Trailer::default(), is_over: false })
    }

    /// What it says of itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    fn part(&mut self) -> Result<Item, BackupError> {
        let item = Item::read(&mut self.stream)?;
        match &item {
            Item::Header(_) => return Err(BackupError::Malformed("it has two headers")),
            Item::Record(entry) => {
                self.seen.records += 1;
                if !(self.header.first..self.header.tail).contains(&entry.position) {
                    return Err(BackupError::Malformed("a record lies outside of its log"));
                }
            }
            Item::Project(_) => self.seen.projects += 1,
            Item::Key(_) => self.seen.keys += 1,
            Item::Exemplar(_) => self.seen.exemplars += 1,
            Item::Trailer(trailer) if *trailer != self.seen => {
                return Err(BackupError::Malformed("its counts are not those of its parts"));
            }
            Item::Trailer(_) => self.is_over = true,
        }
        Ok(item)
    }
}

impl Iterator for Reader {
    type Item = Result<Item, BackupError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let part = self.part();
        self.is_over |= part.is_err();
        Some(part)
    }
}

/// Checks the magic and the digest.
fn verify(file: &mut File) -> Result<(), BackupError> {
    let covered = file.metadata()?.len().checked_sub(DIGEST_BYTES).ok_or(BackupError::NotABackup)?;
    let mut magic = [0; MAGIC.len()];
    file.read_exact(&mut magic)?;
    let (name, version) = (MAGIC.len() - 1, magic[MAGIC.len() - 1]);
    if magic[..name] != MAGIC[..name] {
        return Err(BackupError::NotABackup);
    }
    let mut digest = Sha256::new();
    digest.update(magic);
    let mut rest = file.take(covered.saturating_sub(MAGIC.len() as u64));
    let mut chunk = vec![0; 1 << 20];
    loop {
        let read = rest.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        digest.update(&chunk[..read]);
    }
    let mut kept = [0; DIGEST_BYTES as usize];
    rest.into_inner().read_exact(&mut kept)?;
    if digest.finalize().as_slice() != kept {
        return Err(BackupError::Damaged);
    }
    if version == MAGIC[name] { Ok(()) } else { Err(BackupError::TooNew { found: version }) }
}
