//! The bounded queue between the callers of `append` and the task that writes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use tidegate_domain::ports::{AppendBatch, AppendError, Appended};
use tokio::sync::{mpsc, oneshot};

/// When the queue refuses (law 8).
#[derive(Clone, Copy, Debug)]
pub struct QueueLimits {
    /// Most events that may wait.
    pub depth_max: usize,
    /// Most bytes that may wait.
    pub bytes_max: usize,
    /// Share of either at which appends are refused, in (0, 1]; 1 is the hard limit.
    pub threshold: f64,
    /// What a refused client is told to wait, in seconds.
    pub retry_after_s: u32,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self { depth_max: 100_000, bytes_max: 64 << 20, threshold: 0.8, retry_after_s: 1 }
    }
}

type Answer = Result<Vec<Appended>, AppendError>;

/// One batch on its way to the log.
pub(super) struct Pending {
    pub(super) batch: AppendBatch,
    pub(super) reply: oneshot::Sender<Answer>,
}

/// The end that callers hold.
pub(super) struct Queue {
    limits: QueueLimits,
    sender: Mutex<Option<mpsc::UnboundedSender<Pending>>>,
    depth: AtomicUsize,
    bytes: AtomicUsize,
}

impl Queue {
    #[expect(
        clippy::disallowed_methods,
        reason = "`push` refuses above the limits, which count events and bytes"
    )]
    pub(super) fn new(limits: QueueLimits) -> (Self, mpsc::UnboundedReceiver<Pending>) {
        let (sender, waiting) = mpsc::unbounded_channel();
        let (depth, bytes) = (AtomicUsize::new(0), AtomicUsize::new(0));
        (Self { limits, sender: Mutex::new(Some(sender)), depth, bytes }, waiting)
    }

    /// Puts a batch at the end, or refuses it. A batch always enters an empty queue.
    pub(super) fn push(&self, batch: AppendBatch) -> Result<oneshot::Receiver<Answer>, AppendError> {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = sender.as_ref().ok_or(AppendError::Closed)?;
        let (depth, bytes) = self.load();
        let over = |value: usize, max: usize| value as f64 > max as f64 * self.limits.threshold;
        if depth > 0
            && (over(depth + batch.records.len(), self.limits.depth_max)
                || over(bytes + batch.bytes.len(), self.limits.bytes_max))
        {
            return Err(AppendError::Overloaded { depth, bytes, retry_after_s: self.limits.retry_after_s });
        }
        self.depth.fetch_add(batch.records.len(), Ordering::Relaxed);
        self.bytes.fetch_add(batch.bytes.len(), Ordering::Relaxed);
        let (reply, answer) = oneshot::channel();
        sender.send(Pending { batch, reply }).map_err(|_| AppendError::Closed)?;
        Ok(answer)
    }

    /// A batch has been written, or was not.
    pub(super) fn took(&self, pending: &Pending) {
        self.depth.fetch_sub(pending.batch.records.len(), Ordering::Relaxed);
        self.bytes.fetch_sub(pending.batch.bytes.len(), Ordering::Relaxed);
    }

    /// Refuses further batches; those inside are still taken.
    pub(super) fn close(&self) {
        *self.sender.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Events and bytes waiting.
    pub(super) fn load(&self) -> (usize, usize) {
        (self.depth.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }

    pub(super) fn limits(&self) -> QueueLimits {
        self.limits
    }
}
