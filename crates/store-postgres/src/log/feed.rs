//! One shard of the log, for whoever folds it.

use std::sync::Arc;

use async_trait::async_trait;
use tidegate_domain::id::{Position, Shard};
use tidegate_domain::ports::{Feed, LogError, Page};

use super::shared::Shared;
use super::{read, unavailable};

/// The records of one shard.
pub struct PostgresFeed {
    shared: Arc<Shared>,
    shard: Shard,
}

impl PostgresFeed {
    pub(super) fn new(shared: Arc<Shared>, shard: Shard) -> Self {
        Self { shared, shard }
    }
}

#[async_trait]
impl Feed for PostgresFeed {
    async fn read(&self, from: Position, max_bytes: usize) -> Result<Page, LogError> {
        read::read(&self.shared, Some(self.shard), from, max_bytes).await.map_err(unavailable)
    }

    async fn wait_past(&self, position: Position) {
        self.shared.wait_past(position).await;
    }
}
