//! The bounded queue between the callers of `append` and the task that writes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use tidegate_domain::ports::{AppendBatch, AppendError, Appended, QueueLimits};
use tokio::sync::{mpsc, oneshot};

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
        let (waiting, more) = (self.load(), (batch.records.len(), batch.bytes.len()));
        if waiting.0 > 0 {
            self.limits.admit(waiting, more)?;
        }
        self.depth.fetch_add(more.0, Ordering::Relaxed);
        self.bytes.fetch_add(more.1, Ordering::Relaxed);
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
