//! The stores in a data directory, held by one process.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use tidegate_domain::assessment::Screener;
use tidegate_domain::id::Position;
use tidegate_domain::ports::EventLog;
use tidegate_store_embedded::control::EmbeddedControl;
use tidegate_store_embedded::disk::{RealDisk, make_dir};
use tidegate_store_embedded::jobs::EmbeddedJobs;
use tidegate_store_embedded::lock::DirectoryLock;
use tidegate_store_embedded::log::{LogConfig, SegmentLog};
use tidegate_store_embedded::views::EmbeddedViews;

use super::queue_limits;
use crate::app::{fold_version, half_life};
use crate::clock::{SystemClock, SystemEntropy};
use crate::config::Config;

/// The log's directory inside the data directory.
pub const LOG_DIR: &str = "log";
/// The file of Views inside the data directory.
pub const VIEWS_FILE: &str = "views.sqlite";
/// The file of Control inside the data directory.
pub const CONTROL_FILE: &str = "control.sqlite";
/// The file of jobs inside the data directory.
pub const JOBS_FILE: &str = "jobs.sqlite";

/// An empty file that says that a restore into the directory is not finished.
pub(crate) const RESTORE_MARK: &str = "restore.unfinished";

/// The stores of a data directory, held by this process alone.
pub struct EmbeddedStores {
    /// The log; closed by [`SegmentLog::close`].
    pub log: Arc<SegmentLog>,
    /// Views.
    pub views: Arc<EmbeddedViews>,
    /// Projects and keys.
    pub control: Arc<EmbeddedControl>,
    /// Work to be done.
    pub jobs: Arc<EmbeddedJobs>,
    _lock: DirectoryLock,
}

/// How the log is kept.
pub fn log_config(config: &Config) -> LogConfig {
    LogConfig {
        segment_max_bytes: config.log.segment_max_bytes,
        recent_max_bytes: config.log.recent_max_bytes,
        queue: queue_limits(config),
        ..LogConfig::default()
    }
}

/// Takes the data directory and opens what is in it.
pub fn open(config: &Config, screener: &dyn Screener) -> anyhow::Result<EmbeddedStores> {
    let dir = &config.server.data_dir;
    make_dir(dir).with_context(|| format!("data directory {}", dir.display()))?;
    let lock = DirectoryLock::take(dir).with_context(|| format!("data directory {}", dir.display()))?;
    refuse_half_restored(dir)?;
    let log = open_log(&dir.join(LOG_DIR), config)?;
    let (views, version) = (dir.join(VIEWS_FILE), fold_version(screener));
    let views = EmbeddedViews::open_for(&views, half_life(config), &version, log.tail())
        .context("views cannot be opened")?;
    let control = open_control(&dir.join(CONTROL_FILE), log.tail())?;
    let jobs = EmbeddedJobs::open(&dir.join(JOBS_FILE)).context("jobs cannot be opened")?;
    // The directory's lock says that nobody else runs jobs.
    jobs.end_leases().context("jobs cannot be opened")?;
    let (views, control, jobs) = (Arc::new(views), Arc::new(control), Arc::new(jobs));
    Ok(EmbeddedStores { log: Arc::new(log), views, control, jobs, _lock: lock })
}

/// Opens Control; a new one beside a log with events means that keys were lost, which must not pass in silence.
fn open_control(path: &Path, log_end: Position) -> anyhow::Result<EmbeddedControl> {
    let is_missing = !path.metadata().is_ok_and(|file| file.len() > 0);
    if is_missing && log_end > Position::default() {
        tracing::error!(
            path = %path.display(),
            "the log holds events, but projects and keys are missing: a new, empty file is made, and keys made before are \
             refused; to have them back, stop, and restore the file from a backup"
        );
    }
    EmbeddedControl::open(path).context("control cannot be opened, `tidegate doctor` says more")
}

/// Control of a data directory that a server may be running on.
pub(super) fn open_control_beside(dir: &Path) -> anyhow::Result<EmbeddedControl> {
    make_dir(dir).with_context(|| format!("data directory {}", dir.display()))?;
    refuse_half_restored(dir)?;
    EmbeddedControl::open(&dir.join(CONTROL_FILE)).context("control cannot be opened")
}

/// Jobs of a data directory that a server may be running on.
pub(super) fn open_jobs_beside(dir: &Path) -> anyhow::Result<EmbeddedJobs> {
    make_dir(dir).with_context(|| format!("data directory {}", dir.display()))?;
    refuse_half_restored(dir)?;
    EmbeddedJobs::open(&dir.join(JOBS_FILE)).context("jobs cannot be opened")
}

/// Errors: `tidegate restore` works on `dir`, or did not finish.
pub(crate) fn refuse_half_restored(dir: &Path) -> anyhow::Result<()> {
    if dir.join(RESTORE_MARK).exists() {
        bail!(
            "a restore into the data directory {} is under way or did not finish: unless it runs, delete what is in the \
             directory and restore again",
            dir.display()
        );
    }
    Ok(())
}

fn open_log(dir: &Path, config: &Config) -> anyhow::Result<SegmentLog> {
    let disk = RealDisk::open(dir).with_context(|| format!("log directory {}", dir.display()))?;
    SegmentLog::open(Box::new(disk), log_config(config), Arc::new(SystemClock), Arc::new(SystemEntropy))
        .context("the log cannot be opened")
}
