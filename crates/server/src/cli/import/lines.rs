//! Lines of files, one at a time, whatever the size of the file; gzip is recognised by its first bytes.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use flate2::bufread::MultiGzDecoder;
use indicatif::ProgressBar;

/// Largest line; the door takes no larger body.
const LINE_MAX_BYTES: usize = 8 << 20;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The files of an import, all opened before the first row is sent.
pub(super) struct Files {
    files: Vec<(PathBuf, File, u64)>,
}

impl Files {
    /// Opens `paths`. Errors: one of them cannot be read, named.
    pub(super) fn open(paths: &[PathBuf]) -> anyhow::Result<Self> {
        let open = |path: &PathBuf| {
            let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
            let about = file.metadata().with_context(|| format!("cannot read {}", path.display()))?;
            if about.is_dir() {
                bail!("{} is a directory", path.display());
            }
            Ok((path.clone(), file, about.len()))
        };
        Ok(Self { files: paths.iter().map(open).collect::<anyhow::Result<_>>()? })
    }

    /// Size of all files, in bytes as they lie on disk.
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|(_, _, bytes)| bytes).sum()
    }

    /// The lines of each file, in order; `bar` hears of the bytes read.
    pub(super) fn into_lines(self, bar: &ProgressBar) -> impl Iterator<Item = anyhow::Result<Lines>> {
        self.files.into_iter().map(move |(path, file, _)| {
            Lines::open(&path, bar.wrap_read(file)).with_context(|| format!("cannot read {}", path.display()))
        })
    }
}

/// The lines of one file.
pub(super) struct Lines {
    /// Its path, for messages.
    pub(super) path: Arc<str>,
    /// Its name up to the first dot: the name of the data set.
    pub(super) stem: String,
    /// The number of the line last read; the first is 1.
    pub(super) number: u64,
    reader: Box<dyn BufRead + Send>,
    buffer: Vec<u8>,
}

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'l> {
    /// Its text, trimmed.
    Text(&'l str),
    /// It is larger than a line may be, or no UTF-8; says which.
    Unreadable(String),
}

impl Lines {
    fn open(path: &Path, file: impl Read + Send + 'static) -> io::Result<Self> {
        let mut reader = BufReader::with_capacity(1 << 16, file);
        let is_gzip = reader.fill_buf()?.starts_with(&GZIP_MAGIC);
        let reader: Box<dyn BufRead + Send> =
            if is_gzip { Box::new(BufReader::new(MultiGzDecoder::new(reader))) } else { Box::new(reader) };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let stem = name.split('.').next().unwrap_or_default().to_owned();
        Ok(Self { path: path.display().to_string().into(), stem, number: 0, reader, buffer: Vec::new() })
    }

    /// The next line that is not blank, and its number; `None` at the end. Errors: the file cannot be read on.
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, Line<'_>)>> {
        loop {
            self.buffer.clear();
            let limit = LINE_MAX_BYTES as u64 + 1;
            let read = self.reader.by_ref().take(limit).read_until(b'\n', &mut self.buffer)?;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            if read > LINE_MAX_BYTES {
                self.skip_line()?;
                let why = format!("the line has more than {LINE_MAX_BYTES} bytes");
                return Ok(Some((self.number, Line::Unreadable(why))));
            }
            if !self.buffer.trim_ascii().is_empty() {
                break;
            }
        }
        let line = match std::str::from_utf8(&self.buffer) {
            Ok(text) => Line::Text(text.trim_start_matches('\u{feff}').trim_ascii()),
            Err(error) => Line::Unreadable(format!("not UTF-8 at byte {}", error.valid_up_to())),
        };
        Ok(Some((self.number, line)))
    }

    fn skip_line(&mut self) -> io::Result<()> {
        while self.buffer.last() != Some(&b'\n') {
            self.buffer.clear();
            if self.reader.by_ref().take(LINE_MAX_BYTES as u64).read_until(b'\n', &mut self.buffer)? == 0 {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn lines(bytes: &[u8]) -> Vec<(u64, String)> {
        let mut lines = Lines::open(Path::new("dir/set.jsonl"), io::Cursor::new(bytes.to_vec())).unwrap();
        let mut out = Vec::new();
        while let Some((number, line)) = lines.next().unwrap() {
            out.push((number, format!("{line:?}")));
        }
        out
    }

    #[test]
    fn blank_lines_are_skipped_and_still_counted() {
        let found = lines(b"\xef\xbb\xbf{}\r\n\n  \n[1]");
        assert_eq!(found, [(1, "Text(\"{}\")".into()), (4, "Text(\"[1]\")".into())]);
    }

    #[test]
    fn gzip_is_read_by_its_first_bytes_even_of_several_members() {
        let packed = |text: &str| {
            let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gz.write_all(text.as_bytes()).unwrap();
            gz.finish().unwrap()
        };
        let bytes = [packed("{\"a\":1}\n"), packed("{\"b\":2}\n")].concat();
        assert_eq!(
            lines(&bytes),
            [(1, "Text(\"{\\\"a\\\":1}\")".into()), (2, "Text(\"{\\\"b\\\":2}\")".into())]
        );
    }

    #[test]
    fn a_line_that_is_too_long_or_no_text_is_named_and_the_next_one_is_read() {
        let mut bytes = vec![b'x'; LINE_MAX_BYTES * 2 + 7];
        bytes.extend_from_slice(b"\n\xff\xfe\n{}\n");
        let found = lines(&bytes);
        assert_eq!(found.len(), 3);
        assert!(found[0].1.contains("more than 8388608 bytes"), "{}", found[0].1);
        assert!(found[1].1.contains("not UTF-8 at byte 0"), "{}", found[1].1);
        assert_eq!(found[2], (3, "Text(\"{}\")".into()));
    }
}
