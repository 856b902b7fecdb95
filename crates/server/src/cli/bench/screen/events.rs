//! Events screened as they flow: how many a pipeline folds that finds them in the log, and how soon they are assessed that
//! come at a given rate.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tidegate_domain::ports::Clock;

use super::super::child::Server;
use super::super::load::{self, Pace, Plan};
use super::super::scratch::Scratch;
use super::super::traffic::Traffic;
use super::{Args, Counts, Rows, WARM_UP, label, setting};
use crate::clock::SystemClock;

/// Settings that leave events in the log only, and that fold them without screening.
const PAUSED: (&str, &str) = ("TIDEGATE_PIPELINE__ENABLED", "false");
const UNSCREENED: [(&str, &str); 2] =
    [("TIDEGATE_SCREENING__HEURISTICS", "false"), ("TIDEGATE_SCREENING__LEARNED", "false")];
const BATCH_EVENTS: usize = 500;
const BATCH_CONNECTIONS: usize = 8;
const CONNECTIONS: usize = 64;
/// Rates of single events: one that an encoder's thread has time for, and one that it has not.
const EVENTS_PER_SECOND: [u32; 2] = [200, 5_000];
const CATCH_UP_MAX: Duration = Duration::from_secs(300);

/// Without a model, beside a pipeline that screens nothing.
pub(super) async fn below(args: &Args, dir: &Path, rows: &mut Rows) -> anyhow::Result<()> {
    let scratch = Scratch::new(dir)?;
    let events = fill(args, &scratch, 0, false).await?;
    for (what, settings) in [
        ("pipeline alone, screening off: events/s", &UNSCREENED[..]),
        ("pipeline alone, tiers 0 and 1: events/s", &[]),
    ] {
        let server = folded(&scratch, events, settings, what, rows).await?;
        server.stop().await?;
    }
    fresh(args, dir, &[], 0, "tiers 0 and 1", rows).await
}

/// With a model; of ten texts `repeated` came before.
pub(super) async fn with_model(
    args: &Args,
    model: &str,
    repeated: u64,
    dir: &Path,
    rows: &mut Rows,
) -> anyhow::Result<()> {
    let scratch = Scratch::new(dir)?;
    let events = fill(args, &scratch, repeated, true).await?;
    let name = format!("tier 2, {} % of the texts came before", repeated * 10);
    let what = format!("pipeline alone, {name}: events/s");
    let server = folded(&scratch, events, &[setting(model)], &what, rows).await?;
    let counts = Counts::of(&server).await?;
    let degraded = 100.0 * counts.get("screening_degraded_total") / events as f64;
    rows.note(format!("pipeline alone, {name}: degraded, % of all"), degraded);
    drop(server);
    fresh(args, dir, &[setting(model)], repeated, &name, rows).await
}

/// Leaves events in a log, after a label if there is to be one; how many.
async fn fill(args: &Args, scratch: &Scratch, repeated: u64, has_label: bool) -> anyhow::Result<u64> {
    let server = Server::tidegate(scratch.path(), &[PAUSED]).await?;
    if has_label {
        label(&server).await?;
    }
    let traffic = Arc::new(Traffic::talk(BATCH_EVENTS, repeated, SystemClock.now()));
    let events = args.thousands * 1_000;
    let plan = Plan {
        connections: BATCH_CONNECTIONS,
        warm_up: Duration::ZERO,
        measured: CATCH_UP_MAX,
        requests_max: events.div_ceil(BATCH_EVENTS as u64),
        ..plan(&server, traffic, Pace::Closed)
    };
    let outcome = load::run(plan).await?;
    ensure!(outcome.acked >= events, "only {} events of {events} were taken", outcome.acked);
    server.stop().await?;
    Ok(outcome.acked)
}

/// A server that has folded all `events`, and how many a second, from its start as a process on.
async fn folded(
    scratch: &Scratch,
    events: u64,
    settings: &[(&str, &str)],
    what: &str,
    rows: &mut Rows,
) -> anyhow::Result<Server> {
    forget_views(scratch)?;
    let begun = Instant::now();
    let server = Server::tidegate(scratch.path(), settings).await?;
    server.wait_until_caught_up(CATCH_UP_MAX).await?;
    rows.note(what, events as f64 / begun.elapsed().as_secs_f64());
    Ok(server)
}

/// Views may be deleted: a server makes them again from its log.
fn forget_views(scratch: &Scratch) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(scratch.path().join("data")).context("the data directory")? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("views.sqlite") {
            std::fs::remove_file(&path).with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}

/// How soon single events are assessed and to be seen.
async fn fresh(
    args: &Args,
    dir: &Path,
    settings: &[(&str, &str)],
    repeated: u64,
    name: &str,
    rows: &mut Rows,
) -> anyhow::Result<()> {
    for requests_per_second in EVENTS_PER_SECOND {
        let scratch = Scratch::new(dir)?;
        let server = Server::tidegate(scratch.path(), settings).await?;
        if !settings.is_empty() {
            label(&server).await?;
        }
        let pace = Pace::Open { requests_per_second };
        let traffic = Arc::new(Traffic::talk(1, repeated, SystemClock.now()));
        let plan = plan(&server, traffic, pace);
        let outcome = load::run(Plan { measured: Duration::from_secs(args.seconds), ..plan }).await?;
        server.wait_until_caught_up(CATCH_UP_MAX).await?;
        let (metrics, counts) = (server.metrics().await?, Counts::of(&server).await?);
        let what = |value: &str| format!("events at {requests_per_second}/s, {name}: {value}");
        rows.note(what("reached, events/s"), outcome.events_per_second());
        rows.note(what("durable to visible, p50, ms"), metrics.freshness_p50_ms);
        rows.note(what("durable to visible, p99, ms"), metrics.freshness_p99_ms);
        let degraded = counts.get("screening_degraded_total") / outcome.acked.max(1) as f64;
        rows.note(what("degraded, % of all"), 100.0 * degraded);
    }
    Ok(())
}

fn plan(server: &Server, traffic: Arc<Traffic>, pace: Pace) -> Plan {
    Plan {
        address: server.address,
        traffic,
        first: 0,
        connections: CONNECTIONS,
        pace,
        warm_up: WARM_UP,
        measured: Duration::ZERO,
        requests_max: u64::MAX,
    }
}
