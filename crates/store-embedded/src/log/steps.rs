//! The log without threads: its caller does the writer's and the keeper's work, step by step.

use std::sync::{Arc, mpsc};

use super::keeper::{self, Task};
use super::shared::Shared;
use super::writer::Writer;

/// Tasks that may wait for [`Steps::keep`]; a writer that finds no room would wait for ever.
const TASKS_MAX: usize = 1 << 16;

/// The steps of a log opened by [`super::SegmentLog::open_stepped`]. Each returns false if there was nothing to do.
pub struct Steps {
    shared: Arc<Shared>,
    writer: Writer,
    tasks: mpsc::Receiver<Task>,
}

impl Steps {
    pub(super) fn new(shared: &Arc<Shared>, writer: Writer) -> Self {
        let (send, tasks) = mpsc::sync_channel(TASKS_MAX);
        shared.set_keeper(Some(send));
        Self { shared: Arc::clone(shared), writer, tasks }
    }

    /// Writes one group of what waits: one write, one sync, all acks.
    pub fn write(&mut self) -> bool {
        self.writer.step()
    }

    /// Marks the end of the log, as the writer does after a moment without appends.
    pub fn rest(&mut self) -> bool {
        self.writer.rest()
    }

    /// Does one of the keeper's tasks: seals full segments, or prepares the next one.
    pub fn keep(&mut self) -> bool {
        let task = self.tasks.try_recv().ok();
        let found = task.is_some();
        task.into_iter().for_each(|task| keeper::perform(&self.shared, &task));
        found
    }
}
