//! Rebuilding the views in a data directory, which this process needs for itself.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use tidegate_domain::ports::EventLog;
use tidegate_engine::pipeline::WholeLog;
use tidegate_store_embedded::views::EmbeddedViews;

use super::{Rules, can_be_compared, differences, fold, say_compared, say_rebuilt};
use crate::app;
use crate::cli::command::RebuildArgs;
use crate::config::Config;
use crate::screening;
use crate::stores::{VIEWS_FILE, open_embedded};

/// The new views, until they take the old ones' place.
const DRAFT_FILE: &str = "views.sqlite.rebuild";

pub(super) async fn run(args: &RebuildArgs, config: &Config) -> anyhow::Result<()> {
    let screener = screening::open(config)?.screener;
    let stores = open_embedded(config, screener.as_ref())?;
    let (dir, first) = (&config.server.data_dir, stores.log.first());
    if args.check {
        can_be_compared(first)?;
    }
    let draft = dir.join(DRAFT_FILE);
    remove(&draft)?;
    let version = app::fold_version(screener.as_ref());
    let rebuilt = Arc::new(EmbeddedViews::open(&draft, app::half_life(config), &version)?);
    let rules = Rules::open(screener, stores.log.clone(), stores.control.clone()).await?;
    let log = Arc::new(WholeLog(stores.log.clone()));
    fold(log.clone(), rebuilt.clone(), &rules, config).await.context("the log could not be folded")?;
    let events = stores.log.tail().0 - first.0;
    if args.check {
        // The old ones may trail the log after a crash; they are compared as they will be after the next start.
        fold(log, stores.views.clone(), &rules, config).await.context("the log could not be folded")?;
        let differences = differences(stores.views.as_ref(), rebuilt.as_ref()).await?;
        drop(rebuilt);
        remove(&draft)?;
        return say_compared(args, events, &differences);
    }
    drop((log, rebuilt, rules, stores));
    std::fs::remove_file(dir.join(VIEWS_FILE)).context("the old views cannot be removed")?;
    remove(&dir.join(VIEWS_FILE))?;
    std::fs::rename(&draft, dir.join(VIEWS_FILE)).context("the new views cannot take their place")?;
    remove(&draft)?;
    say_rebuilt(args, events, first);
    Ok(())
}

/// Removes a database and the files SQLite keeps beside it.
fn remove(path: &Path) -> anyhow::Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match std::fs::remove_file(&name) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove {}", Path::new(&name).display()));
            }
            _ => {}
        }
    }
    Ok(())
}
