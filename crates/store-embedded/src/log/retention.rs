//! Retention: whole segments are deleted, oldest first.
//!
//! A log that begins past position 0 must tell deletion from loss. So before anything is deleted, an empty file, the
//! **mark**, is made whose name says where the log begins from now on, and made durable with the directory. What lies
//! before the newest mark does not belong to the log any more: recovery ignores it, whichever of the removals a crash
//! has let through, and the next retention removes it. A mark has no bytes, so none of them can be damaged.
//!
//! - The segment that is written, and the one with the newest record, stay: from them a restart knows the time that may
//!   not fall (L6).
//! - Readers hold the segments they read; an open file outlives its name.

use std::io;
use std::sync::Arc;

use tidegate_domain::ports::{Deleted, Retention};
use tidegate_domain::time::UnixMs;

use super::segment::{
    Segment, mark_name, parse_index_name, parse_mark_name, parse_position, parse_segment_name,
    remove_if_there,
};
use super::shared::{Refusal, Shared};
use crate::disk::Disk;

/// What is known of the directory before the log's beginning.
#[derive(Default)]
pub(super) struct RetentionState {
    /// True if nothing is left there. At first nobody knows what an earlier process has left.
    is_swept: bool,
    /// True after a failed sync: the kernel may have dropped the mark's name, and a later sync would not say so.
    is_broken: bool,
}

/// Deletes the segments that `retention` admits. Blocks; one at a time.
pub(super) fn retain(shared: &Shared, retention: &Retention) -> io::Result<Deleted> {
    let mut state = shared.retention();
    if state.is_broken || shared.refusal() == Refusal::Poisoned {
        return Err(io::Error::other("nothing is deleted after a failed sync, until a restart"));
    }
    let segments = shared.segments();
    let gone = &segments[..admitted(&segments, shared.tail(), retention)];
    let deleted = Deleted { segments: gone.len(), bytes: gone.iter().map(|s| s.disk_bytes()).sum() };
    if let Some(next) = segments.get(gone.len()).filter(|_| !gone.is_empty()) {
        let first = next.header.first;
        create_mark(shared.disk.as_ref(), first)?;
        shared.disk.sync_dir().inspect_err(|_| state.is_broken = true)?;
        state.is_swept = false;
        shared.forget_before(first);
        tracing::info!(first, segments = deleted.segments, bytes = deleted.bytes, "log: retention");
    }
    if !state.is_swept {
        sweep(shared.disk.as_ref(), shared.first())?;
        state.is_swept = true;
    }
    Ok(deleted)
}

/// How many of `segments`, oldest first, may go.
fn admitted(segments: &[Arc<Segment>], tail: u64, retention: &Retention) -> usize {
    let until = retention.until.0.min(tail.saturating_sub(1));
    let mut bytes: u64 = segments.iter().map(|segment| segment.disk_bytes()).sum();
    let goes = |pair: &&[Arc<Segment>]| {
        let [segment, next] = *pair else { return false };
        let is_old = retention.recorded_before.is_some_and(|before| newest_in(segment, next) < before);
        let is_over = retention.disk_max_bytes.is_some_and(|max| bytes > max);
        bytes -= segment.disk_bytes();
        segment.end() <= until && (is_old || is_over)
    };
    segments.windows(2).take_while(goes).count()
}

/// When the newest record of `segment` was recorded. If all are damaged: when `next` was begun.
fn newest_in(segment: &Segment, next: &Segment) -> UnixMs {
    match segment.index().last_recorded_at() {
        UnixMs(i64::MIN) => next.header.created_at,
        newest => newest,
    }
}

/// Makes the mark; one that an earlier attempt has made will do.
fn create_mark(disk: &dyn Disk, first: u64) -> io::Result<()> {
    match disk.create(&mark_name(first)) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Removes the files of segments before `first`, and the marks before it.
fn sweep(disk: &dyn Disk, first: u64) -> io::Result<()> {
    let mut names = disk.list()?;
    names.retain(|name| belongs_to(name).is_some_and(|at| at < first));
    names.iter().try_for_each(|name| remove_if_there(disk, name))?;
    if names.is_empty() { Ok(()) } else { disk.sync_dir() }
}

/// First position of the segment that a file is, belongs to or was cut from, or of the mark that it is. What was cut
/// from a torn tail holds parts of events, which shall be no older than others.
fn belongs_to(name: &str) -> Option<u64> {
    let index = || parse_index_name(name.strip_suffix(".tmp").unwrap_or(name));
    let torn = || name.strip_suffix(".torn")?.split_once('-').and_then(|(first, _)| parse_position(first));
    parse_segment_name(name).or_else(index).or_else(|| parse_mark_name(name)).or_else(torn)
}
