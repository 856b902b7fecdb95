//! Baseline B: the log alone, in this process, without HTTP and JSON.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use tidegate_domain::event::{Event, Reference};
use tidegate_domain::ports::{AppendBatch, EventLog};
use tidegate_engine::intake::{FingerprintRule, Intake};
use tidegate_store_embedded::disk::RealDisk;
use tidegate_store_embedded::log::SegmentLog;
use tokio::task::JoinSet;

use super::traffic::Said;
use crate::clock::{SystemClock, SystemEntropy};
use crate::config::Config;
use crate::stores::log_config;

/// What is prepared before the clock starts, in batches.
const PREPARED_BATCHES: usize = 64;

/// Appends batches of `events` from `tasks` tasks to a new log in `dir`, each task waiting for its last batch to be
/// durable; events per second of `measured`, after `warm_up`.
pub(super) async fn rate(
    dir: &Path,
    config: &Config,
    tasks: usize,
    events: usize,
    warm_up: Duration,
    measured: Duration,
) -> anyhow::Result<f64> {
    let disk = RealDisk::open(dir).context("the directory of the bare log")?;
    let log =
        SegmentLog::open(Box::new(disk), log_config(config), Arc::new(SystemClock), Arc::new(SystemEntropy));
    let log = Arc::new(log.context("the bare log")?);
    let batches: Arc<[AppendBatch]> = prepare(Arc::clone(&log) as Arc<dyn EventLog>, events).into();
    let begun = Instant::now();
    let (from, until) = (begun + warm_up, begun + warm_up + measured);
    let mut appenders = JoinSet::new();
    for task in 0..tasks {
        let (log, batches) = (Arc::clone(&log), Arc::clone(&batches));
        appenders.spawn(async move {
            let mut counted = 0;
            for batch in batches.iter().cycle().skip(task) {
                let answers = log.append(batch.clone()).await?;
                let now = Instant::now();
                if now >= until {
                    break;
                }
                if now >= from {
                    counted += answers.len() as u64;
                }
            }
            anyhow::Ok(counted)
        });
    }
    let mut counted = 0;
    while let Some(appended) = appenders.join_next().await {
        counted += appended.context("an appending task broke")??;
    }
    tokio::task::spawn_blocking(move || log.close()).await.context("closing the bare log")?;
    Ok(counted as f64 / measured.as_secs_f64())
}

fn prepare(log: Arc<dyn EventLog>, events: usize) -> Vec<AppendBatch> {
    let intake = Intake::new(log, None);
    let mut said = Said::generation();
    let batch = |_| {
        let mut batch = intake.batch(events * 600);
        for said in said.by_ref().take(events) {
            batch.push(event(&said), FingerprintRule::Off);
        }
        batch.finish()
    };
    (0..PREPARED_BATCHES).map(batch).collect()
}

/// The event as intake makes it of the traffic's JSON.
pub(super) fn event(said: &Said) -> Event<'static> {
    let Said { session, turn, content } = said;
    Event {
        project_id: "proj_dev".into(),
        session_id: Some(format!("chat-{session:04}-00000000").into()),
        event_type: "message.user".into(),
        source: "web".into(),
        actor: Some(Reference { id: format!("user-{session:04}").into(), kind: Some("user".into()) }),
        target: Some(Reference { id: "bot-1".into(), kind: None }),
        role: Some("user".into()),
        content: Some(content.clone().into()),
        data: Some(format!("{{\"model\":\"l2\",\"turn\":{turn}}}").into()),
        attribution: Some("{\"referrer\":\"app\"}".into()),
        correlation_id: Some(format!("req-{session:04}-{turn:02}").into()),
        trace_id: Some(format!("{session:016x}").into()),
        schema_version: 1,
        occurred_at_ms: Some(1_800_000_000_000),
        context: "{\"door\":\"chat\"}".into(),
        ..Event::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_bare_log_takes_events() {
        let dir = tempfile::tempdir().unwrap();
        let (warm_up, measured) = (Duration::from_millis(10), Duration::from_millis(100));
        let rate = rate(dir.path(), &Config::default(), 4, 10, warm_up, measured).await.unwrap();
        assert!(rate > 0.0);
    }
}
