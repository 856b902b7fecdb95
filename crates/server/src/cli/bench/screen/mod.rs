//! `tidegate bench screen`: texts screened on request, and events screened as they flow; with a sentence encoder too.

mod events;
mod requests;
mod rows;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use hyper::{Method, header};

use super::child::Server;
use super::machine::Machine;
use crate::cli::client::Client;
use crate::cli::{interrupt::Interrupt, out};
use rows::Rows;

const WARM_UP: Duration = Duration::from_millis(500);
/// Of ten texts, so many are texts that came before.
const REPEATED_OF_TEN: [u64; 3] = [0, 5, 9];

/// Measures screening: on request, and of events as they flow.
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
    /// Thousands of events that a pipeline finds in the log
    #[arg(long, default_value_t = 300, value_name = "N")]
    thousands: u64,
    /// Where servers keep their data
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

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
    report.extend(rows.lines());
    out::say(&report.join("\n"));
    Ok(())
}

async fn measure(args: &Args, dir: &Path) -> anyhow::Result<Rows> {
    let mut rows = Rows::default();
    let model = args.model.as_deref().map(name_of).transpose()?;
    for _ in 0..args.repetitions {
        requests::below(args, dir, &mut rows).await?;
        events::below(args, dir, &mut rows).await?;
        if let Some(model) = &model {
            requests::capacity(args, model, dir, &mut rows).await?;
            for repeated in REPEATED_OF_TEN {
                requests::with_model(args, model, repeated, dir, &mut rows).await?;
                events::with_model(args, model, repeated, dir, &mut rows).await?;
            }
        }
        out::note("  a repetition is done");
    }
    Ok(rows)
}

fn name_of(model: &Path) -> anyhow::Result<String> {
    let model = model.canonicalize().with_context(|| model.display().to_string())?;
    Ok(model.to_str().context("the model directory's name is no text")?.to_owned())
}

/// The setting that names a model.
fn setting(model: &str) -> (&'static str, &str) {
    ("TIDEGATE_EMBEDDING__MODEL_DIR", model)
}

/// From now on each text needs a vector: one text is labelled, so that others are compared with it.
async fn label(server: &Server) -> anyhow::Result<()> {
    let mut client = Client::new(server.address.into(), None)?;
    let body = Bytes::from_static(br#"{"category":"SPAM","text":"win a free phone today, click this link"}"#);
    let json = [(header::CONTENT_TYPE, "application/json")];
    client.send(Method::POST, "/v1/exemplars", &json, body).await?.success()?;
    Ok(())
}

/// Counters of a server at one moment, from `/metrics`.
struct Counts(String);

impl Counts {
    async fn of(server: &Server) -> anyhow::Result<Self> {
        let mut client = Client::new(server.address.into(), None)?;
        let accept = [(header::ACCEPT, "text/plain")];
        let answer = client.send(Method::GET, "/metrics", &accept, Bytes::new()).await?.success()?;
        Ok(Self(String::from_utf8_lossy(&answer.body).into_owned()))
    }

    /// The counter of this name, labels included; 0 if there is none.
    fn get(&self, name: &str) -> f64 {
        let value = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok();
        self.0.lines().find_map(value).unwrap_or(0.0)
    }

    /// Texts of the embedding tier with this outcome.
    fn embedding(&self, outcome: &str) -> f64 {
        self.get(&format!("embedding_texts_total{{outcome=\"{outcome}\"}}"))
    }

    /// Texts that were answered without a vector.
    fn without_vector(&self) -> f64 {
        self.embedding("queue_full") + self.embedding("late")
    }
}
