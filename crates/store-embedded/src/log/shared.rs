//! What the writer, the readers and the keeper of a log share.

use std::io;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, mpsc};

use tidegate_domain::id::Position;
use tidegate_domain::ports::{QuarantinedRange, Stored};
use tidegate_domain::time::UnixMs;
use tokio::sync::watch;

use super::LogConfig;
use super::index::Epochs;
use super::keeper::Task;
use super::queue::Queue;
use super::recent::{Group, Recent};
use super::retention::RetentionState;
use super::segment::{Segment, SegmentHeader, prepare_spare};
use crate::disk::{Disk, DiskFile};

/// How long appends are refused at once after the disk was found full, before it is tried again.
const SPACE_RETRY_MS: i64 = 1000;

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
    pub(super) config: LogConfig,
    pub(super) epochs: Epochs,
    segments: RwLock<Arc<Vec<Arc<Segment>>>>,
    recent: Mutex<Recent>,
    tail: watch::Sender<u64>,
    /// Where the log begins: what was before, retention has deleted.
    first: AtomicU64,
    /// Locked while something is deleted.
    retention: Mutex<RetentionState>,
    refusal: AtomicU8,
    space_retry_at_ms: AtomicI64,
    quarantined: Mutex<Vec<QuarantinedRange>>,
    /// A prepared segment and its size. Locked while one is prepared or taken into use: there is one file of its name.
    spare: Mutex<Option<(Box<dyn DiskFile>, u64)>>,
    keeper: Mutex<Option<mpsc::SyncSender<Task>>>,
}

fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn new(
        disk: Box<dyn Disk>,
        config: LogConfig,
        first: u64,
        segments: Vec<Arc<Segment>>,
        quarantined: Vec<QuarantinedRange>,
        epochs: Epochs,
    ) -> Self {
        let tail = segments.last().map_or(0, |s| s.end());
        Self {
            disk,
            queue: Queue::new(config.queue),
            config,
            epochs,
            segments: RwLock::new(Arc::new(segments)),
            recent: Mutex::new(Recent::new(config.recent_max_bytes)),
            tail: watch::Sender::new(tail),
            first: AtomicU64::new(first),
            retention: Mutex::default(),
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

    pub(super) fn first(&self) -> u64 {
        self.first.load(Ordering::Acquire)
    }

    pub(super) fn retention(&self) -> MutexGuard<'_, RetentionState> {
        locked(&self.retention)
    }

    /// The log begins at `first` from now on: who reads already keeps the older segments open until done.
    pub(super) fn forget_before(&self, first: u64) {
        self.first.store(first, Ordering::Release);
        {
            let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
            let mut kept = segments.as_ref().clone();
            kept.retain(|segment| segment.header.first >= first);
            *segments = Arc::new(kept);
        }
        locked(&self.quarantined).retain(|range| range.to.0 > first);
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

    /// The records at `positions`, if all of them that there are, are in memory.
    pub(super) fn recent_records(&self, positions: &[Position]) -> Option<Vec<Stored>> {
        locked(&self.recent).records(positions)
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

    /// Reports damaged positions, once.
    pub(super) fn quarantine(&self, range: QuarantinedRange) {
        let mut ranges = locked(&self.quarantined);
        // A reader that began before retention may still find damage in what is gone.
        let is_gone = range.to.0 <= self.first();
        if is_gone || ranges.iter().any(|r| r.from <= range.from && range.to <= r.to) {
            return;
        }
        tracing::error!(
            from = range.from.0,
            to = range.to.0,
            reason = range.reason,
            "log: damaged positions"
        );
        // A reader that goes through a damaged stretch reports it record by record.
        match ranges.iter_mut().find(|r| r.to == range.from && r.reason == range.reason) {
            Some(before) => before.to = range.to,
            None => ranges.push(range),
        }
    }

    pub(super) fn quarantined(&self) -> Vec<QuarantinedRange> {
        locked(&self.quarantined).clone()
    }

    /// Makes the next segment, with room for `need` bytes: the spare, or, if there is none, a new file. Waits while
    /// the spare is being prepared.
    pub(super) fn next_segment(
        &self,
        need: u64,
        current_size: u64,
        header: impl FnOnce(u64) -> SegmentHeader,
    ) -> io::Result<Segment> {
        let mut spare = locked(&self.spare);
        let (file, size) = match spare.take().filter(|(_, size)| *size >= need) {
            Some(ready) => ready,
            None => self.new_spare(self.next_size(current_size).max(need), need)?,
        };
        Segment::adopt_spare(self.disk.as_ref(), file, header(size))
    }

    fn new_spare(&self, wanted: u64, need: u64) -> io::Result<(Box<dyn DiskFile>, u64)> {
        let prepare = |size| prepare_spare(self.disk.as_ref(), size).map(|file| (file, size));
        // What is left of the disk may still do for a small one.
        let least = self.config.segment_first_bytes.max(need);
        match prepare(wanted) {
            Err(error) if super::writer::is_full(&error) && least < wanted => prepare(least),
            done => done,
        }
    }

    /// Prepares the next segment, unless one is ready.
    pub(super) fn prepare_spare(&self, size: u64) {
        let mut spare = locked(&self.spare);
        if spare.is_none() {
            match prepare_spare(self.disk.as_ref(), size) {
                Ok(file) => *spare = Some((file, size)),
                Err(error) => {
                    tracing::warn!(error = %error, "log: the next segment could not be prepared ahead");
                }
            }
        }
    }

    fn next_size(&self, current: u64) -> u64 {
        let (first, max) = (self.config.segment_first_bytes, self.config.segment_max_bytes);
        (current * 2).clamp(first, max.max(first))
    }

    /// The writer goes on in `active`.
    pub(super) fn rotated(&self, active: Arc<Segment>) {
        {
            let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
            let mut longer = segments.as_ref().clone();
            // A batch that was too large for an empty segment got one of its own, in the empty one's place.
            longer.retain(|segment| segment.header.first < active.header.first);
            longer.push(active);
            *segments = Arc::new(longer);
        }
        self.ask_keeper(Task::Seal);
    }

    /// Has the segment after one of `current_size` bytes prepared ahead of need.
    pub(super) fn ask_for_spare(&self, current_size: u64) {
        self.ask_keeper(Task::PrepareSpare { size: self.next_size(current_size) });
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
