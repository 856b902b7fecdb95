//! `tidegate rebuild`: derives the views again from the log, or compares them with a rebuild.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use serde_json::json;
use tidegate_domain::id::Position;
use tidegate_domain::ports::{EventLog, Views};
use tidegate_engine::pipeline::{BatchReport, Observer, Pipeline, WholeLog};
use tidegate_store_embedded::views::EmbeddedViews;

use super::command::RebuildArgs;
use super::out;
use crate::app;
use crate::config::Config;
use crate::stores::{EmbeddedStores, VIEWS_FILE, open_embedded};

/// The new views, until they take the old ones' place.
const DRAFT_FILE: &str = "views.sqlite.rebuild";

struct Silent;

impl Observer for Silent {
    fn committed(&self, _: &BatchReport) {}
}

/// Rebuilds or compares. Needs the data directory for itself. Errors: it is in use, or (with `--check`) they differ.
pub(super) async fn run(args: &RebuildArgs, config: &Config) -> anyhow::Result<()> {
    let screener = app::screener(config)?;
    let stores = open_embedded(config, screener.as_ref())?;
    let (dir, first) = (&config.server.data_dir, stores.log.first());
    if args.check && first > Position(0) {
        bail!(
            "events before position {first} were deleted by retention: the views remember them and a rebuild cannot, \
             so the two cannot be compared"
        );
    }
    let draft = dir.join(DRAFT_FILE);
    remove(&draft)?;
    let version = app::fold_version(screener.as_ref());
    let rebuilt = Arc::new(EmbeddedViews::open(&draft, app::half_life(config), &version)?);
    fold(&stores, screener.clone(), rebuilt.clone(), config).await.context("the log could not be folded")?;
    let events = stores.log.tail().0 - first.0;
    if args.check {
        // The old ones may trail the log after a crash; they are compared as they will be after the next start.
        fold(&stores, screener, stores.views.clone(), config).await.context("the log could not be folded")?;
        let differences = differences(stores.views.as_ref(), rebuilt.as_ref()).await?;
        drop(rebuilt);
        remove(&draft)?;
        return report(args, events, &differences);
    }
    drop(rebuilt);
    drop(stores);
    std::fs::remove_file(dir.join(VIEWS_FILE)).context("the old views cannot be removed")?;
    remove(&dir.join(VIEWS_FILE))?;
    std::fs::rename(&draft, dir.join(VIEWS_FILE)).context("the new views cannot take their place")?;
    remove(&draft)?;
    out::say(&if args.json {
        json!({"events": events}).to_string()
    } else {
        let gone = match first {
            Position(0) => String::new(),
            first => format!("; those before {first} were deleted by retention and count no more"),
        };
        format!("rebuilt from {events} positions{gone}")
    });
    Ok(())
}

async fn fold(
    stores: &EmbeddedStores,
    screener: Arc<dyn tidegate_domain::assessment::Screener>,
    views: Arc<dyn Views>,
    config: &Config,
) -> anyhow::Result<()> {
    let log = Arc::new(WholeLog(stores.log.clone()));
    let bytes = config.pipeline.batch_max_bytes;
    let mut pipeline =
        Pipeline::open(log, views, screener, Arc::new(Silent), app::half_life(config), bytes).await?;
    pipeline.catch_up(|_| {}).await.map_err(|error| anyhow::anyhow!(error))
}

/// The first rows in which the two differ.
async fn differences(kept: &dyn Views, rebuilt: &dyn Views) -> anyhow::Result<Vec<String>> {
    const SHOWN_MAX: usize = 10;
    let (kept, rebuilt) = (kept.dump().await?, rebuilt.dump().await?);
    let longest = kept.len().max(rebuilt.len());
    let row = |rows: &[String], at: usize| rows.get(at).cloned().unwrap_or_else(|| "nothing".to_owned());
    let differ = (0..longest).filter(|at| kept.get(*at) != rebuilt.get(*at));
    Ok(differ
        .take(SHOWN_MAX)
        .map(|at| format!("row {at}: kept {} | rebuilt {}", row(&kept, at), row(&rebuilt, at)))
        .collect())
}

fn report(args: &RebuildArgs, events: u64, differences: &[String]) -> anyhow::Result<()> {
    let equal = differences.is_empty();
    if args.json {
        out::say(&json!({"events": events, "equal": equal, "differences": differences}).to_string());
    } else if equal {
        out::say(&format!("the views equal a rebuild from {events} positions, row by row"));
    } else {
        differences.iter().for_each(|difference| out::say(difference));
    }
    if equal { Ok(()) } else { bail!("the views differ from a rebuild") }
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
