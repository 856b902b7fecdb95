//! The bounded queue between the callers of `append` and the one writer.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidegate_domain::ports::{AppendBatch, AppendError, Appended, NewRecord, QueueLimits};
use tokio::sync::oneshot;

use super::frame::{HEADER_BYTES, Meta};

/// A prepared record: where its frame lies in the batch's bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) crc: u32,
    pub(super) meta: Meta,
}

/// Where the caller of `append` waits for its answer.
pub(super) type Reply = oneshot::Sender<Result<Vec<Appended>, AppendError>>;

/// One batch on its way to the log.
pub(super) struct Pending {
    pub(super) frames: Vec<u8>,
    pub(super) slots: Vec<Slot>,
    pub(super) reply: Reply,
}

/// Bytes of the frames of `batch`.
pub(super) fn frames_bytes(batch: &AppendBatch) -> usize {
    let frame =
        |record: &NewRecord| HEADER_BYTES + Meta::of(record).len() + record.end.saturating_sub(record.start);
    batch.records.iter().map(frame).sum()
}

/// Lays out the frames of a batch, `bytes` bytes; the writer fills in what only it knows.
pub(super) fn prepare(batch: &AppendBatch, bytes: usize) -> (Vec<u8>, Vec<Slot>) {
    let mut frames = Vec::with_capacity(bytes);
    let slots = batch.records.iter().map(|record| {
        let (meta, start) = (Meta::of(record), frames.len());
        let crc = super::frame::prepare(&meta, &batch.bytes[record.start..record.end], &mut frames);
        Slot { start, end: frames.len(), crc, meta }
    });
    let slots = slots.collect();
    (frames, slots)
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Pending>,
    depth: usize,
    bytes: usize,
    closed: bool,
    /// True while the writer sleeps: a wake-up that nobody needs is still a system call.
    asleep: bool,
}

pub(super) struct Queue {
    limits: QueueLimits,
    state: Mutex<State>,
    filled: Condvar,
}

/// What [`Queue::drain`] found.
pub(super) enum Drained {
    Batches(Vec<Pending>),
    /// Nothing came in the time given.
    Idle,
    /// The queue is closed and empty.
    Closed,
}

impl Queue {
    pub(super) fn new(limits: QueueLimits) -> Self {
        Self { limits, state: Mutex::default(), filled: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a batch at the end, or refuses it. A batch always enters an empty queue.
    pub(super) fn push(&self, pending: Pending) -> Result<(), AppendError> {
        let mut state = self.state();
        if state.closed {
            return Err(AppendError::Closed);
        }
        let (events, bytes) = (pending.slots.len(), pending.frames.len());
        if !state.waiting.is_empty() {
            self.limits.admit((state.depth, state.bytes), (events, bytes))?;
        }
        (state.depth, state.bytes) = (state.depth + events, state.bytes + bytes);
        state.waiting.push_back(pending);
        let wake = std::mem::take(&mut state.asleep);
        drop(state);
        if wake {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Takes batches of about `bytes_max` bytes; waits for the first one, at most `patience`.
    pub(super) fn drain(&self, bytes_max: usize, patience: Option<Duration>) -> Drained {
        if let Some(nothing) = self.wait(patience) {
            return nothing;
        }
        // On a busy machine callers that are ready to run append first, and share this group's sync.
        std::thread::yield_now();
        Drained::Batches(self.take(bytes_max))
    }

    /// Waits for a batch; `None` once there is one.
    fn wait(&self, patience: Option<Duration>) -> Option<Drained> {
        let mut state = self.state();
        while state.waiting.is_empty() {
            if state.closed {
                return Some(Drained::Closed);
            }
            state.asleep = true;
            let (woken, gave_up) = match patience {
                None => (self.filled.wait(state).unwrap_or_else(PoisonError::into_inner), false),
                Some(patience) => {
                    let (woken, wait) =
                        self.filled.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner);
                    (woken, wait.timed_out())
                }
            };
            state = woken;
            state.asleep = false;
            if gave_up && state.waiting.is_empty() && !state.closed {
                return Some(Drained::Idle);
            }
        }
        None
    }

    /// Takes batches of about `bytes_max` bytes without waiting; empty if there is nothing.
    pub(super) fn take(&self, bytes_max: usize) -> Vec<Pending> {
        let mut state = self.state();
        let mut taken = Vec::new();
        let mut bytes = 0;
        while let Some(next) = state.waiting.front() {
            if !taken.is_empty() && bytes + next.frames.len() > bytes_max {
                break;
            }
            bytes += next.frames.len();
            state.depth -= next.slots.len();
            taken.extend(state.waiting.pop_front());
        }
        state.bytes -= bytes;
        taken
    }

    /// Refuses further batches; those inside are still drained.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.filled.notify_all();
    }

    /// Closes the queue and drops what waits in it: its callers learn that the log is closed.
    pub(super) fn abandon(&self) {
        let mut state = self.state();
        *state = State { closed: true, ..State::default() };
    }

    /// Events and bytes waiting.
    pub(super) fn load(&self) -> (usize, usize) {
        let state = self.state();
        (state.depth, state.bytes)
    }

    pub(super) fn limits(&self) -> QueueLimits {
        self.limits
    }
}
