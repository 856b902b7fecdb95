//! Labelled sets: JSON lines, plain or gzipped.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, bail};
use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::Value;
use tidegate_training::data::Row;

/// A row, and what only the scanner's sets say of it.
#[derive(Deserialize)]
pub(super) struct Labelled {
    #[serde(flatten)]
    pub(super) row: Row,
    /// Stretches with their entity, where the set has them.
    #[serde(default)]
    spans: Value,
}

/// A stretch of a text, in bytes.
pub(super) struct Stretch {
    pub(super) entity: String,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Labelled {
    /// The labelled stretches; the set gives them in characters.
    pub(super) fn stretches(&self) -> Vec<Stretch> {
        let text = &self.row.text;
        let byte = |chars: u64| text.char_indices().nth(chars as usize).map_or(text.len(), |(at, _)| at);
        let stretch = |span: &Value| {
            Some(Stretch {
                entity: span["type"].as_str()?.to_owned(),
                start: byte(span["start"].as_u64()?),
                end: byte(span["end"].as_u64()?),
            })
        };
        self.spans.as_array().map(Vec::as_slice).unwrap_or_default().iter().filter_map(stretch).collect()
    }

    /// True if a stretch names its entity.
    pub(super) fn names_entities(&self) -> bool {
        !self.stretches().is_empty()
    }
}

/// A set: its name and its rows.
pub(super) struct Set {
    pub(super) name: String,
    pub(super) rows: Vec<Labelled>,
}

impl Set {
    /// True if some row has one of `labels`.
    pub(super) fn has(&self, labels: &[&str]) -> bool {
        self.rows.iter().any(|labelled| labels.iter().any(|label| labelled.row.has(label)))
    }
}

/// Reads a set.
pub(super) fn set(path: &Path) -> anyhow::Result<Set> {
    let shown = || path.display().to_string();
    let file = File::open(path).with_context(shown)?;
    let is_packed = path.extension().is_some_and(|end| end == "gz");
    let reader: Box<dyn Read> = if is_packed { Box::new(GzDecoder::new(file)) } else { Box::new(file) };
    let mut rows = Vec::new();
    for (number, line) in BufReader::new(reader).lines().enumerate() {
        let line = line.with_context(shown)?;
        if !line.trim().is_empty() {
            let row = serde_json::from_str(&line);
            rows.push(row.with_context(|| format!("{}: line {} is no labelled row", shown(), number + 1))?);
        }
    }
    if rows.is_empty() {
        bail!("{} holds no rows", shown());
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = name.split('.').next().unwrap_or_default().to_owned();
    Ok(Set { name, rows })
}
