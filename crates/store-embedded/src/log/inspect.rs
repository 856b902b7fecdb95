//! Looking at a log without touching it: what `tidegate doctor` says.

use std::io;

use super::recovery::{OpenError, open_file};
use super::scan::scan;
use super::index::SealedIndex;
use super::segment::{parse_segment_name, segment_name};
use crate::disk::Disk;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// As it should be.
    Fine,
    /// Worth knowing; Tidegate deals with it by itself.
    Note,
    /// Events are damaged or missing, or the log will not open.
    Damage,
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

/// Reads every byte of the log on `disk` and says what it finds. Changes nothing. Cost: reads the whole log.
pub fn inspect(disk: &dyn Disk) -> io::Result<Vec<Finding>> {
    let mut names = disk.list()?;
    names.sort_unstable();
    let firsts: Vec<u64> = names.iter().filter_map(|name| parse_segment_name(name)).collect();
    let mut findings: Vec<Finding> = names.iter().filter_map(|name| stranger(name, &firsts)).collect();
    let mut end = 0;
    for (number, first) in firsts.iter().enumerate() {
        let is_last = number + 1 == firsts.len();
        end = segment(disk, *first, end, is_last, &mut findings)?;
    }
    Ok(findings)
}

/// What to say of a file that is no segment.
fn stranger(name: &str, firsts: &[u64]) -> Option<Finding> {
    if parse_segment_name(name).is_some() {
        return None;
    }
    if name.ends_with(".torn") {
        let detail = "records cut from a torn tail, never acknowledged; safe to delete once looked at";
        return Some(Finding::new(Severity::Note, name, detail));
    }
    if name.ends_with(".tmp") {
        return Some(Finding::new(Severity::Fine, name, "work in progress, replaced at the next start"));
    }
    let of_segment = name.strip_suffix(".idx").and_then(|digits| digits.parse::<u64>().ok());
    match of_segment {
        Some(first) if firsts.contains(&first) => None,
        Some(_) => Some(Finding::new(Severity::Note, name, "the index of a segment that is not here; safe to delete")),
        None => Some(Finding::new(Severity::Note, name, "not a file of the log; ignored")),
    }
}

/// Inspects one segment and returns where it ends.
fn segment(disk: &dyn Disk, first: u64, end: u64, is_last: bool, findings: &mut Vec<Finding>) -> io::Result<u64> {
    let name = segment_name(first);
    let mut damage = |detail: String| findings.push(Finding::new(Severity::Damage, name.clone(), detail));
    if first > end {
        damage(format!("positions {end}..{first} before it are missing"));
    } else if first < end {
        damage(format!("overlaps the segment before it, which ends at {end}; one of them is from another time"));
    }
    let (file, header) = match open_file(disk, first) {
        Ok(opened) => opened,
        Err(OpenError::Io(error)) => return Err(error),
        Err(error) => {
            damage(error.to_string());
            return Ok(end);
        }
    };
    let scanned = scan(file.as_ref(), &header, is_last)?;
    for d in scanned.damage.iter().filter(|d| d.from_position < d.to_position) {
        damage(format!(
            "positions {}..{} (bytes {}..{}) are damaged; the rest is readable",
            d.from_position, d.to_position, d.from_byte, d.to_byte
        ));
    }
    if let Some(torn) = scanned.torn {
        let detail = format!(
            "bytes {}..{} are a write that never finished ({} whole records, none acknowledged); cut at the next start",
            torn.from_byte, torn.to_byte, torn.whole_records
        );
        findings.push(Finding::new(Severity::Note, name.clone(), detail));
    }
    if !is_last && SealedIndex::open(disk, &header)?.is_none_or(|index| index.end() != scanned.index.end()) {
        let detail = "its index is missing or damaged; made again at the next start";
        findings.push(Finding::new(Severity::Note, name.clone(), detail));
    }
    let (events, bytes) = (scanned.index.end() - first, scanned.end_byte);
    findings.push(Finding::new(Severity::Fine, name, format!("{events} positions, {bytes} bytes")));
    Ok(scanned.index.end())
}
