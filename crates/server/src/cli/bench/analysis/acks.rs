//! How long senders of events wait for their answers, with analyses and without.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};

use super::super::child::Server;
use super::super::load::{self, Outcome, Pace, Plan};
use super::super::scratch::Scratch;
use super::counts::Counts;
use super::table::{Goal, Numbers};
use super::{Bench, OFF};
use crate::cli::out;

/// Rate of the open loop.
pub(super) const EVENTS_PER_SECOND: u32 = 10_000;
/// Connections that send single events.
pub(super) const CONNECTIONS: usize = 64;
const WARM_UP: Duration = Duration::from_millis(500);
/// An open loop that reaches less than this share of its rate waits in queues: it says nothing of analyses.
const REACHED_MIN: f64 = 0.95;
/// Analyses may add so much to what a sender waits.
const RATIO_MAX: f64 = 1.05;

/// One load over a server of its own.
struct Measured {
    outcome: Outcome,
    /// Analyses in the time of the load, warm-up included, a second.
    analyses_per_second: f64,
    /// Processor time of the server in that time, in cores.
    cores: f64,
}

/// One round: either loop with analyses and without, in an order that changes from round to round.
pub(super) async fn round(bench: &Bench, round: u16, numbers: &mut Numbers) -> anyhow::Result<()> {
    let open = Pace::Open { requests_per_second: EVENTS_PER_SECOND };
    for (name, pace) in [("open loop at 10 000/s", open), ("closed loop", Pace::Closed)] {
        let (off, on) = if round.is_multiple_of(2) {
            let on = load(bench, pace, &[]).await?;
            (load(bench, pace, &OFF).await?, on)
        } else {
            (load(bench, pace, &OFF).await?, load(bench, pace, &[]).await?)
        };
        if is_reached(&off, pace) && is_reached(&on, pace) {
            keep_ratios(numbers, name, &off, &on);
        } else {
            out::note("  the open loop fell behind its rate: this round compares nothing");
        }
        keep(numbers, name, &off, &on);
    }
    Ok(())
}

async fn load(bench: &Bench, pace: Pace, env: &[(&str, &str)]) -> anyhow::Result<Measured> {
    let dir = Scratch::new(&bench.dir)?;
    let server = Server::tidegate(dir.path(), env).await?;
    let plan = Plan {
        address: server.address,
        traffic: Arc::clone(&bench.singles),
        first: 0,
        connections: CONNECTIONS,
        pace,
        warm_up: WARM_UP,
        measured: bench.measured,
        requests_max: u64::MAX,
    };
    let outcome =
        load::run(plan).await.with_context(|| format!("the server's log ends with: {}", server.log_end()))?;
    if outcome.acked == 0 {
        bail!("nothing was answered: the machine is too busy to measure");
    }
    let counts = Counts::of(&server).await?;
    let took_s = outcome.begun.elapsed().as_secs_f64();
    let (analyses_per_second, cores) = (counts.answered() / took_s, counts.cpu_s / took_s);
    Ok(Measured { outcome, analyses_per_second, cores })
}

/// True if the load was what it should be.
fn is_reached(measured: &Measured, pace: Pace) -> bool {
    match pace {
        Pace::Closed => true,
        Pace::Open { requests_per_second } => {
            measured.outcome.events_per_second() >= REACHED_MIN * f64::from(requests_per_second)
        }
    }
}

fn keep(numbers: &mut Numbers, name: &str, off: &Measured, on: &Measured) {
    let mut add = |what: &str, unit, goal, value| numbers.add(&format!("{name}, {what}"), unit, goal, value);
    for (state, measured) in [("off", off), ("on", on)] {
        add(&format!("{state}: rate"), "events/s", Goal::None, measured.outcome.events_per_second());
        for (quantile, percentile) in [(0.5, "p50"), (0.99, "p99")] {
            add(&format!("{state}: {percentile}"), "ms", Goal::None, measured.outcome.latency_ms(quantile));
        }
    }
    for (state, measured) in [("off", off), ("on", on)] {
        add(&format!("{state}: processor time of the server"), "cores", Goal::None, measured.cores);
    }
    add("on: analyses meanwhile", "a second", Goal::None, on.analyses_per_second);
}

fn keep_ratios(numbers: &mut Numbers, name: &str, off: &Measured, on: &Measured) {
    for (quantile, percentile) in [(0.5, "p50"), (0.99, "p99")] {
        let ratio = on.outcome.latency_ms(quantile) / off.outcome.latency_ms(quantile);
        numbers.add(&format!("{name}, {percentile} on / off"), "", Goal::AtMost(RATIO_MAX), ratio);
    }
}
