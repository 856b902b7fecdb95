//! `tidegate rebuild`: derives the views again from the log, or compares them with a rebuild.

mod embedded;
mod postgres;

use std::sync::Arc;

use anyhow::bail;
use serde_json::json;
use tidegate_domain::assessment::Screener;
use tidegate_domain::id::Position;
use tidegate_domain::ports::{Control, EventLog, Feed, Views};
use tidegate_engine::labels::Labels;
use tidegate_engine::pipeline::{BatchReport, Observer, Parts, Pipeline};

use super::command::RebuildArgs;
use super::out;
use crate::app;
use crate::config::Config;

/// What texts are screened by.
struct Rules {
    screener: Arc<dyn Screener>,
    labels: Arc<Labels>,
}

impl Rules {
    async fn open(
        screener: Arc<dyn Screener>,
        log: Arc<dyn EventLog>,
        control: Arc<dyn Control>,
    ) -> anyhow::Result<Self> {
        let labels = Labels::open(log, control, Arc::clone(&screener)).await?;
        Ok(Self { screener, labels: Arc::new(labels) })
    }
}

struct Silent;

impl Observer for Silent {
    fn committed(&self, _: &BatchReport) {}
}

/// Rebuilds or compares. Errors: others hold what it needs, or (with `--check`) they differ.
pub(super) async fn run(args: &RebuildArgs, config: &Config) -> anyhow::Result<()> {
    if config.store.url.is_empty() {
        embedded::run(args, config).await
    } else {
        Box::pin(postgres::run(args, config)).await
    }
}

fn can_be_compared(first: Position) -> anyhow::Result<()> {
    if first > Position(0) {
        bail!(
            "events before position {first} were deleted by retention: the views remember them and a rebuild cannot, \
             so the two cannot be compared"
        );
    }
    Ok(())
}

/// Folds all that `feed` holds now and `views` do not.
async fn fold(
    feed: Arc<dyn Feed>,
    views: Arc<dyn Views>,
    rules: &Rules,
    config: &Config,
) -> anyhow::Result<()> {
    let mut pipeline = Pipeline::open(Parts {
        feed,
        views,
        screener: Arc::clone(&rules.screener),
        labels: Some(Arc::clone(&rules.labels)),
        // What the log says of analyses is folded; nothing is analysed again.
        trigger: None,
        observer: Arc::new(Silent),
        half_life: app::half_life(config),
        batch_max_bytes: config.pipeline.batch_max_bytes,
    })
    .await?;
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

fn say_compared(args: &RebuildArgs, events: u64, differences: &[String]) -> anyhow::Result<()> {
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

fn say_rebuilt(args: &RebuildArgs, events: u64, first: Position) {
    out::say(&if args.json {
        json!({"events": events}).to_string()
    } else {
        let gone = match first {
            Position(0) => String::new(),
            first => format!("; those before {first} were deleted by retention and count no more"),
        };
        format!("rebuilt from {events} positions{gone}")
    });
}
