//! `POST /v1/risk/screen` at a given rate, and as fast as it goes.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::super::child::Server;
use super::super::load::{self, Pace, Plan};
use super::super::scratch::Scratch;
use super::super::traffic::Traffic;
use super::{Args, Counts, Rows, WARM_UP, label, setting};

/// Rate of the open loop whose latency has a goal.
const REQUESTS_PER_SECOND: u32 = 5_000;
const CONNECTIONS: usize = 64;
/// Texts that one thread of an encoder has in its hands without any of them waiting long.
const CALM_CONNECTIONS: usize = 4;

/// Without a model.
pub(super) async fn below(args: &Args, dir: &Path, rows: &mut Rows) -> anyhow::Result<()> {
    let scratch = Scratch::new(dir)?;
    let server = Server::tidegate(scratch.path(), &[]).await?;
    let traffic = Arc::new(Traffic::screenings(0));
    let open = Pace::Open { requests_per_second: REQUESTS_PER_SECOND };
    let outcome = load::run(plan(args, &server, &traffic, open)).await?;
    let what = |name: &str| format!("tiers 0 and 1, open loop at 5 000/s: {name}");
    rows.note(what("reached, requests/s"), outcome.events_per_second());
    rows.note(what("p50, ms"), outcome.latency_ms(0.5));
    rows.note(what("p99, ms"), outcome.latency_ms(0.99));
    let closed = load::run(plan(args, &server, &traffic, Pace::Closed)).await?;
    rows.note("tiers 0 and 1, closed loop, 64 connections: requests/s", closed.events_per_second());
    Ok(())
}

/// What an encoder gives when nobody asks for more: the baseline of goodput.
pub(super) async fn capacity(args: &Args, model: &str, dir: &Path, rows: &mut Rows) -> anyhow::Result<()> {
    let scratch = Scratch::new(dir)?;
    let server = Server::tidegate(scratch.path(), &[setting(model)]).await?;
    label(&server).await?;
    let traffic = Arc::new(Traffic::screenings(0));
    let calm = Plan { connections: CALM_CONNECTIONS, ..plan(args, &server, &traffic, Pace::Closed) };
    let outcome = load::run(calm).await?;
    let without = Counts::of(&server).await?.without_vector();
    let what = |name: &str| format!("tier 2, new texts, closed loop, {CALM_CONNECTIONS} connections: {name}");
    let with = 1.0 - without / outcome.acked.max(1) as f64;
    rows.note(what("texts with a vector/s"), outcome.events_per_second() * with);
    rows.note(what("p99, ms"), outcome.latency_ms(0.99));
    Ok(())
}

/// Many at once, of which `repeated` of ten ask for texts that came before.
pub(super) async fn with_model(
    args: &Args,
    model: &str,
    repeated: u64,
    dir: &Path,
    rows: &mut Rows,
) -> anyhow::Result<()> {
    let scratch = Scratch::new(dir)?;
    let server = Server::tidegate(scratch.path(), &[setting(model)]).await?;
    label(&server).await?;
    let traffic = Arc::new(Traffic::screenings(repeated));
    for (pace, loop_name) in [
        (Pace::Closed, "closed loop"),
        (Pace::Open { requests_per_second: REQUESTS_PER_SECOND }, "open loop at 5 000/s"),
    ] {
        let before = Counts::of(&server).await?;
        let outcome = load::run(plan(args, &server, &traffic, pace)).await?;
        let after = Counts::of(&server).await?;
        let part = |count: fn(&Counts) -> f64| (count(&after) - count(&before)) / outcome.acked.max(1) as f64;
        let (degraded, computed) =
            (part(Counts::without_vector), part(|counts| counts.embedding("computed")));
        let late = part(|counts| counts.embedding("late"));
        let what =
            |name: &str| format!("tier 2, {loop_name}, {} % of the texts came before: {name}", repeated * 10);
        rows.note(what("requests/s"), outcome.events_per_second());
        rows.note(what("vectors computed/s"), outcome.events_per_second() * computed);
        rows.note(what("p50, ms"), outcome.latency_ms(0.5));
        rows.note(what("p99, ms"), outcome.latency_ms(0.99));
        rows.note(what("degraded, % of all"), 100.0 * degraded);
        rows.note(what("late, % of all"), 100.0 * late);
    }
    Ok(())
}

fn plan(args: &Args, server: &Server, traffic: &Arc<Traffic>, pace: Pace) -> Plan {
    Plan {
        address: server.address,
        traffic: Arc::clone(traffic),
        first: 0,
        connections: CONNECTIONS,
        pace,
        warm_up: WARM_UP,
        measured: Duration::from_secs(args.seconds),
        requests_max: u64::MAX,
    }
}
