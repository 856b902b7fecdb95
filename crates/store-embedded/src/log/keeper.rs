//! The keeper: a thread beside the writer that zeroes the next segment ahead of need and seals full ones.

use std::sync::mpsc;

use super::index::{Index, SealedIndex};
use super::segment::Segment;
use super::shared::Shared;

/// Tasks that may wait: a full queue makes the writer wait.
pub(super) const TASKS_MAX: usize = 8;

/// Full segments whose bytes the system keeps in memory as it likes.
pub(super) const CACHED_SEGMENTS: usize = 2;

pub(super) enum Task {
    /// Make a segment of this size ready, in bytes.
    PrepareSpare { size: u64 },
    /// Seal every segment but the last.
    Seal,
}

/// Runs until the log is closed.
pub(super) fn run(shared: &Shared, tasks: &mpsc::Receiver<Task>) {
    for task in tasks {
        perform(shared, &task);
    }
}

pub(super) fn perform(shared: &Shared, task: &Task) {
    match task {
        Task::PrepareSpare { size } => shared.prepare_spare(*size),
        Task::Seal => {
            if let Some((_, full)) = shared.segments().split_last() {
                full.iter().for_each(|segment| seal(shared, segment));
                // What was written lately is what is read; older segments must not push others out of memory.
                full.iter().rev().nth(CACHED_SEGMENTS).iter().for_each(|segment| segment.file.forget());
            }
        }
    }
}

/// Writes the index of a full segment and lets go of the one in memory. On failure the one in memory stays, and the
/// next full segment or the next start tries again.
fn seal(shared: &Shared, segment: &Segment) {
    let written = match &*segment.index() {
        Index::Live(live) => SealedIndex::write(shared.disk.as_ref(), &segment.header, live),
        Index::Sealed(_) => return,
    };
    let opened =
        written.and_then(|()| SealedIndex::open(shared.disk.as_ref(), &segment.header, &shared.epochs));
    match opened {
        Ok(Some(sealed)) => *segment.index_mut() = Index::Sealed(sealed),
        Ok(None) => tracing::error!(first = segment.header.first, "log: a new index reads back damaged"),
        Err(error) => {
            tracing::warn!(first = segment.header.first, error = %error, "log: a segment could not be sealed");
        }
    }
}
