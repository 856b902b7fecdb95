//! A log of one shard as what a pipeline reads.

use std::sync::Arc;

use async_trait::async_trait;
use tidegate_domain::id::Position;
use tidegate_domain::ports::{EventLog, Feed, LogError, Page};

/// All records of a log, for a pipeline that folds them all.
pub struct WholeLog(pub Arc<dyn EventLog>);

#[async_trait]
impl Feed for WholeLog {
    async fn read(&self, from: Position, max_bytes: usize) -> Result<Page, LogError> {
        self.0.read(from, max_bytes).await
    }

    async fn wait_past(&self, position: Position) {
        self.0.wait_past(position).await;
    }
}
