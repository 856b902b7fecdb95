//! The server's routes over a log in memory, called without a socket.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::request::Builder;
use axum::http::{Request, header};
use http_body_util::BodyExt;
use serde_json::Value;
use tempfile::TempDir;
use tidegate_engine::pipeline::Pipeline;
use tidegate_server::analysis::Analyses;
use tidegate_server::app::{self, App, Readers, Signals};
use tidegate_server::config::Config;
use tidegate_server::http::auth::Peer;
use tidegate_server::http::router::router;
use tidegate_server::metrics::Metrics;
use tidegate_server::pipelines::open_whole;
use tidegate_server::screening;
use tidegate_server::stores::{CONTROL_FILE, JOBS_FILE, Ports, VIEWS_FILE};
use tidegate_simulator::memory_disk::MemoryDisk;
use tidegate_store_embedded::control::EmbeddedControl;
use tidegate_store_embedded::jobs::EmbeddedJobs;
use tidegate_store_embedded::rates::EmbeddedRateLimiter;
use tidegate_store_embedded::views::EmbeddedViews;
use tidegate_testkit::world::{ManualClock, SeededEntropy};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::stepped_log::{ROOMY, SteppedLog};

/// The routes, and what they stand on.
pub(crate) struct House {
    pub(crate) log: Arc<SteppedLog>,
    router: Router,
    pipeline: Pipeline,
    runtime: Runtime,
    /// SQLite's files.
    _dir: TempDir,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) json: Value,
}

/// Development mode, with limits so small that inputs of a few bytes pass them.
fn small() -> Config {
    let mut config = Config::default();
    config.server.dev = true;
    config.intake.batch_max_events = 8;
    config.intake.moderation_batch_max_events = 8;
    config.event.content_max_chars = 64;
    config.event.moderation_content_max_chars = 64;
    config.event.data_max_bytes = 128;
    config.event.data_max_depth = 8;
    config.query.page_default = 5;
    // Waiting for a screening that nobody does would only take time.
    config.pipeline.enabled = false;
    // So would syncing jobs that nobody runs.
    config.analysis.session_enabled = false;
    config.analysis.cot_enabled = false;
    config
}

impl House {
    pub(crate) fn open() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let dir = tempfile::tempdir().expect("a directory for SQLite");
        let log = Arc::new(SteppedLog::open(MemoryDisk::default(), ROOMY).expect("an empty log opens"));
        let (app, pipeline) = runtime.block_on(assemble(Arc::clone(&log), &dir));
        Self { log, router: router(Arc::new(app)), pipeline, runtime, _dir: dir }
    }

    /// Folds all that is in the log.
    pub(crate) fn catch_up(&mut self) {
        let folding = self.pipeline.catch_up(|_| {});
        self.runtime.block_on(folding).expect("the pipeline folds");
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path), Body::empty())
    }

    pub(crate) fn post(&self, path: &str, content_type: &str, body: &[u8]) -> Answer {
        self.send(Request::post(path).header(header::CONTENT_TYPE, content_type), body.to_vec().into())
    }

    /// Sends a request, and checks what holds for every answer.
    fn send(&self, request: Builder, body: Body) -> Answer {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 1));
        let request = request.header(header::HOST, "localhost").extension(Peer(loopback)).body(body);
        let request = request.expect("the request is well formed");
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.expect("routes are infallible");
            let (parts, body) = response.into_parts();
            let status = parts.status.as_u16();
            let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
            if content_type.is_some_and(|kind| kind.starts_with("text/event-stream")) {
                // A stream never ends: that it began is enough.
                return Answer { status, json: Value::Null };
            }
            let body = body.collect().await.expect("the answer is whole").to_bytes();
            let text = String::from_utf8_lossy(&body);
            let json = serde_json::from_slice(&body).unwrap_or_else(|e| panic!("{e} in {status}: {text}"));
            assert!(status < 500, "{status}: {text}");
            if status != 200 {
                assert_eq!(content_type, Some("application/problem+json"), "{status}: {text}");
                check_problem(status, &json);
            }
            Answer { status, json }
        })
    }
}

fn check_problem(status: u16, json: &Value) {
    let said = |name: &str| json[name].as_str().is_some_and(|said| !said.is_empty());
    assert!(["type", "title", "detail", "requestId"].into_iter().all(said), "{json}");
    assert_eq!(json["status"], status, "{json}");
}

async fn assemble(log: Arc<SteppedLog>, dir: &TempDir) -> (App, Pipeline) {
    let config = small();
    let tiers = screening::open(&config).expect("the built-in words");
    let screener = std::sync::Arc::clone(&tiers.screener);
    let version = app::fold_version(screener.as_ref());
    let views = EmbeddedViews::open(&dir.path().join(VIEWS_FILE), app::half_life(&config), &version);
    let control = EmbeddedControl::open(&dir.path().join(CONTROL_FILE));
    let clock = Arc::new(ManualClock::default());
    let ports = Ports {
        log,
        views: Arc::new(views.expect("views open")),
        control: Arc::new(control.expect("control opens")),
        jobs: Arc::new(EmbeddedJobs::open(&dir.path().join(JOBS_FILE)).expect("jobs open")),
        rate_limiter: Arc::new(EmbeddedRateLimiter::new(clock.clone(), config.rate_limits.buckets_max)),
        clock,
        entropy: Arc::new(SeededEntropy::new(1)),
    };
    let metrics = Arc::new(Metrics::new().expect("every metric is declared once"));
    let signals = Signals { metrics, tracer: None };
    let labels = app::labels(&ports, &screener).await.expect("the stores answer");
    let analyses = Analyses::open(&config, &ports).expect("built-in models");
    let folding = app::folding(&config, &screener, &labels, &analyses, &ports.clock, &signals, None);
    let pipeline = open_whole(ports.log.clone(), ports.views.clone(), &folding).await.expect("views answer");
    let checkpoint = pipeline.checkpoint();
    let app = app::assemble(
        config,
        ports,
        Readers { tiers, labels, analyses },
        checkpoint,
        signals,
        CancellationToken::new(),
    )
    .await;
    (app.expect("the parts fit together"), pipeline)
}
