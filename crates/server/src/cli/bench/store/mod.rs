//! `tidegate bench store`: what a database takes from us, beside what it takes from bare inserts in the same run.

mod bare;
mod batches;
mod processes;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};

use super::machine::Machine;
use super::report::{median, shown};
use crate::cli::{interrupt::Interrupt, out};
use crate::config::Config;
use crate::screening;
use crate::stores::open_postgres;
use bare::Bare;
use batches::{Batches, append};
use processes::{folded_by_two, singles};

/// Events of a batch, as the store's own goal has it.
const BATCH_EVENTS: usize = 500;
/// Connections that send single events, and rows of the bare insert that stands beside them.
const CONNECTIONS: usize = 64;
/// Events that two workers fold.
const FOLDED_EVENTS: u64 = 200_000;
/// Events appended to see what one costs at a size, so many times; the median counts, for checkpoints come and go.
const STRETCH_EVENTS: u64 = 20_000;
const STRETCHES: usize = 7;

/// Measures a PostgreSQL store: needs --store with an empty database that may be filled.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Example:\n  tidegate --store postgres://me@localhost/bench bench store --stream redis://localhost"
)]
pub struct Args {
    /// Seconds of each measurement
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Repetitions; medians are shown
    #[arg(long, default_value_t = 3)]
    repetitions: usize,
    /// Sizes of the log at which the cost of an event is measured; rising
    #[arg(long, value_delimiter = ',', default_values_t = [100_000, 1_000_000])]
    sizes: Vec<u64>,
    /// A Redis: measures how fast two workers fold what it brings
    #[arg(long, value_name = "URL")]
    stream: Option<String>,
    /// Where servers keep what is their own
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Runs `tidegate bench store`. Errors: no database, one that is not empty, or one that fails.
pub(super) async fn run(args: Args, config: Config) -> anyhow::Result<()> {
    if config.store.url.is_empty() {
        bail!("--store: name an empty database");
    }
    let dir = args.dir.clone().unwrap_or_else(std::env::temp_dir);
    let machine = Machine::here(&dir);
    let mut interrupt = Interrupt::listen()?;
    let rows = tokio::select! {
        rows = measure(&args, &config, &dir) => rows?,
        () = interrupt.wait() => bail!("interrupted"),
    };
    let mut report = machine.lines();
    report.extend(["".to_owned(), "| what | value |".to_owned(), "|---|---:|".to_owned()]);
    report.extend(rows.iter().map(|(what, value)| format!("| {what} | {value} |")));
    out::say(&report.join("\n"));
    Ok(())
}

type Rows = Vec<(String, String)>;

async fn measure(args: &Args, config: &Config, dir: &std::path::Path) -> anyhow::Result<Rows> {
    let screener = screening::open(config)?.screener;
    let stores = open_postgres(config, screener.as_ref()).await?;
    if stores.log.shards() == 0 || tidegate_domain::ports::EventLog::tail(stores.log.as_ref()).0 > 0 {
        bail!("the database holds events: name an empty one");
    }
    let measured = Duration::from_secs(args.seconds);
    let mut batches = Batches::new(BATCH_EVENTS);
    let bare = Bare::open(config.store.url.expose()).await?;
    let (mut bare_large, mut bare_small, mut ours, mut served) = (vec![], vec![], vec![], vec![]);
    for _ in 0..args.repetitions {
        bare_large.push(bare.rate(&mut batches, BATCH_EVENTS, measured).await?);
        ours.push(append(stores.log.as_ref(), &mut batches, measured).await?);
        bare_small.push(bare.rate(&mut batches, CONNECTIONS, measured).await?);
        served.push(singles(dir, config, CONNECTIONS, measured).await?);
        out::note("  a repetition is done");
    }
    let median = |values: Vec<f64>| median(values).context("at least one repetition");
    let (bare_large, ours) = (median(bare_large)?, median(ours)?);
    let (bare_small, served) = (median(bare_small)?, median(served)?);
    let mut rows = vec![
        (format!("bare inserts of {BATCH_EVENTS}, same indexes, rows/s"), shown(bare_large)),
        (format!("log.append of {BATCH_EVENTS}, events/s"), shown(ours)),
        ("ratio".to_owned(), format!("{:.2}", ours / bare_large)),
        (format!("bare inserts of {CONNECTIONS}, same indexes, rows/s"), shown(bare_small)),
        (format!("single events over HTTP, {CONNECTIONS} connections, events/s"), shown(served)),
        ("ratio".to_owned(), format!("{:.2}", served / bare_small)),
    ];
    for size in &args.sizes {
        out::note(&format!("  filling to {size} events"));
        batches::fill(stores.log.as_ref(), &mut batches, *size).await?;
        let mut costs = Vec::new();
        for _ in 0..STRETCHES {
            costs.push(batches::cost_us(stores.log.as_ref(), &mut batches, STRETCH_EVENTS).await?);
        }
        rows.push((format!("log.append at {size} events, us an event"), format!("{:.1}", median(costs)?)));
    }
    bare.drop_tables().await?;
    stores.log.close().await;
    for (what, stream) in [("by the database alone", None), ("by Redis", args.stream.as_deref())] {
        if stream.is_none() && what == "by Redis" {
            continue;
        }
        let rate = folded_by_two(dir, config, stream, &mut batches, FOLDED_EVENTS).await?;
        rows.push((format!("two workers fold what comes {what}, events/s"), shown(rate)));
    }
    Ok(rows)
}
