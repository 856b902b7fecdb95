//! What the writer, the readers and the keeper of a log share.

use std::io;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, mpsc};

use tidegate_domain::ports::QuarantinedRange;
use tidegate_domain::time::UnixMs;
use tokio::sync::watch;

use super::keeper::Task;
use super::queue::Queue;
use super::recent::{Group, Recent};
use super::segment::{Segment, prepare_spare};
use crate::disk::{Disk, DiskFile};

/// How long appends are refused at once after the disk was found full, before it is tried again.
const SPACE_RETRY_MS: i64 = 1000;
/// Size of the first segment: a small installation stays small. Each further one doubles, up to the maximum.
pub(super) const SEGMENT_FIRST_BYTES: u64 = 4 << 20;

/// Why appends are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    None,
    NoSpace,
    Poisoned,
}

pub(super) struct Shared {
    pub(super) disk: Box<dyn Disk>,
    pub(super) queue: Queue,
    pub(super) segment_max_bytes: u64,
    segments: RwLock<Arc<Vec<Arc<Segment>>>>,
    recent: Mutex<Recent>,
    tail: watch::Sender<u64>,
    refusal: AtomicU8,
    space_retry_at_ms: AtomicI64,
    quarantined: Mutex<Vec<QuarantinedRange>>,
    /// A prepared segment and its size. Locked while one is being prepared, so that nobody prepares a second.
    pub(super) spare: Mutex<Option<(Box<dyn DiskFile>, u64)>>,
    keeper: Mutex<Option<mpsc::SyncSender<Task>>>,
}

fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn new(
        disk: Box<dyn Disk>,
        queue: Queue,
        segment_max_bytes: u64,
        recent_max_bytes: usize,
        segments: Vec<Arc<Segment>>,
        quarantined: Vec<QuarantinedRange>,
    ) -> Self {
        let tail = segments.last().map_or(0, |s| s.end());
        Self {
            disk,
            queue,
            segment_max_bytes,
            segments: RwLock::new(Arc::new(segments)),
            recent: Mutex::new(Recent::new(recent_max_bytes)),
            tail: watch::Sender::new(tail),
            refusal: AtomicU8::new(0),
            space_retry_at_ms: AtomicI64::new(0),
            quarantined: Mutex::new(quarantined),
            spare: Mutex::new(None),
            keeper: Mutex::new(None),
        }
    }

    pub(super) fn segments(&self) -> Arc<Vec<Arc<Segment>>> {
        Arc::clone(&self.segments.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn tail(&self) -> u64 {
        *self.tail.borrow()
    }

    pub(super) fn watch_tail(&self) -> watch::Receiver<u64> {
        self.tail.subscribe()
    }

    /// Makes a durable group visible to readers.
    pub(super) fn publish(&self, group: Arc<Group>, tail: u64) {
        locked(&self.recent).push(group);
        self.tail.send_replace(tail);
    }

    /// The newest groups from position `from` on, if they are in memory.
    pub(super) fn recent(&self, from: u64, max_bytes: usize) -> Option<Vec<Arc<Group>>> {
        locked(&self.recent).groups_from(from, max_bytes)
    }

    pub(super) fn refusal(&self) -> Refusal {
        match self.refusal.load(Ordering::Acquire) {
            0 => Refusal::None,
            1 => Refusal::NoSpace,
            _ => Refusal::Poisoned,
        }
    }

    /// Closes the log to writes for good: after a failed sync nobody knows what is on the disk.
    pub(super) fn poison(&self, error: &io::Error) {
        tracing::error!(error = %error, "log: a write failed, the log is closed to writes until a restart");
        self.refusal.store(2, Ordering::Release);
    }

    pub(super) fn out_of_space(&self, error: &io::Error, now: UnixMs) {
        if self.refusal() == Refusal::None {
            tracing::error!(error = %error, "log: the disk is full, appends are refused until there is space");
        }
        self.space_retry_at_ms.store(now.0 + SPACE_RETRY_MS, Ordering::Release);
        let _ = self.refusal.compare_exchange(0, 1, Ordering::AcqRel, Ordering::Acquire);
    }

    /// A write went through: the disk has space again.
    pub(super) fn accept_again(&self) {
        if self.refusal.compare_exchange(1, 0, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            tracing::info!("log: there is space again");
        }
    }

    /// True while the disk was found full a moment ago, so that trying again is no use yet.
    pub(super) fn is_space_retry_pending(&self, now: UnixMs) -> bool {
        let retry_at = self.space_retry_at_ms.load(Ordering::Acquire);
        // A clock that stepped back must not keep the log shut.
        self.refusal() == Refusal::NoSpace && (retry_at - SPACE_RETRY_MS..retry_at).contains(&now.0)
    }

    pub(super) fn quarantine(&self, range: QuarantinedRange) {
        let mut ranges = locked(&self.quarantined);
        if !ranges.iter().any(|r| r.from <= range.from && range.to <= r.to) {
            tracing::error!(from = range.from.0, to = range.to.0, reason = range.reason, "log: damaged positions");
            ranges.push(range);
        }
    }

    pub(super) fn quarantined(&self) -> Vec<QuarantinedRange> {
        locked(&self.quarantined).clone()
    }

    /// A zeroed file for the next segment with room for `need` bytes, and its size. Waits while one is being made.
    pub(super) fn take_spare(&self, need: u64, current: u64) -> io::Result<(Box<dyn DiskFile>, u64)> {
        let mut spare = locked(&self.spare);
        if let Some(ready) = spare.take().filter(|(_, size)| *size >= need) {
            return Ok(ready);
        }
        let wanted = self.next_size(current).max(need);
        prepare_spare(self.disk.as_ref(), wanted).map(|file| (file, wanted)).or_else(|error| {
            // What is left of the disk may still do for a small one.
            let least = SEGMENT_FIRST_BYTES.max(need);
            if super::writer::is_full(&error) && least < wanted {
                return prepare_spare(self.disk.as_ref(), least).map(|file| (file, least));
            }
            Err(error)
        })
    }

    pub(super) fn next_size(&self, current: u64) -> u64 {
        (current * 2).clamp(SEGMENT_FIRST_BYTES, self.segment_max_bytes.max(SEGMENT_FIRST_BYTES))
    }

    /// The writer goes on in `active`; `full` waits to be sealed.
    pub(super) fn rotated(&self, full: Arc<Segment>, active: Arc<Segment>) {
        let size = active.header.size;
        {
            let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
            let mut longer = segments.as_ref().clone();
            longer.push(active);
            *segments = Arc::new(longer);
        }
        self.ask_keeper(Task::PrepareSpare { size: self.next_size(size) });
        self.ask_keeper(Task::Seal(full));
    }

    pub(super) fn set_keeper(&self, keeper: Option<mpsc::SyncSender<Task>>) {
        *locked(&self.keeper) = keeper;
    }

    fn ask_keeper(&self, task: Task) {
        if let Some(keeper) = locked(&self.keeper).as_ref() {
            // A keeper that cannot keep up delays the writer, which keeps the memory of live indexes bounded.
            let _ = keeper.send(task);
        }
    }
}
