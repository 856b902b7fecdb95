//! A server inside the test's process, on a directory and a port of its own.

use std::net::SocketAddr;
use std::ops::Deref;
use std::path::Path;

use tempfile::TempDir;
use tidegate_server::config::Config;
use tidegate_server::run::{self, Running};
use tidegate_testkit::vendor::Vendor;
use tokio::runtime::Handle;

use super::client::Client;

/// A running server; stopped, and its directory removed, when dropped.
pub(crate) struct TestServer {
    client: Client,
    config: Config,
    running: Option<Running>,
    _dir: TempDir,
}

/// A server in development mode with the default settings.
pub(crate) async fn start() -> TestServer {
    start_with(|_| {}).await
}

/// A server with the default settings, changed by `change`.
pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> TestServer {
    let dir = tempfile::tempdir().expect("a directory for the test");
    let mut config = Config::default();
    config.server.listen = vec![([127, 0, 0, 1], 0).into()];
    config.server.data_dir = dir.path().join("data");
    config.server.dev = true;
    // Small segments are quick to make, and tests that write much go through several.
    config.log.segment_max_bytes = 1 << 20;
    config.access.reload_interval_ms = 50;
    // The server shares its threads with the test, which may hold them for long.
    config.server.lag_max_ms = 60_000;
    config.server.ack_target_ms = 60_000;
    config.store.url = super::store::address(dir.path()).await;
    config.store.partition_max_events = 1000;
    config.worker.lease_ttl_ms = 1000;
    // Analyses are events too, and would lie between those that a test counts: see `it::analysis`.
    config.analysis.session_enabled = false;
    config.analysis.cot_enabled = false;
    change(&mut config);
    let running = run::start(config.clone()).await.expect("the server starts");
    TestServer { client: Client::new(running.addresses[0]), config, running: Some(running), _dir: dir }
}

/// A server that analyses by its rules, as by default, soon after each event; changed by `change`.
pub(crate) async fn start_analysing(change: impl FnOnce(&mut Config)) -> TestServer {
    start_with(|config| {
        config.analysis.session_enabled = true;
        config.analysis.cot_enabled = true;
        config.analysis.coalesce_ms = 20;
        config.jobs.backoff_min_ms = 20;
        config.jobs.backoff_max_ms = 100;
        change(config);
    })
    .await
}

/// Lets `config` analyse by `vendor`, which speaks like OpenAI.
pub(crate) fn ask(config: &mut Config, vendor: &Vendor) {
    config.analysis.models = vec!["openai".to_owned()];
    config.openai.base_url = format!("http://{}/v1", vendor.address);
    config.openai.timeout_ms = 2000;
    config.openai.breaker_open_ms = 50;
}

impl Deref for TestServer {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl TestServer {
    /// The data directory.
    pub(crate) fn data_dir(&self) -> &Path {
        &self.config.server.data_dir
    }

    /// Every address it listens on.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.running.as_ref().expect("the server runs").addresses
    }

    /// Waits until all events are folded.
    pub(crate) async fn caught_up(&self) {
        self.running.as_ref().expect("the server runs").caught_up().await;
    }

    pub(crate) async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await.expect("the server stops");
        }
    }

    /// Stops, fails to start again, and says why.
    pub(crate) async fn refused_restart(&mut self) -> String {
        self.stop().await;
        let refused = run::start(self.config.clone()).await.err().expect("the server does not start");
        format!("{refused:#}")
    }

    /// Starts again on the same directory, after [`TestServer::stop`] if it runs.
    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        let running = run::start(self.config.clone()).await.expect("the server starts again");
        self.client = Client::new(running.addresses[0]);
        self.running = Some(running);
    }
}

impl TestServer {
    /// Starts again with other settings.
    pub(crate) async fn restart_with(&mut self, change: impl FnOnce(&mut Config)) {
        self.stop().await;
        change(&mut self.config);
        self.restart().await;
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            let stopped = tokio::task::block_in_place(|| Handle::current().block_on(running.stop()));
            if !std::thread::panicking() {
                stopped.expect("the server stops");
            }
        }
    }
}
