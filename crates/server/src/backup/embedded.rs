//! The data directory as what is saved, and as what is restored to.
//!
//! A restore works in place, beside an empty file that keeps servers away ([`RESTORE_MARK`]) until everything is durable.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use tidegate_domain::ports::{Control, EventLog};
use tidegate_store_embedded::control::EmbeddedControl;
use tidegate_store_embedded::disk::{RealDisk, make_dir};
use tidegate_store_embedded::lock::DirectoryLock;
use tidegate_store_embedded::log::{Export, Restore, SegmentLog};

use super::Progress;
use super::restore::{Restored, Source};
use super::writer::{Saved, Writer};
use crate::clock::{SystemClock, SystemEntropy};
use crate::config::Config;
use crate::stores::{CONTROL_FILE, LOG_DIR, RESTORE_MARK, log_config, open_control, refuse_half_restored};

/// What an empty directory may hold: our lock, and what a file system of its own has.
const NOTHING: [&str; 2] = ["LOCK", "lost+found"];

pub(super) async fn save(config: &Config, to: &Path, progress: &mut dyn Progress) -> anyhow::Result<Saved> {
    let dir = &config.server.data_dir;
    let log = dir.join(LOG_DIR);
    if !log.is_dir() {
        bail!("there is nothing to save in the data directory {}", dir.display());
    }
    refuse_half_restored(dir)?;
    if !dir.join(CONTROL_FILE).metadata().is_ok_and(|file| file.len() > 0) {
        bail!("{CONTROL_FILE}, with projects and keys, is missing: `tidegate doctor` says more");
    }
    let export = Export::open(&RealDisk::to_read(&log)).context("the log cannot be read")?;
    let mut writer = Writer::begin(to, "embedded", [export.first(), export.tail()], progress)?;
    export.for_each(|entry| writer.add(entry)).context("the log was not saved")?;
    // Opened last, so that the project of every event is there.
    let control = open_control(config).await?;
    writer.finish(control.as_ref()).await
}

/// Restores `source` into the data directory, which must be empty. What cannot be finished is removed again.
pub(super) async fn restore(config: &Config, source: Source<'_>) -> anyhow::Result<Restored> {
    let dir = &config.server.data_dir;
    make_dir(dir).with_context(|| format!("data directory {}", dir.display()))?;
    let _lock = DirectoryLock::take(dir).with_context(|| format!("data directory {}", dir.display()))?;
    require_empty(dir)?;
    let mark = dir.join(RESTORE_MARK);
    File::create_new(&mark).and_then(|file| file.sync_all()).context("the restore cannot be marked")?;
    sync(dir)?;
    match fill(config, source).await {
        Ok(restored) => {
            sync(dir)?;
            std::fs::remove_file(&mark).context("the mark of the restore cannot be removed")?;
            sync(dir)?;
            Ok(restored)
        }
        Err(error) => {
            clear(dir).with_context(|| format!("after: {error:#}"))?;
            Err(error)
        }
    }
}

fn require_empty(dir: &Path) -> anyhow::Result<()> {
    refuse_half_restored(dir)?;
    for entry in std::fs::read_dir(dir)? {
        let name = entry?.file_name();
        if !NOTHING.iter().any(|nothing| name == *nothing) {
            bail!("the data directory {} is not empty: name a new one with --data-dir", dir.display());
        }
    }
    Ok(())
}

async fn fill(config: &Config, mut source: Source<'_>) -> anyhow::Result<Restored> {
    let dir = &config.server.data_dir;
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    let (log_dir, first) = (dir.join(LOG_DIR), source.first());
    let disk = Box::new(RealDisk::open(&log_dir)?);
    let mut log = Restore::begin(disk, log_config(config), clock.clone(), entropy.clone(), first)?;
    while let Some(entry) = source.next_record()? {
        log.add(&entry).context("the log cannot be written")?;
    }
    let (restored, kept) = source.finish()?;
    log.finish(restored.tail).context("the log cannot be written")?;
    let control = EmbeddedControl::open(&dir.join(CONTROL_FILE))?;
    for project in kept.projects {
        control.create_project(&project.id, project.created_at).await?;
    }
    for key in kept.keys {
        control.insert_key(&key).await?;
    }
    control.put_labels(&kept.labels).await?;
    // As a server will open it; and what an index is missing is made now.
    let log = SegmentLog::open(Box::new(RealDisk::open(&log_dir)?), log_config(config), clock, entropy)?;
    let ends = (log.first(), log.tail());
    log.close();
    if ends != (first, restored.tail) {
        bail!(
            "the restored log reaches from {} to {}, not from {first} to {}",
            ends.0,
            ends.1,
            restored.tail
        );
    }
    Ok(restored)
}

/// Removes what a restore has made of a directory that was empty; the mark last.
fn clear(dir: &Path) -> anyhow::Result<()> {
    let log = dir.join(LOG_DIR);
    if log.exists() {
        std::fs::remove_dir_all(&log).context("the unfinished log cannot be removed")?;
    }
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(dir.join(format!("{CONTROL_FILE}{suffix}")));
    }
    sync(dir)?;
    std::fs::remove_file(dir.join(RESTORE_MARK)).context("the mark of the restore cannot be removed")?;
    sync(dir)
}

fn sync(dir: &Path) -> anyhow::Result<()> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .with_context(|| format!("{} cannot be synced", dir.display()))
}
