//! The feeds of shards: every law.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tidegate_domain::id::Shard;
use tidegate_domain::ports::{EventLog, Feed};
use tidegate_store_postgres::log::PostgresLog;
use tidegate_testkit::feed::Fixture;
use tidegate_testkit::world::ManualClock;

use crate::event_log::small;
use crate::rig::database;

#[derive(Default)]
struct Postgres(Mutex<Option<Arc<PostgresLog>>>);

#[async_trait]
impl Fixture for Postgres {
    async fn open(&self) -> (Arc<dyn EventLog>, Vec<Arc<dyn Feed>>) {
        let (_, database) = database().await;
        let log = PostgresLog::open(database, small(), Arc::<ManualClock>::default()).await.unwrap();
        let log = Arc::new(log);
        *self.0.lock().unwrap() = Some(Arc::clone(&log));
        let feeds = (0..log.shards()).map(|shard| Arc::new(log.feed(Shard(shard))) as _).collect();
        (log, feeds)
    }
}

tidegate_testkit::feed_laws!(Postgres::default);
