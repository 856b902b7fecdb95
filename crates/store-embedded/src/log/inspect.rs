//! Looking at a log without touching it: what `tidegate doctor` says.

use std::io;

use tidegate_domain::id::Position;

use super::index::{Epochs, SealedIndex};
use super::recovery::{OpenError, begins_at, end_is_missing, open_file, segments_from};
use super::scan::{Scan, scan};
use super::segment::{
    SPARE_NAME, SegmentHeader, mark_name, parse_index_name, parse_mark_name, parse_segment_name, segment_name,
};
use crate::disk::{Disk, DiskFile};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// As it should be.
    Fine,
    /// Worth knowing; Tidegate deals with it by itself.
    Note,
    /// Something is damaged or missing; a server starts all the same and serves the rest.
    Damage,
    /// No server starts on it until a person has decided.
    Blocking,
}

/// One thing that an inspection found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The file it is about.
    pub file: String,
    /// What it is, in words, and what to do.
    pub detail: String,
}

impl Finding {
    /// A finding about `file`.
    pub fn new(severity: Severity, file: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { severity, file: file.into(), detail: detail.into() }
    }
}

/// What was found in a log.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// File by file.
    pub findings: Vec<Finding>,
    /// The position after its last one.
    pub end: Position,
}

/// Reads every byte of the log on `disk` and says what it finds. Changes nothing. Cost: reads the whole log.
pub fn inspect(disk: &dyn Disk) -> io::Result<Inspection> {
    let mut names = disk.list()?;
    names.sort_unstable();
    let begin = begins_at(&names);
    let named = segments_from(&names, begin);
    let mut findings: Vec<Finding> =
        names.iter().filter_map(|name| about_name(name, begin, &named)).collect();
    let firsts = usable(disk, &named, &mut findings)?;
    let mut end = begin;
    for (number, first) in firsts.iter().enumerate() {
        let mut about = About::new(segment_name(*first), &mut findings);
        end = segment(disk, *first, end, firsts.get(number + 1).copied(), &mut about)?;
    }
    if let Some(error) = end_is_missing(&names, &named, begin) {
        let file = error.file().unwrap_or_default().to_owned();
        findings.push(Finding::new(Severity::Blocking, file, error.to_string()));
    }
    Ok(Inspection { findings, end: Position(end) })
}

/// The segments that are what their names say. The other ones must not cast doubt on their neighbours.
fn usable(disk: &dyn Disk, named: &[u64], findings: &mut Vec<Finding>) -> io::Result<Vec<u64>> {
    let mut firsts = Vec::new();
    for first in named {
        match open_file(disk, *first) {
            Ok(_) => firsts.push(*first),
            Err(OpenError::Io(error)) => return Err(error),
            Err(error) => {
                findings.push(Finding::new(Severity::Blocking, segment_name(*first), error.to_string()));
            }
        }
    }
    Ok(firsts)
}

/// What to say of a file for its name alone; nothing of a segment of the log, which is looked into.
fn about_name(name: &str, begin: u64, firsts: &[u64]) -> Option<Finding> {
    let say = |severity, detail: String| Some(Finding::new(severity, name, detail));
    let (segment, index, mark) = (parse_segment_name(name), parse_index_name(name), parse_mark_name(name));
    if name == "LOCK" || segment.is_some_and(|first| first >= begin) {
        return None;
    }
    if let Some(first) = mark {
        let detail = match first == begin {
            true => format!("the log begins at position {first}: retention has deleted what was before"),
            false => "an older mark of retention; ignored, safe to delete".to_owned(),
        };
        return say(Severity::Fine, detail);
    }
    if segment.or(index).is_some_and(|first| first < begin) {
        let mark = mark_name(begin);
        let detail = format!(
            "before the beginning of the log ({mark}): a deletion has left it; ignored, deleted by the next retention"
        );
        return say(Severity::Note, detail);
    }
    if name.ends_with(".torn") {
        let detail = "cut from a torn tail, never acknowledged; safe to delete once looked at";
        return say(Severity::Note, detail.to_owned());
    }
    if name == SPARE_NAME || name.strip_suffix(".tmp").is_some_and(|name| parse_index_name(name).is_some()) {
        return say(Severity::Fine, "work in progress, replaced when it is needed".to_owned());
    }
    match index {
        Some(first) if firsts.contains(&first) => None,
        Some(_) => say(Severity::Note, "the index of a segment that is not here; ignored".to_owned()),
        None => say(Severity::Note, "not a file of the log; ignored".to_owned()),
    }
}

/// The findings, and the segment that the next ones are about.
struct About<'a> {
    name: String,
    findings: &'a mut Vec<Finding>,
    worst: Severity,
}

impl<'a> About<'a> {
    fn new(name: String, findings: &'a mut Vec<Finding>) -> Self {
        Self { name, findings, worst: Severity::Fine }
    }

    fn say(&mut self, severity: Severity, detail: impl Into<String>) {
        self.worst = self.worst.max(severity);
        self.findings.push(Finding::new(severity, self.name.clone(), detail));
    }
}

/// Inspects one segment and returns where it ends.
fn segment(
    disk: &dyn Disk,
    first: u64,
    end: u64,
    next: Option<u64>,
    about: &mut About<'_>,
) -> io::Result<u64> {
    if first > end {
        about.say(Severity::Damage, format!("positions {end}..{first} before it are missing"));
    } else if first < end {
        let name = about.name.clone();
        about.say(Severity::Blocking, OpenError::Overlap { name, first, end }.to_string());
    }
    let (file, header) = open_file(disk, first).map_err(io::Error::other)?;
    about_file(file.as_ref(), &header, about)?;
    let scanned = scan(file.as_ref(), &header, next)?;
    about_frames(&scanned, about);
    let mut end = scanned.index.end();
    if next.is_some() {
        match SealedIndex::open(disk, &header, &Epochs::default())? {
            Some(index) if index.end() > end => {
                let lost = format!(
                    "positions {end}..{} at its end are missing: it was cut, or is an older copy",
                    index.end()
                );
                about.say(Severity::Damage, lost);
                end = index.end();
            }
            Some(index) if index.end() == end => {}
            _ => about.say(Severity::Note, "its index is missing or damaged; made again at the next start"),
        }
    }
    // A damaged one is not called fine in the same breath.
    if about.worst < Severity::Damage {
        about.say(Severity::Fine, format!("{} positions, {} bytes", end - first, scanned.end_byte));
    }
    Ok(end)
}

fn about_file(file: &dyn DiskFile, header: &SegmentHeader, about: &mut About<'_>) -> io::Result<()> {
    if !SegmentHeader::is_intact(file)? {
        about.say(Severity::Note, "one of the two copies of its header is damaged; the other one is used");
    }
    let (size, promised) = (file.size()?, header.size);
    if size < promised {
        let detail = format!("it has {size} bytes of the {promised} it was made with: its end was cut off");
        about.say(Severity::Damage, detail);
    }
    Ok(())
}

fn about_frames(scanned: &Scan, about: &mut About<'_>) {
    for d in scanned.damage.iter().filter(|d| d.from_position < d.to_position) {
        let (from, to, from_byte, to_byte) = (d.from_position, d.to_position, d.from_byte, d.to_byte);
        let detail = format!(
            "positions {from}..{to} (bytes {from_byte}..{to_byte}) are damaged; the rest is readable"
        );
        about.say(Severity::Damage, detail);
    }
    if let Some(torn) = scanned.torn {
        let detail = format!(
            "bytes {}..{} are a write that never finished ({} whole records, none acknowledged); cut at the next start",
            torn.from_byte, torn.to_byte, torn.whole_records
        );
        about.say(Severity::Note, detail);
    }
}
