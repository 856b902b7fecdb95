//! `tidegate bench ingest`: the numbers of the main job.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;

use super::machine::Machine;
use super::scenarios::{BATCH_CONNECTIONS, Bench, FRESH_EVENTS_PER_SECOND, OPEN_EVENTS_PER_SECOND};
use crate::cli::interrupt::Interrupt;
use crate::cli::out;
use crate::config::Config;

/// Measures how many events are taken in, how quickly, and how soon they are visible; memory and start time too.
///
/// Starts its own servers on free ports and directories of their own, and a bare server to compare with. The load
/// generator shares the machine with them. Prints a Markdown table.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  tidegate bench ingest --seconds 5 --json > numbers.json")]
pub struct Args {
    /// Seconds of each measurement
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=600))]
    pub seconds: u32,
    /// Connections that send single events
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub connections: u16,
    /// Events of a batch
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u16).range(2..=1000))]
    pub batch: u16,
    /// How often everything is measured; medians are shown
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=99))]
    pub repetitions: u16,
    /// Millions of events in the log whose start is timed; 0 leaves that out
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub events_millions: u64,
    /// Give each event an idempotency key
    #[arg(long)]
    pub keys: bool,
    /// Where servers keep their data; the system's temporary directory if absent
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// A glance: one second, once, no full log
    #[arg(long)]
    pub quick: bool,
    /// Print the numbers as JSON
    #[arg(long)]
    pub json: bool,
}

impl Args {
    /// The arguments with what `--quick` means.
    fn settled(self) -> Self {
        if self.quick { Self { seconds: 1, repetitions: 1, events_millions: 0, ..self } } else { self }
    }

    fn about(&self) -> Vec<String> {
        vec![
            format!("Each measured {} × {} s, after 0.5 s of warm-up", self.repetitions, self.seconds),
            format!(
                "{} connections of single events, open loops at {OPEN_EVENTS_PER_SECOND} and {FRESH_EVENTS_PER_SECOND} \
                 events/s; {BATCH_CONNECTIONS} connections of batches of {}; {} idempotency keys",
                self.connections,
                self.batch,
                if self.keys { "with" } else { "no" }
            ),
            "A: a bare axum handler that reads the same JSON and answers a constant. B: the log alone, in process. \
             The load generator shares the cores."
                .to_owned(),
        ]
    }
}

/// Runs `tidegate bench ingest`. Errors: a server does not start, or refuses what it should take.
pub(super) async fn run(args: Args, config: Config) -> anyhow::Result<()> {
    let args = args.settled();
    let dir = args.dir.clone().unwrap_or_else(std::env::temp_dir);
    let machine = Machine::here(&dir);
    let mut interrupt = Interrupt::listen()?;
    let measured = Duration::from_secs(u64::from(args.seconds));
    let (connections, batch) = (usize::from(args.connections), usize::from(args.batch));
    let mut bench = Bench::new(dir, config, connections, batch, measured, args.keys);
    tokio::select! {
        done = measure(&mut bench, &args) => done?,
        () = interrupt.wait() => bail!("interrupted"),
    }
    let about = args.about();
    let report = if args.json {
        bench.numbers.json(&machine, &about).to_string()
    } else {
        bench.numbers.markdown(&machine, &about)
    };
    out::say(&report);
    Ok(())
}

/// Everything, in rounds: what is compared is measured within the same minute.
async fn measure(bench: &mut Bench, args: &Args) -> anyhow::Result<()> {
    let events = args.events_millions * 1_000_000;
    for round in 1..=args.repetitions {
        out::note(&format!("round {round} of {}", args.repetitions));
        bench.bare_handler().await?;
        bench.bare_log().await?;
        bench.singles().await?;
        let paused = bench.batches_paused().await?;
        if round == args.repetitions && events > 0 {
            bench.full_start(paused, events, args.repetitions.into()).await?;
        } else {
            drop(paused);
        }
        bench.batches_running().await?;
        bench.freshness().await?;
        bench.idle().await?;
    }
    Ok(())
}
