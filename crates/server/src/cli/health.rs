//! `tidegate health`: asks a server how it is, for supervisors that judge by a command's exit code.

use std::time::Duration;

use anyhow::{anyhow, bail};
use serde::Deserialize;
use tokio::time::timeout;

use super::client::{Answer, BaseUrl, Client, ServerFile};
use super::{out, text};
use crate::config::Config;

/// How long a server that is well takes to say so.
const ANSWER_MAX: Duration = Duration::from_secs(4);

/// Asks a server whether it is alive: exit code 0 if it is, 1 if not.
///
/// Asks the server that started last on the data directory, else the first address of server.listen, unless --url names
/// another one.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// The server to ask, for example http://127.0.0.1:3001.
    #[arg(long)]
    url: Option<BaseUrl>,
    /// Ask whether it can do its work (/ready), not only whether it is alive (/health).
    #[arg(long)]
    ready: bool,
}

/// What `/ready` answers.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Ready {
    checks: Vec<Check>,
}

#[derive(Deserialize)]
struct Check {
    name: String,
    ok: bool,
    detail: String,
}

/// Asks. Errors: no answer, or not a good one; a server that is not ready says which checks fail.
pub(super) async fn run(args: &Args, config: &Config) -> anyhow::Result<()> {
    // Without a look at the directory's lock: taking it even for a moment could stop a server that starts now.
    let started = || ServerFile::read(&config.server.data_dir)?.addresses.first().copied();
    let first = || started().or_else(|| config.server.listen.first().copied()).map(BaseUrl::from);
    let base = args.url.clone().or_else(first);
    let base = base.ok_or_else(|| anyhow!("there is no server to ask: give its --url"))?;
    let (path, word) = if args.ready { ("/ready", "ready") } else { ("/health", "alive") };
    let mut client = Client::new(base.clone(), None)?;
    let answer = timeout(ANSWER_MAX, client.get(path)).await;
    let answer = answer.map_err(|_| anyhow!("{base} did not answer within {} s", ANSWER_MAX.as_secs()))??;
    if answer.status.is_success() {
        out::say(&format!("{base} is {word}"));
        return Ok(());
    }
    bail!("{base} is not {word}: {}", failed(&answer))
}

/// The checks that fail, or what else the server says.
fn failed(answer: &Answer) -> String {
    let checks = answer.json::<Ready>().unwrap_or_default().checks;
    let failed: Vec<_> = checks.iter().filter(|check| !check.ok).collect();
    if failed.is_empty() {
        return answer.problem();
    }
    let words = failed.iter().map(|check| format!("{}: {}", check.name, check.detail));
    text::escaped(&words.collect::<Vec<_>>().join("; ")).into_owned()
}
