//! `tidegate bench screen`: `POST /v1/risk/screen` at a given rate, and as fast as it goes; with a sentence encoder too.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use hyper::{Method, header};

use super::child::Server;
use super::load::{self, Outcome, Pace, Plan};
use super::machine::Machine;
use super::report::{median, shown};
use super::scratch::Scratch;
use super::traffic::Traffic;
use crate::cli::client::Client;
use crate::cli::{interrupt::Interrupt, out};

/// Rate of the open loop whose latency has a goal.
const REQUESTS_PER_SECOND: u32 = 5_000;
const CONNECTIONS: usize = 64;
const WARM_UP: Duration = Duration::from_millis(500);
/// Of ten texts, so many are texts that came before.
const REPEATED_OF_TEN: [u64; 3] = [0, 5, 9];

/// Measures screening on request.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  tidegate bench screen --model all-MiniLM-L6-v2")]
pub struct Args {
    /// Seconds of each measurement
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Repetitions; medians are shown
    #[arg(long, default_value_t = 3)]
    repetitions: usize,
    /// A model directory: measures the embedding tier too
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// Where servers keep their data
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

type Rows = Vec<(String, Vec<f64>)>;

/// Runs `tidegate bench screen`. Errors: a server does not start, or refuses what it should take.
pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let dir = args.dir.clone().unwrap_or_else(std::env::temp_dir);
    let machine = Machine::here(&dir);
    let mut interrupt = Interrupt::listen()?;
    let rows = tokio::select! {
        rows = measure(&args, &dir) => rows?,
        () = interrupt.wait() => bail!("interrupted"),
    };
    let mut report = machine.lines();
    report.extend(["".to_owned(), "| what | median |".to_owned(), "|---|---:|".to_owned()]);
    for (what, values) in rows {
        let value = median(values).context("at least one repetition")?;
        report.push(format!("| {what} | {} |", shown(value)));
    }
    out::say(&report.join("\n"));
    Ok(())
}

async fn measure(args: &Args, dir: &Path) -> anyhow::Result<Rows> {
    let mut rows = Rows::new();
    for _ in 0..args.repetitions {
        let scratch = Scratch::new(dir)?;
        let server = Server::tidegate(scratch.path(), &[]).await?;
        let traffic = Arc::new(Traffic::screenings(0));
        let open = Pace::Open { requests_per_second: REQUESTS_PER_SECOND };
        let outcome = load::run(plan(args, &server, &traffic, open)).await?;
        note(
            &mut rows,
            "tiers 0 and 1, open loop at 5 000/s: reached, requests/s",
            outcome.events_per_second(),
        );
        note(&mut rows, "tiers 0 and 1, open loop at 5 000/s: p50, ms", outcome.latency_ms(0.5));
        note(&mut rows, "tiers 0 and 1, open loop at 5 000/s: p99, ms", outcome.latency_ms(0.99));
        let closed = load::run(plan(args, &server, &traffic, Pace::Closed)).await?;
        note(&mut rows, "tiers 0 and 1, closed loop, 64 connections: requests/s", closed.events_per_second());
        drop(server);
        if let Some(model) = &args.model {
            with_model(args, model, dir, &mut rows).await?;
        }
        out::note("  a repetition is done");
    }
    Ok(rows)
}

/// Each text needs a vector: one text is labelled, so that others are compared with it.
async fn with_model(args: &Args, model: &Path, dir: &Path, rows: &mut Rows) -> anyhow::Result<()> {
    let model = model.canonicalize().with_context(|| model.display().to_string())?;
    let model = model.to_str().context("the model directory's name is no text")?;
    for repeated in REPEATED_OF_TEN {
        let scratch = Scratch::new(dir)?;
        let server = Server::tidegate(scratch.path(), &[("TIDEGATE_EMBEDDING__MODEL_DIR", model)]).await?;
        label(&server).await?;
        let traffic = Arc::new(Traffic::screenings(repeated));
        let outcome = load::run(plan(args, &server, &traffic, Pace::Closed)).await?;
        let what = |name: &str| format!("tier 2, {} % of the texts came before: {name}", repeated * 10);
        note(rows, &what("requests/s"), outcome.events_per_second());
        note(rows, &what("p99, ms"), outcome.latency_ms(0.99));
        note(rows, &what("degraded, % of all"), degraded(&server, &outcome).await?);
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

fn note(rows: &mut Rows, what: &str, value: f64) {
    match rows.iter_mut().find(|(name, _)| name == what) {
        Some((_, values)) => values.push(value),
        None => rows.push((what.to_owned(), vec![value])),
    }
}

async fn label(server: &Server) -> anyhow::Result<()> {
    let mut client = Client::new(server.address.into(), None)?;
    let body = Bytes::from_static(br#"{"category":"SPAM","text":"win a free phone today, click this link"}"#);
    let json = [(header::CONTENT_TYPE, "application/json")];
    client.send(Method::POST, "/v1/exemplars", &json, body).await?.success()?;
    Ok(())
}

/// Texts that were answered without a vector, of all.
async fn degraded(server: &Server, outcome: &Outcome) -> anyhow::Result<f64> {
    let mut client = Client::new(server.address.into(), None)?;
    let accept = [(header::ACCEPT, "text/plain")];
    let answer = client.send(Method::GET, "/metrics", &accept, Bytes::new()).await?.success()?;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let count = |outcome: &str| {
        let name = format!("embedding_texts_total{{outcome=\"{outcome}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&name)?.parse::<f64>().ok()).unwrap_or(0.0)
    };
    Ok(100.0 * (count("queue_full") + count("late")) / outcome.acked.max(1) as f64)
}
