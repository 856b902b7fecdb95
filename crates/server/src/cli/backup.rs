//! `tidegate backup` and `tidegate restore`: all that is not derived, to one file and back.

use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use tidegate_domain::id::Position;

use super::out;
use crate::backup::{Progress, Restored, Saved, Until, restore, save};
use crate::config::Config;

/// Saves events, projects and keys to one file, while servers go on.
///
/// The file restores into a data directory or a database, whichever it was taken from. Views are not in it: the first
/// start folds them again. It holds events and the hashes of keys: keep it as private as the data.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  tidegate backup /backups --data-dir data")]
pub struct BackupArgs {
    /// A new file, or a folder to put one into.
    #[arg(value_name = "FILE|DIR")]
    pub to: PathBuf,
    /// Answer in JSON, and show no progress.
    #[arg(long)]
    pub json: bool,
}

/// Restores a backup into an empty data directory or database.
///
/// Ids, positions, times, idempotency keys, projects and API keys are as they were. A file that is cut or damaged is
/// refused.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Example:\n  tidegate restore tidegate.backup --data-dir data --until 2026-01-31T12:00:00Z"
)]
pub struct RestoreArgs {
    /// The backup.
    pub file: PathBuf,
    /// Only what lies before this position, or was recorded before this time.
    #[arg(long, value_name = "POSITION|TIME")]
    pub until: Option<Until>,
    /// Answer in JSON, and show no progress.
    #[arg(long)]
    pub json: bool,
}

/// Runs `tidegate backup`. Errors: as [`save`].
pub async fn run_backup(args: &BackupArgs, config: &Config) -> anyhow::Result<()> {
    let mut bar = Bar::new(args.json);
    let saved = save(config, &args.to, &mut bar).await;
    bar.0.finish_and_clear();
    say_saved(&saved?, args.json);
    Ok(())
}

/// Runs `tidegate restore`. Errors: as [`restore`].
pub async fn run_restore(args: &RestoreArgs, config: &Config) -> anyhow::Result<()> {
    let mut bar = Bar::new(args.json);
    let restored = restore(config, &args.file, args.until, &mut bar).await;
    bar.0.finish_and_clear();
    say_restored(&restored?, args.json);
    Ok(())
}

/// Progress on a terminal, if there is one.
struct Bar(ProgressBar);

impl Bar {
    fn new(is_json: bool) -> Self {
        let target = if is_json { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} events  {eta} left");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self(bar)
    }
}

impl Progress for Bar {
    fn at(&mut self, position: Position, first: Position, tail: Position) {
        self.0.set_length(tail.0 - first.0);
        self.0.set_position(position.0 + 1 - first.0);
    }
}

fn say_saved(saved: &Saved, as_json: bool) {
    let Saved { file, bytes, header, trailer } = saved;
    let (first, tail, missing) =
        (header.first, header.tail, header.tail.0 - header.first.0 - trailer.records);
    if as_json {
        let said = json!({
            "file": file, "bytes": bytes, "events": trailer.records, "first": first, "tail": tail, "missing": missing,
            "projects": trailer.projects, "keys": trailer.keys,
        });
        return out::say(&said.to_string());
    }
    let (events, projects, keys) = (trailer.records, trailer.projects, trailer.keys);
    out::say(&format!(
        "{}: {events} events (positions {first} to {tail}), {projects} projects, {keys} keys; {bytes} bytes",
        file.display()
    ));
    if missing > 0 {
        out::note(&format!(
            "{missing} positions are damaged in the log and not in the backup: see tidegate doctor"
        ));
    }
}

fn say_restored(restored: &Restored, as_json: bool) {
    let Restored { header, tail, records, projects, keys } = restored;
    if as_json {
        let said = json!({
            "events": records, "first": header.first, "tail": tail, "projects": projects, "keys": keys,
            "createdAt": header.created_at,
        });
        return out::say(&said.to_string());
    }
    out::say(&format!(
        "restored {records} events (positions {} to {tail}), {projects} projects and {keys} keys of {}; the first start \
         folds the views",
        header.first,
        header.created_at.to_rfc3339()
    ));
}
