//! What a server says of its analyses and jobs.

use std::time::{Duration, Instant};

use anyhow::bail;
use bytes::Bytes;
use hyper::{Method, header};
use serde::Deserialize;

use super::super::child::Server;
use crate::cli::client::Client;

const POLL: Duration = Duration::from_millis(10);

/// Session analyses since the server's start, and what it used up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Counts {
    /// Those a model answered.
    pub(super) done: f64,
    /// Those answered like one before.
    pub(super) cached: f64,
    /// Those whose model did not answer.
    pub(super) failed: f64,
    /// Of those a model was asked for, the share that took at most a millisecond, 0..=1; 0 if none was.
    pub(super) within_1_ms: f64,
    /// Processor time of the server, in seconds.
    pub(super) cpu_s: f64,
}

/// What is read of `/v1/jobs/stats`.
#[derive(Deserialize)]
struct Jobs {
    kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    waiting: u64,
    active: u64,
    delayed: u64,
    failed: u64,
}

impl Counts {
    /// What `server` counts. Errors: it does not answer.
    pub(super) async fn of(server: &Server) -> anyhow::Result<Self> {
        let mut client = Client::new(server.address.into(), None)?;
        let accept = [(header::ACCEPT, "text/plain")];
        let answer = client.send(Method::GET, "/metrics", &accept, Bytes::new()).await?.success()?;
        Ok(Self::read(&String::from_utf8_lossy(&answer.body)))
    }

    fn read(text: &str) -> Self {
        let sum = |name: &str, label: &str| {
            let of_sessions = r#"kind="session""#;
            let lines = text.lines().filter(|line| line.starts_with(name));
            let lines = lines.filter(|line| line.contains(of_sessions) && line.contains(label));
            lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>()
        };
        let outcome = |name: &str| sum("analyses_total{", &format!(r#"outcome="{name}""#));
        let cpu = text.lines().find_map(|line| line.strip_prefix("process_cpu_seconds_total ")?.parse().ok());
        let asked = sum("analysis_duration_seconds_count{", "");
        let within = sum("analysis_duration_seconds_bucket{", r#"le="0.001""#);
        Self {
            done: outcome("done"),
            cached: outcome("cached"),
            failed: outcome("failed") + outcome("refused"),
            within_1_ms: if asked > 0.0 { within / asked } else { 0.0 },
            cpu_s: cpu.unwrap_or(0.0),
        }
    }

    /// All that led to an answer.
    pub(super) fn answered(self) -> f64 {
        self.done + self.cached
    }
}

/// Waits until all that was sent is visible and no job is left; at most `patience`. Errors: that was not enough, or jobs
/// were given up.
pub(super) async fn wait_until_idle(server: &Server, patience: Duration) -> anyhow::Result<()> {
    let begun = Instant::now();
    let mut client = Client::new(server.address.into(), None)?;
    loop {
        // In this order: what is visible has its job already.
        let lag = server.metrics().await?.pipeline_lag_events;
        let jobs: Jobs = client.get("/v1/jobs/stats").await?.success()?.json()?;
        let left: u64 = jobs.kinds.iter().map(|kind| kind.waiting + kind.active + kind.delayed).sum();
        if jobs.kinds.iter().any(|kind| kind.failed > 0) {
            bail!("jobs were given up; the server's log ends with: {}", server.log_end());
        }
        if lag == 0 && left == 0 {
            return Ok(());
        }
        if begun.elapsed() > patience {
            bail!("after {} s {lag} events are not visible and {left} jobs are left", patience.as_secs());
        }
        tokio::time::sleep(POLL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn analyses_of_sessions_are_counted_by_what_became_of_them() {
        let text = r#"# TYPE analyses_total counter
analyses_total{kind="cot",model="m",outcome="done",provider="p"} 7
analyses_total{kind="session",model="m",outcome="done",provider="p"} 3
analyses_total{kind="session",model="n",outcome="done",provider="p"} 2
analyses_total{kind="session",model="m",outcome="cached",provider="p"} 4
analysis_duration_seconds_bucket{kind="session",provider="p",le="0.0005"} 1
analysis_duration_seconds_bucket{kind="session",provider="p",le="0.001"} 4
analysis_duration_seconds_count{kind="session",provider="p"} 5
process_cpu_seconds_total 1.5
"#;
        let counts = Counts { done: 5.0, cached: 4.0, failed: 0.0, within_1_ms: 0.8, cpu_s: 1.5 };
        assert_eq!(Counts::read(text), counts);
        assert_eq!(counts.answered(), 9.0);
    }
}
