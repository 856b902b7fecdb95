//! A server from start to stop: stores, pipeline, listeners, drain. Reads top to bottom.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tidegate_domain::ports::Scopes;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::analysis::Analyses;
use crate::app::{self, App, Readers};
use crate::config::{Config, Role};
use crate::http::per_address::PerAddress;
use crate::http::router::router;
use crate::http::serve::Serving;
use crate::open_files;
use crate::pipelines::{Background, Pipelines};
use crate::retention;
use crate::screening;
use crate::stores::Stores;
use crate::transport::Streams;

/// Says where a running server listens, for the other commands; beside the log.
pub const SERVER_FILE: &str = "server.json";
/// Sockets that wait to be accepted, per listener.
const BACKLOG: i32 = 1024;

/// A running server.
pub struct Running {
    /// The addresses it listens on.
    pub addresses: Vec<SocketAddr>,
    app: Arc<App>,
    stores: Stores,
    tasks: TaskTracker,
    pipelines: Pipelines,
    /// Runs jobs, if this process does.
    jobs: Option<Background>,
    /// Sends what is traced until the end; aborted when dropped.
    exporting: JoinSet<()>,
    export_stop: CancellationToken,
    server_file: PathBuf,
}

/// Starts a server; when this returns it answers on every address.
pub async fn start(config: Config) -> anyhow::Result<Running> {
    let tiers = screening::open(&config)?;
    let screener = Arc::clone(&tiers.screener);
    let stores = Stores::open(&config, screener.as_ref()).await?;
    let listeners = bind(&config.server.listen)?;
    let addresses = listeners.iter().map(TcpListener::local_addr).collect::<Result<Vec<_>, _>>()?;
    let ports = stores.ports(&config);
    let (signals, exporter) = app::signals(&config, &ports)?;
    let streams = Streams::open(&config, &stores)?;
    signals.metrics.watch_embedding(&tiers.embedding);
    if let Some(streams) = &streams {
        signals.metrics.watch_transport(Arc::clone(&streams.stats));
    }
    let labels = app::labels(&ports, &screener).await?;
    let analyses = Analyses::open(&config, &ports)?;
    let folding = app::folding(&config, &screener, &labels, &analyses, &ports.clock, &signals, streams);
    let pipelines = Pipelines::start(&config, &stores, &ports, folding, &signals.metrics).await?;
    let jobs = analyses.start(&config, &ports, pipelines.checkpoint(), &signals.analysis_observer())?;
    let (stop, roles) = (CancellationToken::new(), config.server.roles.clone());
    let app = app::assemble(
        config,
        ports,
        Readers { tiers, labels, analyses },
        pipelines.checkpoint(),
        signals,
        stop,
    )
    .await?;
    let app = Arc::new(app);
    if app.config.server.has_role(Role::Api) {
        announce_owner_key(&app).await?;
    }

    let tasks = TaskTracker::new();
    let (mut exporting, export_stop) = (JoinSet::new(), CancellationToken::new());
    if let Some(exporter) = exporter {
        exporting.spawn(exporter.run(export_stop.clone()));
    }
    tasks.spawn(watch_keys(Arc::clone(&app)));
    if app.config.server.has_role(Role::Worker) {
        tasks.spawn(retention::run(Arc::clone(&app)));
    }
    tasks.spawn(watch_lag(Arc::clone(&app)));
    let server = &app.config.server;
    let serving = Serving {
        router: router(Arc::clone(&app)),
        header_read_timeout: Duration::from_millis(server.header_read_timeout_ms),
        write_timeout: Duration::from_millis(server.write_timeout_ms),
        connections: Arc::new(Semaphore::new(open_files::connections(server.connections_max)?)),
        per_address: PerAddress::new(server.connections_per_address_max, &server.trusted_proxies),
        max_requests: server.connection_max_requests,
        metrics: Arc::clone(&app.metrics),
        stop: app.stop.clone(),
        tasks: tasks.clone(),
    };
    for listener in listeners {
        tasks.spawn(serving.clone().accept(listener));
    }
    let server_file = app.config.server.data_dir.join(SERVER_FILE);
    let written = write_server_file(&server_file, &addresses);
    if matches!(stores, Stores::Embedded(_)) {
        written?;
    }
    tracing::info!(
        ?addresses, ?roles, store = %stores.name(&app.config), dev = app.config.server.dev, "tidegate is up"
    );
    Ok(Running { addresses, app, stores, tasks, pipelines, jobs, exporting, export_stop, server_file })
}

fn bind(addresses: &[SocketAddr]) -> anyhow::Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    for address in addresses {
        let socket = if address.is_ipv4() {
            tokio::net::TcpSocket::new_v4()
        } else {
            tokio::net::TcpSocket::new_v6()
        }?;
        socket.set_reuseaddr(true)?;
        socket.bind(*address).with_context(|| format!("cannot listen on {address}"))?;
        listeners.push(socket.listen(BACKLOG as u32).with_context(|| format!("cannot listen on {address}"))?);
    }
    Ok(listeners)
}

/// Without development mode, the first start of a data directory prints one owner key, once.
async fn announce_owner_key(app: &App) -> anyhow::Result<()> {
    let config = &app.config;
    let has_keys = !config.access.static_keys.is_empty() || !app.access.list().await?.is_empty();
    if config.server.dev || has_keys {
        return Ok(());
    }
    let project = &config.access.static_keys_project;
    let issued = app.access.issue(project, Scopes::all(), "owner, made at the first start", None).await?;
    crate::cli::print::owner_key(project, &issued.key);
    Ok(())
}

/// Reads the keys again when another process changed them (law A2).
async fn watch_keys(app: Arc<App>) {
    let mut tick = tokio::time::interval(Duration::from_millis(app.config.access.reload_interval_ms));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = app.stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        if let Err(error) = app.access.refresh().await {
            let cause: &dyn std::error::Error = &error;
            tracing::error!(error = cause, "keys could not be read again; the known ones still count");
        }
    }
}

/// Probes for overload until the server stops.
async fn watch_lag(app: Arc<App>) {
    tokio::select! {
        () = app.stop.cancelled() => {}
        () = app.lag.probe() => {}
    }
}

/// For the other commands. A server on a database can do without: its folder may be read-only, or absent.
fn write_server_file(path: &Path, addresses: &[SocketAddr]) -> anyhow::Result<()> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).with_context(|| format!("data directory {}", dir.display()))?;
    }
    let json = serde_json::json!({"pid": std::process::id(), "addresses": addresses});
    std::fs::write(path, json.to_string()).with_context(|| format!("cannot write {}", path.display()))
}

impl Running {
    /// Waits until the pipeline has folded everything that is in the log now.
    pub async fn caught_up(&self) {
        let tail = self.app.log.tail();
        let mut checkpoint = self.app.query.watch_checkpoint();
        // The sender lives as long as the pipeline; if that is gone, nothing more will be folded.
        let _ = checkpoint.wait_for(|checkpoint| *checkpoint >= tail).await;
    }

    /// Stops: no new connections, requests at hand are finished, the pipeline finishes its batch, the log is
    /// closed. What takes longer than the drain time is cut off; nothing acknowledged is lost by that. Traces are sent
    /// last, in what is left of that time.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let limit = Duration::from_millis(self.app.config.server.drain_timeout_ms);
        let deadline = Instant::now() + limit;
        tracing::info!(drain_timeout_ms = limit.as_millis() as u64, "stopping");
        self.app.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(limit, self.tasks.wait()).await.is_err() {
            tracing::warn!("requests were cut off at the end of the drain time");
        }
        let closing = async {
            // What is analysed now still finds a log to write to; what is not done waits for the next start.
            if let Some(jobs) = self.jobs.take() {
                jobs.stop().await;
            }
            self.stores.close().await;
            self.pipelines.stop().await;
        };
        if tokio::time::timeout(limit, closing).await.is_err() {
            tracing::warn!("the pipeline was cut off at the end of the drain time");
        }
        self.export_stop.cancel();
        if tokio::time::timeout_at(deadline, self.exporting.join_next()).await.is_err() {
            tracing::warn!("traces were cut off at the end of the drain time");
        }
        let _ = std::fs::remove_file(&self.server_file);
        tracing::info!("stopped");
        Ok(())
    }
}
