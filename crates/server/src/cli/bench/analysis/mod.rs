//! `tidegate bench analysis`: what analyses cost those who send events, how fast they go, and what they save.

mod acks;
mod backlog;
mod bursts;
mod counts;
mod savings;
mod script;
mod store;
mod table;
mod vendor;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use tidegate_domain::ports::Clock;

use super::machine::Machine;
use super::traffic::{Said, Traffic};
use crate::cli::interrupt::Interrupt;
use crate::cli::out;
use crate::clock::SystemClock;
use table::Numbers;

/// Settings of a server without analyses.
const OFF: [(&str, &str); 2] =
    [("TIDEGATE_ANALYSIS__SESSION_ENABLED", "false"), ("TIDEGATE_ANALYSIS__COT_ENABLED", "false")];

/// Measures what analyses cost and save: how long senders wait with them and without, how fast a backlog goes, how many
/// analyses a burst costs, and how many calls of a model are saved.
///
/// Starts its own servers on free ports and directories of their own, and a vendor of its own that counts calls. The
/// load generator shares the machine with them. Prints a Markdown table.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  tidegate bench analysis --seconds 3 --only acks --only backlog")]
pub struct Args {
    /// Seconds of each measurement of a load
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=600))]
    pub seconds: u32,
    /// How often everything is measured; medians are shown
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=99))]
    pub repetitions: u16,
    /// Measure this alone; may be repeated
    #[arg(long, value_enum)]
    pub only: Vec<Part>,
    /// Where servers keep their data; the system's temporary directory if absent
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Print the numbers as JSON
    #[arg(long)]
    pub json: bool,
}

/// What can be measured alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// How long senders wait, with analyses and without
    Acks,
    /// How fast sessions that wait are worked off
    Backlog,
    /// How many analyses a burst costs
    Bursts,
    /// How many calls of a model are saved
    Savings,
    /// What jobs cost in their store
    Store,
}

impl Part {
    const ALL: [Self; 5] = [Self::Acks, Self::Backlog, Self::Bursts, Self::Savings, Self::Store];

    /// How it is measured, in words.
    fn about(self) -> String {
        match self {
            Self::Acks => format!(
                "Acks: {} connections of single events of 2000 live sessions; a server of its own for each load, with the \
                 defaults and with both analyses off, in turn; on / off is of one round",
                acks::CONNECTIONS
            ),
            Self::Backlog => format!(
                "Backlog: {} sessions of {} events wait while their jobs are paused; the clock runs from their release to \
                 the last answer in the log",
                backlog::SESSIONS,
                backlog::EVENTS
            ),
            Self::Bursts => format!(
                "Bursts: {} sessions of {} events each, within half a window, or evenly over {} windows",
                bursts::SESSIONS,
                bursts::BURST_EVENTS,
                bursts::LASTING_WINDOWS
            ),
            Self::Savings => format!(
                "Savings: {} sessions of {} events in {} turns, 8 of 20 on one of six scripts, 3 of 20 risky; a vendor in the \
                 bench answers after {} ms",
                savings::SESSIONS,
                script::EVENTS,
                script::TURNS,
                savings::ANSWER_AFTER.as_millis()
            ),
            Self::Store => format!(
                "Jobs: {} in a call to the store of one file, medians of a round's calls, each with one sync",
                store::BATCH
            ),
        }
    }
}

/// A bench under way.
struct Bench {
    /// Where servers keep their data.
    dir: PathBuf,
    /// Time that a load is measured.
    measured: Duration,
    /// One event a request.
    singles: Arc<Traffic>,
    /// What is said, for sessions of other shapes.
    said: Vec<Said>,
    /// What of it is not risky.
    everyday: Vec<Said>,
}

/// Runs `tidegate bench analysis`. Errors: a server does not start, or refuses what it should take.
pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let dir = args.dir.clone().unwrap_or_else(std::env::temp_dir);
    let machine = Machine::here(&dir);
    let mut interrupt = Interrupt::listen()?;
    let bench = Bench {
        dir,
        measured: Duration::from_secs(u64::from(args.seconds)),
        singles: Arc::new(Traffic::singles(false, SystemClock.now())),
        said: Said::generation().collect(),
        everyday: Said::generation().filter(|said| !said.is_risky()).collect(),
    };
    let parts = if args.only.is_empty() { Part::ALL.to_vec() } else { args.only.clone() };
    let numbers = tokio::select! {
        numbers = measure(&bench, &parts, args.repetitions) => numbers?,
        () = interrupt.wait() => bail!("interrupted"),
    };
    let mut about = vec![format!(
        "{} rounds; each load measured for {} s after 0.5 s of warm-up",
        args.repetitions, args.seconds
    )];
    about.extend(parts.iter().map(|part| part.about()));
    let report = if args.json {
        numbers.json(&machine, &about).to_string()
    } else {
        numbers.markdown(&machine, &about)
    };
    out::say(&report);
    Ok(())
}

/// Everything, in rounds: what is compared is measured within the same minutes.
async fn measure(bench: &Bench, parts: &[Part], rounds: u16) -> anyhow::Result<Numbers> {
    let mut numbers = Numbers::default();
    for round in 1..=rounds {
        out::note(&format!("round {round} of {rounds}"));
        for part in parts {
            match part {
                Part::Acks => acks::round(bench, round, &mut numbers).await?,
                Part::Backlog => backlog::round(bench, &mut numbers).await?,
                Part::Bursts => bursts::round(bench, &mut numbers).await?,
                Part::Savings => savings::round(bench, &mut numbers).await?,
                Part::Store => store::round(bench, &mut numbers).await?,
            }
            out::note(&format!("  {part:?}: done"));
        }
    }
    Ok(numbers)
}
