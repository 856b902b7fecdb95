//! The measurements, each over servers and a directory of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tidegate_domain::ports::Clock;

use super::bare_log;
use super::child::Server;
use super::load::{self, Outcome, Pace, Plan};
use super::report::{Measure, Numbers, shown};
use super::scratch::Scratch;
use super::traffic::Traffic;
use crate::cli::out;
use crate::clock::SystemClock;
use crate::config::Config;

/// Connections that send batches, and tasks that append batches to the bare log.
pub(super) const BATCH_CONNECTIONS: usize = 8;
/// Rate of the open loop whose latency has a goal.
pub(super) const OPEN_EVENTS_PER_SECOND: u32 = 10_000;
/// Rate of the open loop whose freshness has a goal.
pub(super) const FRESH_EVENTS_PER_SECOND: u32 = 20_000;
const WARM_UP: Duration = Duration::from_millis(500);
/// A freshness of less than this says nothing: commits come in groups.
const FRESHNESS_TIME_MIN: Duration = Duration::from_secs(3);
/// How long a server is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(2);
/// How long the pipeline may take for what was sent to it.
const CATCH_UP_MAX: Duration = Duration::from_secs(120);
/// Setting that leaves events in the log only.
const PAUSED: (&str, &str) = ("TIDEGATE_PIPELINE__ENABLED", "false");

/// A server that took batches and still runs.
pub(super) struct Filled {
    /// The server; before its directory, so that it is gone when that is removed.
    server: Server,
    dir: Scratch,
    outcome: Outcome,
}

/// A bench under way.
pub(super) struct Bench {
    /// Where servers keep their data.
    pub(super) dir: PathBuf,
    /// The settings of the bare log.
    pub(super) config: Config,
    /// Connections that send single events.
    pub(super) connections: usize,
    /// Events of a batch.
    pub(super) batch: usize,
    /// Time that is measured.
    pub(super) measured: Duration,
    /// One event a request.
    pub(super) singles: Arc<Traffic>,
    /// Batches.
    pub(super) batches: Arc<Traffic>,
    /// What was measured so far.
    pub(super) numbers: Numbers,
}

impl Bench {
    /// A bench with its traffic rendered.
    pub(super) fn new(
        dir: PathBuf,
        config: Config,
        connections: usize,
        batch: usize,
        measured: Duration,
        has_keys: bool,
    ) -> Self {
        let now = SystemClock.now();
        let (singles, batches) = (Traffic::singles(has_keys, now), Traffic::batches(batch, has_keys, now));
        let (singles, batches) = (Arc::new(singles), Arc::new(batches));
        Self { dir, config, connections, batch, measured, singles, batches, numbers: Numbers::default() }
    }

    fn keep(&mut self, measure: Measure, value: f64) {
        self.numbers.add(measure, value);
        out::note(&format!("  {measure:?}: {}", shown(value)));
    }

    fn scratch(&self) -> anyhow::Result<Scratch> {
        Scratch::new(&self.dir)
    }

    fn singles_plan(&self, server: &Server, pace: Pace) -> Plan {
        Plan {
            address: server.address,
            traffic: Arc::clone(&self.singles),
            first: 0,
            connections: self.connections,
            pace,
            warm_up: WARM_UP,
            measured: self.measured,
            requests_max: u64::MAX,
        }
    }

    fn batches_plan(&self, server: &Server) -> Plan {
        let plan = self.singles_plan(server, Pace::Closed);
        Plan { traffic: Arc::clone(&self.batches), connections: BATCH_CONNECTIONS, ..plan }
    }

    /// Baseline A: single events and batches.
    pub(super) async fn bare_handler(&mut self) -> anyhow::Result<()> {
        let server = Server::baseline()?;
        let singles = run(self.singles_plan(&server, Pace::Closed), &server).await?;
        self.keep(Measure::BareSingles, singles.events_per_second());
        let batches = run(self.batches_plan(&server), &server).await?;
        self.keep(Measure::BareBatches, batches.events_per_second());
        Ok(())
    }

    /// Baseline B: single events and batches.
    pub(super) async fn bare_log(&mut self) -> anyhow::Result<()> {
        for (measure, tasks, events) in
            [(Measure::LogSingles, self.connections, 1), (Measure::LogBatches, BATCH_CONNECTIONS, self.batch)]
        {
            let dir = self.scratch()?;
            let rate =
                bare_log::rate(dir.path(), &self.config, tasks, events, WARM_UP, self.measured).await?;
            self.keep(measure, rate);
        }
        Ok(())
    }

    /// Single events: how many, then how quickly at a given load.
    pub(super) async fn singles(&mut self) -> anyhow::Result<()> {
        let dir = self.scratch()?;
        let server = Server::tidegate(dir.path(), &[PAUSED]).await?;
        let paused = run(self.singles_plan(&server, Pace::Closed), &server).await?;
        self.keep(Measure::SinglesPaused, paused.events_per_second());
        drop(server);

        let dir = self.scratch()?;
        let server = Server::tidegate(dir.path(), &[]).await?;
        let closed = run(self.singles_plan(&server, Pace::Closed), &server).await?;
        self.keep(Measure::Singles, closed.events_per_second());
        self.keep(Measure::SinglesP50, closed.latency_ms(0.5));
        self.keep(Measure::SinglesP99, closed.latency_ms(0.99));
        drop(server);

        let dir = self.scratch()?;
        let server = Server::tidegate(dir.path(), &[]).await?;
        let pace = Pace::Open { requests_per_second: OPEN_EVENTS_PER_SECOND };
        let open = run(self.singles_plan(&server, pace), &server).await?;
        self.keep(Measure::OpenRate, open.events_per_second());
        self.keep(Measure::OpenP50, open.latency_ms(0.5));
        self.keep(Measure::OpenP99, open.latency_ms(0.99));
        self.keep(Measure::OpenP999, open.latency_ms(0.999));
        Ok(())
    }

    /// Batches into the log only. What it leaves is for [`Bench::full_start`].
    pub(super) async fn batches_paused(&mut self) -> anyhow::Result<Filled> {
        let dir = self.scratch()?;
        let server = Server::tidegate(dir.path(), &[PAUSED]).await?;
        let outcome = run(self.batches_plan(&server), &server).await?;
        self.keep(Measure::BatchesPaused, outcome.events_per_second());
        Ok(Filled { server, dir, outcome })
    }

    /// Batches with the pipeline running, until all is visible.
    pub(super) async fn batches_running(&mut self) -> anyhow::Result<()> {
        let dir = self.scratch()?;
        let server = Server::tidegate(dir.path(), &[]).await?;
        let outcome = run(self.batches_plan(&server), &server).await?;
        self.keep(Measure::BatchesRunning, outcome.events_per_second());
        server.wait_until_caught_up(CATCH_UP_MAX).await?;
        self.keep(Measure::EndToEnd, outcome.acked as f64 / outcome.begun.elapsed().as_secs_f64());
        Ok(())
    }

    /// How soon events are visible at a given load.
    pub(super) async fn freshness(&mut self) -> anyhow::Result<()> {
        let dir = self.scratch()?;
        let server = Server::tidegate(dir.path(), &[]).await?;
        let plan = self.singles_plan(&server, Pace::Open { requests_per_second: FRESH_EVENTS_PER_SECOND });
        let plan = Plan { measured: self.measured.max(FRESHNESS_TIME_MIN), ..plan };
        let outcome = run(plan, &server).await?;
        self.keep(Measure::FreshRate, outcome.events_per_second());
        server.wait_until_caught_up(CATCH_UP_MAX).await?;
        let metrics = server.metrics().await?;
        self.keep(Measure::FreshP50, metrics.freshness_p50_ms);
        self.keep(Measure::FreshP99, metrics.freshness_p99_ms);
        Ok(())
    }

    /// Start with an empty log, and memory after two seconds of nothing.
    pub(super) async fn idle(&mut self) -> anyhow::Result<()> {
        let dir = self.scratch()?;
        let server = Server::tidegate(dir.path(), &[]).await?;
        self.keep(Measure::EmptyStart, ms(server.started_in));
        tokio::time::sleep(IDLE).await;
        self.keep(Measure::IdleMemory, server.resident_bytes()? as f64 / 1e6);
        Ok(())
    }

    /// Start with at least `events` events in the log, `repetitions` times: fills up what [`Bench::batches_paused`]
    /// left. The pipeline stays paused, so that its catching up is not measured.
    pub(super) async fn full_start(
        &mut self,
        Filled { server, dir, outcome }: Filled,
        events: u64,
        repetitions: usize,
    ) -> anyhow::Result<()> {
        let missing = events.saturating_sub(outcome.acked).div_ceil(self.batches.events_per_request());
        let plan = Plan {
            first: outcome.next,
            warm_up: Duration::ZERO,
            measured: Duration::from_secs(3600),
            requests_max: missing,
            ..self.batches_plan(&server)
        };
        let added = if missing > 0 { run(plan, &server).await?.acked } else { 0 };
        let filled = outcome.acked + added;
        if filled < events {
            bail!("only {filled} events of {events} were taken");
        }
        server.stop().await?;
        for _ in 0..repetitions {
            self.start_over(dir.path(), filled).await?;
        }
        Ok(())
    }

    async fn start_over(&mut self, dir: &Path, events: u64) -> anyhow::Result<()> {
        let server = Server::tidegate(dir, &[PAUSED]).await?;
        self.keep(Measure::FullStart, ms(server.started_in));
        self.keep(Measure::FullStartPer10M, ms(server.started_in) * 1e7 / events as f64);
        server.stop().await.map(drop)
    }
}

/// Runs a load. What a reader must know to trust the number is noted.
async fn run(plan: Plan, server: &Server) -> anyhow::Result<Outcome> {
    let (begun, time) = (Instant::now(), plan.warm_up + plan.measured);
    let outcome =
        load::run(plan).await.with_context(|| format!("the server's log ends with: {}", server.log_end()))?;
    if outcome.acked == 0 {
        bail!("nothing was answered in {} s: the machine is too busy to measure", time.as_secs_f64());
    }
    if outcome.refused > 0 {
        out::note(&format!("  {} requests were refused for now (back-pressure)", outcome.refused));
    }
    if outcome.unsent > 0 {
        let over = begun.elapsed().saturating_sub(time).as_secs();
        out::note(&format!("  {} requests were never sent: the server was {over} s behind", outcome.unsent));
    }
    Ok(outcome)
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
