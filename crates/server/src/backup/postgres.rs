//! The database as what is saved, and as what is restored to.

use std::path::Path;

use anyhow::Context;
use tidegate_store_postgres::control::PostgresControl;
use tidegate_store_postgres::log::{Export, Restore};

use super::Progress;
use super::restore::{Restored, Source};
use super::writer::{Saved, Writer};
use crate::config::Config;
use crate::stores::connect;

/// Records, and bytes of them, that are sent at once.
const BATCH_MAX_RECORDS: usize = 1000;
const BATCH_MAX_BYTES: usize = 4 << 20;

pub(super) async fn save(config: &Config, to: &Path, progress: &mut dyn Progress) -> anyhow::Result<Saved> {
    let database = connect(config).await?;
    let mut export = Export::open(database.clone()).await.context("the log cannot be read")?;
    let mut writer = Writer::begin(to, "postgres", [export.first(), export.tail()], progress)?;
    loop {
        let page = export.page().await.context("the log was not saved")?;
        if page.is_empty() {
            break;
        }
        page.into_iter().try_for_each(|entry| writer.add(entry)).context("the log was not saved")?;
    }
    writer.finish(&PostgresControl::new(database)).await
}

/// Restores `source` into the database, which must hold nothing: all of it, or nothing.
pub(super) async fn restore(config: &Config, mut source: Source<'_>) -> anyhow::Result<Restored> {
    let (database, store) = (connect(config).await?, &config.store);
    let mut target =
        Restore::begin(&database, store.shards, store.partition_max_events, source.first()).await?;
    let (mut batch, mut bytes) = (Vec::new(), 0);
    while let Some(entry) = source.next_record()? {
        bytes += entry.record.len();
        batch.push(entry);
        if batch.len() >= BATCH_MAX_RECORDS || bytes >= BATCH_MAX_BYTES {
            target.add(&batch).await.context("the log cannot be written")?;
            batch.clear();
            bytes = 0;
        }
    }
    target.add(&batch).await.context("the log cannot be written")?;
    let (restored, kept) = source.finish()?;
    target.finish(restored.tail, &kept.projects, &kept.keys, &kept.labels).await?;
    Ok(restored)
}
