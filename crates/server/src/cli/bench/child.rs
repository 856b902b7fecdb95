//! Servers as child processes of the same binary, so that their memory and start are their own.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use hyper::{Method, header};
use serde::Deserialize;

use super::cores::Cores;
use super::wire::Wire;
use crate::cli::client::{Client, ServerFile};
use crate::cli::text;

/// How long a server may take to start.
const START_MAX: Duration = Duration::from_secs(120);
/// How long a server may take to stop.
const STOP_MAX: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(1);
/// Bytes of a server's log shown when it fails.
const LOG_SHOWN_BYTES: usize = 2000;
const HEALTH: &[u8] = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// A server in a process of its own; killed when dropped.
pub(super) struct Server {
    child: Child,
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// From its start as a process to its first 200.
    pub(super) started_in: Duration,
    log: Option<PathBuf>,
}

/// The fields of `/v1/metrics` that the bench reads.
#[derive(Deserialize)]
pub(super) struct Metrics {
    /// Events in the log.
    pub(super) log_tail: u64,
    /// Events accepted and not yet visible.
    pub(super) pipeline_lag_events: u64,
    /// Half of the last minute's events were visible within this time.
    pub(super) freshness_p50_ms: f64,
    /// 99 of 100 were.
    pub(super) freshness_p99_ms: f64,
}

impl Server {
    /// Starts `tidegate serve --dev` over `dir/data`; `env` are settings that differ from the defaults.
    pub(super) async fn tidegate(dir: &Path, env: &[(&str, &str)]) -> anyhow::Result<Self> {
        Self::tidegate_on(None, dir, env).await
    }

    /// Like [`Server::tidegate`], on the cores that `cores` has for servers.
    pub(super) async fn tidegate_on(
        cores: Option<&Cores>,
        dir: &Path,
        env: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let (data_dir, log) = (dir.join("data"), dir.join("server.log"));
        let mut command = Command::new(program()?);
        command.args(["serve", "--dev", "--listen", "127.0.0.1:0", "--data-dir"]).arg(&data_dir);
        command.envs(env.iter().copied()).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(File::create(&log).context("the server's log file")?);
        let begun = Instant::now();
        let child = match cores {
            Some(cores) => cores.spawn(&mut command)?,
            None => command.spawn().context("the server cannot be started")?,
        };
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Self { child, address: unknown, started_in: Duration::ZERO, log: Some(log) };
        let up = server.wait_until_up(&data_dir, begun).await;
        up.with_context(|| format!("the server did not start; its log ends with: {}", server.log_end()))?;
        Ok(server)
    }

    async fn wait_until_up(&mut self, data_dir: &Path, begun: Instant) -> anyhow::Result<()> {
        loop {
            if let Some(file) = ServerFile::read(data_dir).filter(|file| file.pid == self.child.id())
                && let Some(address) = file.addresses.first()
            {
                self.address = *address;
                let mut wire = Wire::connect(self.address).await?;
                if wire.exchange(HEALTH).await?.status == 200 {
                    self.started_in = begun.elapsed();
                    return Ok(());
                }
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended with {status}");
            }
            if begun.elapsed() > START_MAX {
                bail!("it took more than {} s", START_MAX.as_secs());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Starts the baseline server.
    pub(super) fn baseline() -> anyhow::Result<Self> {
        let mut command = Command::new(program()?);
        command.args(["bench", "serve-baseline"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let begun = Instant::now();
        let mut child = command.spawn().context("the baseline server cannot be started")?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line).context("the baseline server says nothing")?;
        }
        let address = line.trim().parse().with_context(|| format!("the baseline server said {line:?}"));
        let mut server = Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            started_in: begun.elapsed(),
            log: None,
        };
        server.address = address?;
        Ok(server)
    }

    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory, in bytes. Errors: a system without /proc.
    pub(super) fn resident_bytes(&self) -> anyhow::Result<u64> {
        resident_bytes(self.child.id())
    }

    /// What it measures of itself.
    pub(super) async fn metrics(&self) -> anyhow::Result<Metrics> {
        let mut client = Client::new(self.address.into(), None)?;
        let accept = [(header::ACCEPT, "application/json")];
        client.send(Method::GET, "/v1/metrics", &accept, bytes::Bytes::new()).await?.success()?.json()
    }

    /// Waits until everything accepted is visible; at most `patience`.
    pub(super) async fn wait_until_caught_up(&self, patience: Duration) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            let lag = self.metrics().await?.pipeline_lag_events;
            if lag == 0 {
                return Ok(());
            }
            if begun.elapsed() > patience {
                bail!("after {} s {lag} events are not yet visible", patience.as_secs());
            }
            tokio::time::sleep(POLL * 5).await;
        }
    }

    /// Stops it as an operator does, with SIGTERM, and waits for its end; returns how long that took. Errors: it did not
    /// end in good order.
    pub(super) async fn stop(mut self) -> anyhow::Result<Duration> {
        // The standard library knows only SIGKILL.
        let kill = format!("kill -TERM {}", self.child.id());
        let told =
            Command::new("sh").args(["-c", &kill]).status().context("the server cannot be told to stop")?;
        if !told.success() {
            bail!("the server was gone before it was told to stop; its log ends with: {}", self.log_end());
        }
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if begun.elapsed() > STOP_MAX {
                bail!("the server did not stop within {} s", STOP_MAX.as_secs());
            }
            tokio::time::sleep(POLL).await;
        };
        if !status.success() {
            bail!("the server ended with {status}; its log ends with: {}", self.log_end());
        }
        Ok(begun.elapsed())
    }

    /// The end of its log, as one safe line.
    pub(super) fn log_end(&self) -> String {
        let log = self.log.as_ref().and_then(|log| std::fs::read(log).ok()).unwrap_or_default();
        let end = &log[log.len().saturating_sub(LOG_SHOWN_BYTES)..];
        text::escaped(String::from_utf8_lossy(end).trim()).into_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Resident memory of a process, in bytes. Errors: it is gone, or a system without /proc.
pub(super) fn resident_bytes(pid: u32) -> anyhow::Result<u64> {
    crate::metrics::process::resident_bytes(&pid.to_string()).context("no VmRSS in /proc")
}

fn program() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("the path of this program is unknown")
}
