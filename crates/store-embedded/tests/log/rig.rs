//! A log on a disk that a test holds, with small segments, so that it rotates and seals all the time.

use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use async_trait::async_trait;
use tempfile::TempDir;
use tidegate_domain::ports::EventLog;
use tidegate_store_embedded::disk::{Disk, RealDisk};
use tidegate_store_embedded::log::{LogConfig, OpenError, SegmentLog};
use tidegate_testkit::event_log::Fixture;
use tidegate_testkit::world::{ManualClock, SeededEntropy};

use crate::faulty_disk::{Call, Fault, Faults, FaultyDisk, NO_SPACE};
use tidegate_simulator::memory_disk::MemoryDisk;

/// Segments of a few records, and nearly no memory for new ones.
pub(crate) fn small() -> LogConfig {
    LogConfig {
        segment_first_bytes: 2048,
        segment_max_bytes: 8192,
        segment_max_records: 16,
        spare_asked_at_part: 2,
        recent_max_bytes: 600,
        ..LogConfig::default()
    }
}

/// Segments that never fill up in a test.
pub(crate) fn roomy() -> LogConfig {
    LogConfig { segment_first_bytes: 64 << 10, segment_max_records: 10_000, ..small() }
}

/// A log and all it stands on.
pub(crate) struct Rig {
    /// Dropped first: a log that is closed by a failing test must not wait for a call that waits.
    _release: Release,
    pub(crate) disk: MemoryDisk,
    pub(crate) faults: Faults,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) config: LogConfig,
    entropy: Arc<SeededEntropy>,
    /// A real directory, used instead of `disk`.
    dir: Option<TempDir>,
    open: Mutex<Option<Arc<SegmentLog>>>,
}

impl Rig {
    /// An empty disk in memory, and small segments.
    pub(crate) fn new() -> Self {
        Self::with(small())
    }

    /// An empty disk in memory.
    pub(crate) fn with(config: LogConfig) -> Self {
        Self::on(MemoryDisk::default(), config)
    }

    /// A log on `disk`.
    pub(crate) fn on(disk: MemoryDisk, config: LogConfig) -> Self {
        // A salt that depends on what is there: another start has another.
        let entropy = Arc::new(SeededEntropy::new(disk.names().len() as u64));
        let (clock, faults) = (Arc::default(), Faults::default());
        let _release = Release(faults.clone());
        Self { _release, disk, faults, clock, config, entropy, dir: None, open: Mutex::default() }
    }

    /// A log in a directory of the system.
    pub(crate) fn real() -> Self {
        Self { dir: Some(tempfile::tempdir().unwrap()), ..Self::new() }
    }

    fn disk(&self) -> Box<dyn Disk> {
        match &self.dir {
            Some(dir) => Box::new(FaultyDisk::new(RealDisk::open(dir.path()).unwrap(), self.faults.clone())),
            None => Box::new(FaultyDisk::new(self.disk.clone(), self.faults.clone())),
        }
    }

    /// Opens the log, closing the one that was open.
    pub(crate) fn try_start(&self) -> Result<Arc<SegmentLog>, OpenError> {
        self.stop();
        let (clock, entropy) = (Arc::clone(&self.clock), Arc::clone(&self.entropy));
        let log = Arc::new(SegmentLog::open(self.disk(), self.config, clock, entropy)?);
        *self.open.lock().unwrap() = Some(Arc::clone(&log));
        Ok(log)
    }

    /// Opens the log, which must succeed.
    pub(crate) fn start(&self) -> Arc<SegmentLog> {
        self.try_start().unwrap_or_else(|error| panic!("{error}: {error:?}"))
    }

    /// Closes the log that is open.
    pub(crate) fn stop(&self) {
        if let Some(log) = self.open.lock().unwrap().take() {
            log.close();
        }
    }

    /// Closes the log on another thread.
    pub(crate) fn stop_aside(&self) -> JoinHandle<()> {
        let log = self.open.lock().unwrap().take().unwrap();
        std::thread::spawn(move || log.close())
    }

    /// Lets the next group fail for want of space, half-way.
    pub(crate) fn fill_up(&self) {
        self.faults.fail(Call::Write, ".seg", 0, Fault::Half(NO_SPACE));
    }
}

struct Release(Faults);

impl Drop for Release {
    fn drop(&mut self) {
        self.0.release();
    }
}

#[async_trait]
impl Fixture for Rig {
    async fn open(&self) -> Arc<dyn EventLog> {
        self.start()
    }

    async fn reopen(&self, log: Arc<dyn EventLog>) -> Arc<dyn EventLog> {
        drop(log);
        self.start()
    }

    fn clock(&self) -> &ManualClock {
        &self.clock
    }

    fn break_next_append(&self) -> bool {
        self.fill_up();
        true
    }

    fn wait_out_refusal(&self) {
        self.clock.advance_ms(1001);
    }
}
