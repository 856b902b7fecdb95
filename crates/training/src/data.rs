//! Labelled rows: JSON lines, plain or gzipped, of texts and of whole sessions.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use serde::Deserialize;

/// One labelled text.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Row {
    /// Unique in its set.
    pub id: String,
    /// What is to be screened.
    #[serde(default)]
    pub text: String,
    /// What people say it is.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Labels that nobody decided on: neither there nor absent.
    #[serde(default)]
    pub unknown: Vec<String>,
    /// What kind of row of its set it is.
    #[serde(default)]
    pub kind: Option<String>,
    /// Rows of one group are alike and belong into one fold.
    #[serde(default)]
    pub group: Option<String>,
    /// HateCheck's name for what the row tests.
    #[serde(default)]
    pub functionality: Option<String>,
    /// False where the label is a guess.
    #[serde(default = "yes")]
    pub certain: bool,
    /// Who labelled a session: `hand` for those that were read one by one.
    #[serde(default)]
    pub label_by: Option<String>,
    /// The template of an attack on an agent.
    #[serde(default)]
    pub attack_type: Option<String>,
    /// What an attack on an agent wants it to do.
    #[serde(default)]
    pub injection_task: Option<String>,
    /// What the source said besides.
    #[serde(default)]
    pub raw: serde_json::Value,
    /// The turns of a session, in place of a text.
    #[serde(default)]
    pub turns: Vec<Turn>,
}

fn yes() -> bool {
    true
}

/// One turn of a session.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Turn {
    /// `user`, `assistant`, `tool` or `system`.
    #[serde(default)]
    pub role: String,
    /// What was said.
    #[serde(default)]
    pub content: String,
}

impl Row {
    /// Whether people gave it this label.
    pub fn has(&self, label: &str) -> bool {
        self.labels.iter().any(|own| own == label)
    }
}

/// Why rows cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The file cannot be read. May be retried.
    #[error("cannot read {path}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// A line is no row. Not retried: the file stays wrong.
    #[error("{path}: line {line} is no row")]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

/// Reads the set `name` from `dir`: `name.jsonl`, or else `name.jsonl.gz`. Errors as [`read`].
pub fn read_set(dir: &Path, name: &str) -> Result<Vec<Row>, DataError> {
    let plain = dir.join(format!("{name}.jsonl"));
    if plain.exists() { read(&plain) } else { read(&dir.join(format!("{name}.jsonl.gz"))) }
}

/// Reads all rows of a file, gzipped if its name ends in `.gz`.
///
/// - Errors: the file cannot be read, or a line is no JSON object with an `id`.
pub fn read(path: &Path) -> Result<Vec<Row>, DataError> {
    let failed = |source| DataError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let reader: Box<dyn Read> = if path.extension().is_some_and(|end| end == "gz") {
        Box::new(GzDecoder::new(file))
    } else {
        Box::new(file)
    };
    let mut rows = Vec::new();
    for (nth, line) in BufReader::new(reader).lines().enumerate() {
        let line = line.map_err(failed)?;
        if !line.trim().is_empty() {
            let row = serde_json::from_str(&line);
            rows.push(row.map_err(|source| DataError::Line {
                path: path.to_owned(),
                line: nth + 1,
                source,
            })?);
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    const LINES: &str = "{\"id\":\"a\",\"text\":\"hi\",\"labels\":[\"SPAM\"],\"more\":1}\n\n{\"id\":\"b\",\"certain\":false}\n";

    #[test]
    fn plain_and_gzipped_files_read_alike() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("one.jsonl"), LINES).unwrap();
        let mut packed =
            GzEncoder::new(File::create(dir.path().join("two.jsonl.gz")).unwrap(), Compression::fast());
        packed.write_all(LINES.as_bytes()).unwrap();
        packed.finish().unwrap();
        let rows = read_set(dir.path(), "one").unwrap();
        assert_eq!(rows, read_set(dir.path(), "two").unwrap());
        assert!(rows[0].has("SPAM") && rows[0].certain && !rows[1].certain);
    }

    #[test]
    fn a_broken_line_is_named_and_a_missing_file_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("bad.jsonl"), "{\"id\":\"a\"}\n{]\n").unwrap();
        assert!(matches!(read_set(dir.path(), "bad").unwrap_err(), DataError::Line { line: 2, .. }));
        assert!(matches!(read_set(dir.path(), "none").unwrap_err(), DataError::Read { .. }));
    }
}
