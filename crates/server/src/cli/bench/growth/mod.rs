//! `tidegate bench growth`: what an event, a page and a start cost as the log grows.

mod cost;
mod life;
mod table;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use hyper::{Method, header};

use super::child::Server;
use super::machine::Machine;
use super::scratch::Scratch;
use crate::cli::client::Client;
use crate::cli::interrupt::Interrupt;
use crate::cli::out;
use crate::config::Config;
use life::Life;
use table::Numbers;

/// Measures the cost of an event, of a session's page and of a start with more and more events stored.
///
/// Fills a log in this process, once without idempotency keys and once with a new key for each event, and folds the
/// second one. About 1 GB of disk for a million events, removed afterwards. Prints a Markdown table.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  tidegate bench growth --sizes 100000,1000000 --dir /some/disk")]
pub struct Args {
    /// Stored events at which is measured, rising
    #[arg(long, value_delimiter = ',', value_name = "N,N,…", default_values_t = [100_000, 1_000_000, 10_000_000])]
    pub sizes: Vec<u64>,
    /// Where the data is kept meanwhile; the system's temporary directory if absent
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// Runs `tidegate bench growth`. Errors: the sizes do not rise, or the disk fails.
pub(super) async fn run(args: Args, config: Config) -> anyhow::Result<()> {
    let [smallest, ..] = args.sizes[..] else { bail!("--sizes: at least one") };
    if smallest < 1000 || !args.sizes.is_sorted_by(|a, b| a < b) {
        bail!("--sizes: at least 1000, and rising");
    }
    let dir = args.dir.clone().unwrap_or_else(std::env::temp_dir);
    let machine = Machine::here(&dir);
    let mut interrupt = Interrupt::listen()?;
    let mut numbers = Numbers::new(&args.sizes);
    tokio::select! {
        done = measure(&mut numbers, &dir, &config) => done?,
        () = interrupt.wait() => bail!("interrupted"),
    }
    out::say(&numbers.markdown(&machine));
    Ok(())
}

async fn measure(numbers: &mut Numbers, dir: &std::path::Path, config: &Config) -> anyhow::Result<()> {
    for has_keys in [false, true] {
        let scratch = Scratch::new(dir)?;
        let life = Life::open(scratch.path(), config, has_keys)?;
        for number in 0..numbers.sizes.len() {
            let size = numbers.sizes[number];
            out::note(&format!("{size} events, {} keys", if has_keys { "with" } else { "no" }));
            life.fill(size).await?;
            let cost = life.cost().await?;
            let at = &mut numbers.at[number];
            if has_keys {
                at.keyed = cost;
                at.fold = life.fold().await?;
                (at.page_us, at.disk) = (life.page_us().await?, life.disk()?);
            } else {
                at.plain = cost;
            }
        }
        life.close().await?;
        if has_keys {
            numbers.start = crash_and_start(scratch.path()).await?;
        }
    }
    Ok(())
}

/// Has a server work on the data of `dir`, kills it, and starts it again: from the start of the process to its first
/// answer.
async fn crash_and_start(dir: &std::path::Path) -> anyhow::Result<Duration> {
    let first = Server::tidegate(dir, &[]).await?;
    let mut client = Client::new(first.address.into(), None)?;
    let json = [(header::CONTENT_TYPE, "application/json")];
    let event = bytes::Bytes::from_static(b"{\"type\":\"message.user\",\"content\":\"before the crash\"}");
    client.send(Method::POST, "/v1/events", &json, event).await?.success().context("the last event")?;
    drop(first);
    Ok(Server::tidegate(dir, &[]).await?.started_in)
}
