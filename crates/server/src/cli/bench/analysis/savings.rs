//! Model calls that coalescing, kept answers and sampling save, against a vendor of our own that counts them.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::task::JoinSet;

use super::super::child::Server;
use super::super::scratch::Scratch;
use super::super::traffic::Said;
use super::super::wire::Wire;
use super::Bench;
use super::counts::{Counts, wait_until_idle};
use super::script::{self, Cue, EVENTS};
use super::table::{Goal, Numbers};
use super::vendor::Vendor;

/// Sessions of the mix.
pub(super) const SESSIONS: usize = 240;
/// How long the vendor takes.
pub(super) const ANSWER_AFTER: Duration = Duration::from_millis(20);
const CONNECTIONS: usize = 32;
const IDLE_WITHIN: Duration = Duration::from_secs(120);

/// A setting and its value.
type Setting = (&'static str, &'static str);

const COALESCE: &str = "TIDEGATE_ANALYSIS__COALESCE_MS";
const CACHED: &str = "TIDEGATE_ANALYSIS__ANSWERS_CACHED_MAX";
const SAMPLE: &str = "TIDEGATE_ANALYSIS__SAMPLE_RATIO";
/// What saves, one after the other.
const STEPS: [(&str, [Setting; 3]); 4] = [
    ("nothing saved", [(COALESCE, "0"), (CACHED, "1"), (SAMPLE, "1.0")]),
    ("coalescing", [(COALESCE, "300"), (CACHED, "1"), (SAMPLE, "1.0")]),
    ("… and kept answers", [(COALESCE, "300"), (CACHED, "10000"), (SAMPLE, "1.0")]),
    ("… and sampling, 0.2", [(COALESCE, "300"), (CACHED, "10000"), (SAMPLE, "0.2")]),
];

/// One round of all steps.
pub(super) async fn round(bench: &Bench, numbers: &mut Numbers) -> anyhow::Result<()> {
    let events = (SESSIONS * EVENTS) as f64;
    let mut first = None;
    for (name, settings) in STEPS {
        let vendor = Vendor::open(ANSWER_AFTER).await?;
        let counts = play(bench, &vendor, &settings).await?;
        let (calls, tokens) = vendor.taken();
        let mut add = |what: &str, unit, value| {
            numbers.add(&format!("{name}: {what}"), unit, Goal::None, value);
        };
        add("calls", "", calls as f64);
        add("calls for each 100 events", "", 100.0 * calls as f64 / events);
        add("tokens", "", tokens as f64);
        if counts.cached > 0.0 {
            add("answered like one before", "", counts.cached);
        }
        match first {
            None => first = Some((calls, tokens)),
            Some((all_calls, all_tokens)) => {
                add("calls saved", "%", saved(calls, all_calls));
                add("tokens saved", "%", saved(tokens, all_tokens));
            }
        }
    }
    Ok(())
}

fn saved(now: u64, before: u64) -> f64 {
    100.0 * (1.0 - now as f64 / before.max(1) as f64)
}

/// Plays the mix to a server that asks `vendor`, until nothing is left to analyse.
async fn play(bench: &Bench, vendor: &Vendor, settings: &[Setting]) -> anyhow::Result<Counts> {
    let dir = Scratch::new(&bench.dir)?;
    let base_url = format!("http://{}/v1", vendor.address);
    let mut env = vec![
        ("TIDEGATE_ANALYSIS__MODELS", "openai"),
        ("TIDEGATE_ANALYSIS__CONCURRENCY", "64"),
        ("TIDEGATE_OPENAI__BASE_URL", base_url.as_str()),
    ];
    env.extend_from_slice(settings);
    let server = Server::tidegate(dir.path(), &env).await?;
    say(&server, &bench.everyday).await?;
    wait_until_idle(&server, IDLE_WITHIN).await?;
    let counts = Counts::of(&server).await?;
    if counts.failed > 0.0 {
        bail!("{} calls failed; the server's log ends with: {}", counts.failed, server.log_end());
    }
    Ok(counts)
}

/// Sends every event when it is due; a session's events go over one connection.
async fn say(server: &Server, said: &[Said]) -> anyhow::Result<()> {
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for connection in 0..CONNECTIONS {
        let sessions = (connection..SESSIONS).step_by(CONNECTIONS);
        let mut cues: Vec<Cue> = sessions.flat_map(|n| script::session(said, n, SESSIONS)).collect();
        cues.sort_by_key(|cue| cue.at);
        let mut wire = Wire::connect(server.address).await?;
        tasks.spawn(async move {
            for cue in cues {
                tokio::time::sleep(cue.at.saturating_sub(begun.elapsed())).await;
                let reply = wire.post_events(&cue.body).await?;
                if reply.status != 200 {
                    bail!("the server refused: {}", wire.last_answer());
                }
            }
            Ok(())
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.context("a connection's task broke")??;
    }
    Ok(())
}
