//! The keeper: a thread beside the writer that zeroes the next segment ahead of need and seals full ones.

use std::sync::{Arc, PoisonError, mpsc};

use super::index::{Index, SealedIndex};
use super::segment::{Segment, prepare_spare};
use super::shared::Shared;

/// Tasks that may wait: a full queue makes the writer wait.
pub(super) const TASKS_MAX: usize = 8;

pub(super) enum Task {
    PrepareSpare { size: u64 },
    Seal(Arc<Segment>),
}

/// Runs until the log is closed.
pub(super) fn run(shared: &Shared, tasks: &mpsc::Receiver<Task>) {
    for task in tasks {
        match task {
            Task::PrepareSpare { size } => prepare(shared, size),
            Task::Seal(segment) => seal(shared, &segment),
        }
    }
}

fn prepare(shared: &Shared, size: u64) {
    let mut spare = shared.spare.lock().unwrap_or_else(PoisonError::into_inner);
    if spare.is_some() {
        return;
    }
    match prepare_spare(shared.disk.as_ref(), size) {
        Ok(file) => *spare = Some((file, size)),
        Err(error) => {
            tracing::warn!(error = %error, "log: the next segment could not be prepared ahead of need");
            let _ = shared.disk.remove(super::segment::SPARE_NAME);
        }
    }
}

/// Writes the index of a full segment and lets go of the one in memory. On failure the one in memory stays and the
/// next start tries again.
pub(super) fn seal(shared: &Shared, segment: &Segment) {
    let written = match &*segment.index() {
        Index::Live(live) => SealedIndex::write(shared.disk.as_ref(), &segment.header, live),
        Index::Sealed(_) => return,
    };
    let opened = written.and_then(|()| SealedIndex::open(shared.disk.as_ref(), &segment.header));
    match opened {
        Ok(Some(sealed)) => *segment.index_mut() = Index::Sealed(sealed),
        Ok(None) => tracing::error!(first = segment.header.first, "log: a new index reads back damaged"),
        Err(error) => {
            tracing::warn!(first = segment.header.first, error = %error, "log: a segment could not be sealed");
        }
    }
}
