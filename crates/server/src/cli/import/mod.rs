//! `tidegate import`: JSONL files into the log, through a door like any other client.
//!
//! - **M1** importing the same file again stores nothing twice: every event made from a row has an idempotency key.
//! - **M2** the rows of a file arrive in their order: one request at a time.
//! - **M3** a bad row never sinks its neighbours; it is named with file, line and reason.
//! - **M4** memory does not grow with the file.

mod batch;
mod lines;
mod report;
mod row;
mod rows;
mod send;
mod target;
mod verdict;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, anyhow, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tidegate_domain::id::ProjectId;
use tokio::sync::mpsc;

use super::client::BaseUrl;
use super::interrupt::Interrupt;
use batch::{Batch, Batcher};
use lines::Files;
use report::Tally;
use row::Door;
use send::Sender;
use target::Target;

/// Batches that may wait between the reader and the sender.
const WAITING_BATCHES_MAX: usize = 2;

/// Brings events from JSONL files into the log, shows progress, and sums up what came of it.
///
/// A row is either an event in the door's own shape, or a labelled text (`text` or `input`), or a whole session
/// (`turns`). Files may be gzipped. Without --url it uses the server that runs on the data directory; if none does,
/// it opens the data directory itself. Importing a file again is safe: rows already in are recognised.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  tidegate import chats.jsonl sessions.jsonl.gz --as chat")]
pub struct Args {
    /// JSONL files, plain or gzipped.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The door whose shape the rows have.
    #[arg(long = "as", value_enum, default_value_t = Door::Chat, value_name = "DOOR")]
    pub door: Door,
    /// The project to import into. A running server takes the project from the key and refuses another.
    #[arg(long)]
    pub project: Option<ProjectId>,
    /// The server to send to, for example http://127.0.0.1:3001.
    #[arg(long)]
    pub url: Option<BaseUrl>,
    /// The key to send with.
    #[arg(long, value_name = "KEY")]
    pub api_key: Option<String>,
    /// Events sent at once; the moderation door takes at most 500.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub batch: u16,
    /// Print the summary as JSON, and no progress.
    #[arg(long)]
    pub json: bool,
}

/// Runs `tidegate import`. Errors: something that stops the import, or (at the end) rows that were rejected.
pub async fn run(args: Args, config: crate::config::Config) -> anyhow::Result<()> {
    let tally = Box::pin(import(&args, config)).await?;
    if tally.rejected > 0 {
        bail!("{} rejected; everything else is in", tally.rejected);
    }
    Ok(())
}

/// Imports and reports; whatever happens, what was opened is closed.
async fn import(args: &Args, config: crate::config::Config) -> anyhow::Result<Tally> {
    let files = Files::open(&args.files)?;
    let mut interrupt = Interrupt::listen()?;
    let target = Box::pin(Target::choose(args, config)).await?;
    let done = tokio::select! {
        done = transfer(args, files, &target) => done,
        () = interrupt.wait() => Err(anyhow!("interrupted; run it again to go on, rows already in are recognised")),
    };
    let closed = target.close().await;
    let tally = done?;
    closed.context("the data directory was not closed cleanly")?;
    Ok(tally)
}

/// Sends all rows, waits until they are screened, and reports.
async fn transfer(args: &Args, files: Files, target: &Target) -> anyhow::Result<Tally> {
    let bar = progress(&files, args.json);
    let mut sender = Sender::new(target.client()?, args.door);
    let batcher = Batcher::new(args.door, usize::from(args.batch), target.project_to_check(args));
    let (send, mut batches) = mpsc::channel::<Batch>(WAITING_BATCHES_MAX);
    let reading_bar = bar.clone();
    let reader = tokio::task::spawn_blocking(move || rows::read(files, batcher, &send, &reading_bar));

    let (started, mut tally) = (Instant::now(), Tally::default());
    while let Some(batch) = batches.recv().await {
        tally.rows += batch.rows;
        let verdicts = sender.send(&batch).await?;
        tally.add(&batch, verdicts);
        bar.set_message(format!("{} events", tally.events()));
    }
    reader.await.context("the reader of the files broke")??;
    tally.seconds = started.elapsed().as_secs_f64();
    bar.set_message("screening");
    target.settle(sender.client()).await;
    bar.finish_and_clear();
    let sessions = report::Sessions::ask(sender.client()).await;
    report::print(&tally, &sessions, args)?;
    Ok(tally)
}

fn progress(files: &Files, is_json: bool) -> ProgressBar {
    let target = if is_json { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(files.bytes()), target);
    let style = ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes}  {msg}  {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::config::Config;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    /// Imports rows into a data directory of the test's own.
    async fn import_rows(dir: &std::path::Path, rows: &str, options: &[&str]) -> Tally {
        let file = dir.join("set.jsonl");
        std::fs::write(&file, rows).unwrap();
        let line = ["import", file.to_str().unwrap(), "--json"].into_iter().chain(options.iter().copied());
        let args = Cli::try_parse_from(line).unwrap().args;
        let mut config = Config::default();
        config.server.data_dir = dir.join("data");
        Box::pin(import(&args, config)).await.unwrap()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn importing_again_stores_nothing_twice_and_changed_rows_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let rows = r#"{"id":"a","text":"hello","labels":["LOW_RISK"]}
            {"id":"b","turns":[{"role":"user","content":"you idiot"},{"role":"assistant","content":"no"}]}
            {"type":"message.user","sessionId":"c","content":"hi","idempotencyKey":"k"}
            not json"#;
        let first = import_rows(dir.path(), rows, &["--batch", "2"]).await;
        assert_eq!((first.rows, first.accepted, first.duplicates, first.rejected), (4, 4, 0, 1));
        let again = import_rows(dir.path(), rows, &[]).await;
        assert_eq!((again.rows, again.accepted, again.duplicates, again.rejected), (4, 0, 4, 1));
        let changed = import_rows(dir.path(), r#"{"id":"a","text":"hello there"}"#, &[]).await;
        assert_eq!((changed.rejected, changed.rejections[0].pointer.as_str()), (1, "/idempotencyKey"));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn rows_go_through_the_moderation_door_too() {
        let dir = tempfile::tempdir().unwrap();
        let rows = r#"{"id":"a","text":"hello"}
            {"id":"b","text":"hello"}
            {"id":"c","text":"   "}"#;
        let tally = import_rows(dir.path(), rows, &["--as", "moderation", "--project", "shop"]).await;
        assert_eq!((tally.accepted, tally.duplicates, tally.rejected), (2, 0, 1));
        assert_eq!((tally.rejections[0].place.line, tally.rejections[0].pointer.as_str()), (3, "/content"));
    }
}
