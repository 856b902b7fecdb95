//! Restoring a backup, whole or up to a moment.

use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, bail};
use tidegate_domain::entry::Entry;
use tidegate_domain::id::Position;
use tidegate_domain::label::Label;
use tidegate_domain::ports::{KeyRecord, Project};
use tidegate_domain::time::UnixMs;

use super::{Header, Item, Progress, Reader, embedded, postgres};
use crate::config::Config;

/// Where history ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Before this position.
    Position(Position),
    /// Before this moment.
    Time(UnixMs),
}

/// Neither a position nor a time.
#[derive(Debug, thiserror::Error)]
#[error("expected a position, for example 1000, or a time, for example 2026-01-31T12:00:00Z")]
pub struct NotAnEnd;

impl FromStr for Until {
    type Err = NotAnEnd;

    fn from_str(text: &str) -> Result<Self, NotAnEnd> {
        if let Ok(position) = text.parse() {
            return Ok(Self::Position(Position(position)));
        }
        UnixMs::parse(text).map(Self::Time).ok_or(NotAnEnd)
    }
}

impl Until {
    fn is_past(self, entry: &Entry) -> bool {
        match self {
            Self::Position(end) => entry.position >= end,
            Self::Time(end) => entry.recorded_at >= end,
        }
    }
}

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// What the backup says of itself.
    pub header: Header,
    /// Where the restored log ends.
    pub tail: Position,
    /// Number of records.
    pub records: u64,
    /// Number of projects.
    pub projects: usize,
    /// Number of keys.
    pub keys: usize,
}

/// Restores `file` into the stores of `config`, which must be empty; only what lies before `until`, if it is given.
///
/// Errors: the file is damaged or no backup, the stores hold something, or they cannot be written. Nothing that a server
/// would take for whole remains then.
pub async fn restore(
    config: &Config,
    file: &Path,
    until: Option<Until>,
    progress: &mut dyn Progress,
) -> anyhow::Result<Restored> {
    let reader = Reader::open(file).with_context(|| file.display().to_string())?;
    let source = Source::new(reader, until, progress);
    if config.store.url.is_empty() {
        embedded::restore(config, source).await
    } else {
        postgres::restore(config, source).await
    }
}

/// What of a backup is not of the log.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) projects: Vec<Project>,
    pub(super) keys: Vec<KeyRecord>,
    pub(super) labels: Vec<Label>,
}

/// What of a backup is restored.
pub(super) struct Source<'a> {
    reader: Reader,
    until: Option<Until>,
    progress: &'a mut dyn Progress,
    /// The part after the last record.
    pending: Option<Item>,
    next: Position,
    records: u64,
}

impl<'a> Source<'a> {
    fn new(reader: Reader, until: Option<Until>, progress: &'a mut dyn Progress) -> Self {
        let next = reader.header().first;
        Self { reader, until, progress, pending: None, next, records: 0 }
    }

    /// Where the log begins.
    pub(super) fn first(&self) -> Position {
        self.reader.header().first
    }

    /// The next record to restore; `None` after the last.
    pub(super) fn next_record(&mut self) -> anyhow::Result<Option<Entry>> {
        loop {
            match self.reader.next().transpose()? {
                Some(Item::Record(entry)) => {
                    let Header { first, tail, .. } = *self.reader.header();
                    self.progress.at(entry.position, first, tail);
                    if self.until.is_some_and(|until| until.is_past(&entry)) {
                        continue;
                    }
                    if entry.position < self.next {
                        bail!("the backup's records are not in order");
                    }
                    self.next = entry.position.next();
                    self.records += 1;
                    return Ok(Some(entry));
                }
                other => {
                    self.pending = other;
                    return Ok(None);
                }
            }
        }
    }

    /// What was restored, and what to restore of Control: all projects and keys, as they were last, and the labels that
    /// lie before the end.
    pub(super) fn finish(mut self) -> anyhow::Result<(Restored, Kept)> {
        let header = self.reader.header().clone();
        if self.until.is_some() && self.records == 0 {
            let first = header.first;
            bail!("nothing of this backup lies before --until: it begins at position {first}");
        }
        let (mut kept, mut labels) = (Kept::default(), Vec::new());
        let pending = self.pending.take().map(Ok);
        for item in pending.into_iter().chain(self.reader.by_ref()) {
            match item? {
                Item::Project(project) => kept.projects.push(project),
                Item::Key(key) => kept.keys.push(key),
                Item::Exemplar(exemplar) => labels.extend(exemplar.into_labels()),
                Item::Trailer(_) => {}
                Item::Header(_) | Item::Record(_) => bail!("the backup's parts are not in order"),
            }
        }
        let tail = if self.until.is_some() { self.next } else { header.tail };
        let is_before = |label: &Label| match label {
            Label::Added(exemplar) => exemplar.position < tail,
            Label::Removed { at, .. } => *at < tail,
        };
        kept.labels = labels.into_iter().filter(is_before).collect();
        let (projects, keys) = (kept.projects.len(), kept.keys.len());
        Ok((Restored { header, tail, records: self.records, projects, keys }, kept))
    }
}
