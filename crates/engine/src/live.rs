//! Live reading: a cursor that follows the pipeline. It holds a position, not a buffer, so a slow reader costs
//! no memory; one that falls too far behind is told which positions it missed.

use std::time::Duration;

use tidegate_domain::filter::{EventCursor, EventFilter, Order};
use tidegate_domain::id::Position;
use tokio::sync::watch;

use crate::query::{FoundEvent, Query, QueryError};

/// Events handed over at once.
const BATCH_MAX: usize = 256;
/// Readers look at most this often: many readers must not wake for every group.
const PAUSE: Duration = Duration::from_millis(20);

/// What a live reader gets next.
#[derive(Clone, Debug)]
pub enum Live {
    /// Events that the filter admits, oldest first; perhaps none.
    Events(Vec<FoundEvent>),
    /// Events at `from..to` are left out, and the reader goes on at `to`: it was too slow, or they are no longer kept.
    Gap {
        /// First position left out.
        from: Position,
        /// First position not left out.
        to: Position,
    },
}

/// A reader's place in the stream of one project.
pub struct LiveReader {
    project: String,
    filter: EventFilter,
    position: Position,
    checkpoint: watch::Receiver<Position>,
    lag_max_events: u64,
}

impl LiveReader {
    /// A reader of `project` from position `from` on; `None` starts with what comes next.
    pub fn new(
        query: &Query,
        project: &str,
        filter: EventFilter,
        from: Option<Position>,
        lag_max_events: u64,
    ) -> Self {
        let checkpoint = query.watch_checkpoint();
        let position = from.unwrap_or_else(|| query.checkpoint());
        Self { project: project.to_owned(), filter, position, checkpoint, lag_max_events }
    }

    /// Where to resume: every event before it was handed over, or did not match.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Waits until there is something to read; for ever once the pipeline has stopped. May be dropped at any time.
    pub async fn ready(&mut self) {
        let position = self.position;
        if self.checkpoint.wait_for(|checkpoint| *checkpoint > position).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// What has come since the last call, gathered for a moment. Dropped half way it loses nothing.
    pub async fn read(&mut self, query: &Query) -> Result<Live, QueryError> {
        tokio::time::sleep(PAUSE).await;
        let checkpoint = (*self.checkpoint.borrow_and_update()).max(self.position);
        if checkpoint.0 - self.position.0 > self.lag_max_events {
            let from = std::mem::replace(&mut self.position, checkpoint);
            return Ok(Live::Gap { from, to: checkpoint });
        }
        // What a reader resumes from may be gone by then.
        let first = query.first();
        if self.position < first {
            let from = std::mem::replace(&mut self.position, first);
            return Ok(Live::Gap { from, to: first });
        }
        let cursor = EventCursor { order: Order::Asc, position: self.position };
        let page = query.events(&self.project, &self.filter, cursor, checkpoint, BATCH_MAX).await?;
        self.position = page.next.map_or(checkpoint, |next| next.position.min(checkpoint));
        Ok(Live::Events(page.events))
    }
}
