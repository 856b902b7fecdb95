//! `tidegate bench`: what this machine does, each number beside its baseline.

mod analysis;
mod bare_log;
mod baseline;
mod child;
mod cores;
mod crowds;
mod growth;
mod ingest;
mod load;
mod machine;
mod memory;
mod overload;
mod readers;
mod report;
mod scenarios;
mod scratch;
mod screen;
mod store;
mod storm;
mod traffic;
mod wire;

/// Measures this machine.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// What to measure
    #[command(subcommand)]
    pub command: Command,
}

/// What to measure.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Events in: throughput, latency, freshness, memory, start time. Example: tidegate bench ingest --quick
    Ingest(ingest::Args),
    /// Overload: three times capacity, memory, refusals, drain. Example: tidegate bench overload --seconds 10
    Overload(overload::Args),
    /// Crowds: one large session, many sessions, many idle readers. Example: tidegate bench crowds --readers 1000
    Crowds(crowds::Args),
    /// Cost of an event, a page and a start as the log grows. Example: tidegate bench growth --dir /some/disk
    Growth(growth::Args),
    /// A PostgreSQL store beside bare inserts, and two workers. Example: tidegate --store URL bench store
    Store(store::Args),
    /// Screening on request: latency at 5 000/s, and the embedding tier. Example: tidegate bench screen --model DIR
    Screen(screen::Args),
    /// Analyses: what senders wait, analyses a second, model calls saved. Example: tidegate bench analysis --only acks
    Analysis(analysis::Args),
    /// The bare server that `bench ingest` compares with
    #[command(hide = true)]
    ServeBaseline(baseline::Args),
}

/// Runs `tidegate bench`. Errors: a server does not start, or refuses what it should take.
pub async fn run(args: Args, config: crate::config::Config) -> anyhow::Result<()> {
    match args.command {
        Command::Ingest(args) => ingest::run(args, config).await,
        Command::Overload(args) => overload::run(args, config).await,
        Command::Crowds(args) => crowds::run(args).await,
        Command::Growth(args) => growth::run(args, config).await,
        Command::Store(args) => store::run(args, config).await,
        Command::Screen(args) => screen::run(args).await,
        Command::Analysis(args) => analysis::run(args).await,
        Command::ServeBaseline(args) => baseline::run(args).await,
    }
}
