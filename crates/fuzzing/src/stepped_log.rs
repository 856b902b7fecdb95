//! A log in memory whose steps an append does itself, and which can be exchanged for an empty one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures_util::FutureExt;
use tidegate_domain::filter::Order;
use tidegate_domain::id::Position;
use tidegate_domain::ports::{
    AppendBatch, AppendError, Appended, Deleted, EventLog, LogError, LogStatus, Page, Retention, Stored,
};
use tidegate_simulator::memory_disk::MemoryDisk;
use tidegate_store_embedded::log::{LogConfig, OpenError, SegmentLog, Steps};
use tidegate_testkit::world::{ManualClock, SeededEntropy};

/// Segments that are quick to make.
pub(crate) const ROOMY: LogSizes = LogSizes { segment_bytes: 64 << 10, segment_records: 1000 };

/// How large segments are.
#[derive(Clone, Copy)]
pub(crate) struct LogSizes {
    pub(crate) segment_bytes: u64,
    pub(crate) segment_records: u64,
}

/// The log that is open now.
pub(crate) struct SteppedLog(Mutex<Open>);

struct Open {
    log: Arc<SegmentLog>,
    steps: Steps,
}

impl SteppedLog {
    /// Opens the log on `disk`, at the moment that [`ManualClock::default`] shows.
    pub(crate) fn open(disk: MemoryDisk, sizes: LogSizes) -> Result<Self, OpenError> {
        open(disk, sizes).map(|open| Self(Mutex::new(open)))
    }

    /// Goes on with an empty log.
    pub(crate) fn start_afresh(&self) {
        *self.lock() = open(MemoryDisk::default(), ROOMY).expect("an empty directory is a log");
    }

    /// Marks the end of the log, as the writer does when it rests, and does what the keeper has to do.
    pub(crate) fn rest(&self) {
        let steps = &mut self.lock().steps;
        steps.rest();
        while steps.keep() {}
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self) -> Arc<SegmentLog> {
        Arc::clone(&self.lock().log)
    }

    fn step(&self) {
        let steps = &mut self.lock().steps;
        while steps.write() || steps.keep() {}
    }
}

fn open(disk: MemoryDisk, sizes: LogSizes) -> Result<Open, OpenError> {
    let config = LogConfig {
        segment_first_bytes: sizes.segment_bytes,
        segment_max_bytes: 4 * sizes.segment_bytes,
        segment_max_records: sizes.segment_records,
        spare_asked_at_part: 2,
        recent_max_bytes: 600,
        ..LogConfig::default()
    };
    // Another number of files, another salt: a second start does not repeat the first one's.
    let seed = disk.names().len() as u64;
    let (clock, entropy) = (Arc::new(ManualClock::default()), Arc::new(SeededEntropy::new(seed)));
    let (log, steps) = SegmentLog::open_stepped(Box::new(disk), config, clock, entropy)?;
    Ok(Open { log: Arc::new(log), steps })
}

#[async_trait]
impl EventLog for SteppedLog {
    async fn append(&self, batch: AppendBatch) -> Result<Vec<Appended>, AppendError> {
        let log = self.log();
        let mut appending = log.append(batch);
        if let Some(refused) = appending.as_mut().now_or_never() {
            return refused;
        }
        // The batch is queued; after the steps its answer is there.
        self.step();
        appending.await
    }

    fn first(&self) -> Position {
        self.log().first()
    }

    fn tail(&self) -> Position {
        self.log().tail()
    }

    async fn wait_past(&self, position: Position) {
        self.log().wait_past(position).await;
    }

    async fn read(&self, from: Position, max_bytes: usize) -> Result<Page, LogError> {
        self.log().read(from, max_bytes).await
    }

    async fn get(&self, positions: &[Position]) -> Result<Vec<Stored>, LogError> {
        self.log().get(positions).await
    }

    async fn find(&self, stream: u64, from: Position, order: Order, max: usize) -> Result<Page, LogError> {
        self.log().find(stream, from, order, max).await
    }

    async fn retain(&self, retention: Retention) -> Result<Deleted, LogError> {
        self.log().retain(retention).await
    }

    fn status(&self) -> LogStatus {
        self.log().status()
    }
}
