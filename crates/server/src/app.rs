//! What every handler works with, and how it is put together.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use tidegate_domain::assessment::Screener;
use tidegate_domain::id::{Position, ProjectId};
use tidegate_domain::ports::{Clock, Control, Entropy, EventLog, RateLimiter, Views};
use tidegate_domain::risk::HalfLife;
use tidegate_engine::access::Access;
use tidegate_engine::intake::{Intake, Mask, MaskRule, RegexMask};
use tidegate_engine::pipeline::Pipeline;
use tidegate_engine::query::{Limits, Query};
use tidegate_screening::{LexicalScreener, Lexicon};
use tidegate_store_embedded::control::EmbeddedControl;
use tidegate_store_embedded::disk::RealDisk;
use tidegate_store_embedded::lock::DirectoryLock;
use tidegate_store_embedded::log::{LogConfig, QueueLimits, SegmentLog};
use tidegate_store_embedded::rates::EmbeddedRateLimiter;
use tidegate_store_embedded::views::EmbeddedViews;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::clock::{SystemClock, SystemEntropy};
use crate::config::Config;
use crate::http::admission::Admission;
use crate::http::auth::DEV_PROJECT;
use crate::http::body::Bodies;
use crate::http::lag::Lag;
use crate::http::observe::RequestIds;
use crate::http::rates::Rates;
use crate::metrics::{Gauges, Metrics, PipelineObserver};
use crate::otlp::{Exporter, Tracer};

/// The log's directory inside the data directory.
pub const LOG_DIR: &str = "log";
/// The file of Views inside the data directory.
pub const VIEWS_FILE: &str = "views.sqlite";
/// The file of Control inside the data directory.
pub const CONTROL_FILE: &str = "control.sqlite";

/// The running parts of a server.
pub struct App {
    /// The settings.
    pub config: Config,
    /// Takes events in.
    pub intake: Intake,
    /// Answers questions.
    pub query: Query,
    /// Knows keys.
    pub access: Access,
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// What is derived from it.
    pub views: Arc<dyn Views>,
    /// Assesses texts.
    pub screener: Arc<dyn Screener>,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// Traces, if they are on.
    pub tracer: Option<Arc<Tracer>>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Limits on bodies.
    pub bodies: Bodies,
    /// How long work waits for a processor.
    pub lag: Arc<Lag>,
    /// How many requests to store events are worked on at once.
    pub admission: Arc<Admission>,
    /// How often a caller may send.
    pub rates: Rates,
    /// Makes request ids.
    pub request_ids: RequestIds,
    /// Free places for live readers.
    pub stream_readers: Arc<Semaphore>,
    /// The project of development mode.
    pub dev_project: ProjectId,
    /// Cancelled when the server stops.
    pub stop: CancellationToken,
}

impl App {
    /// What metrics read at the moment of asking.
    pub fn gauges(&self) -> Gauges {
        let (log, tail, checkpoint) = (self.log.status(), self.log.tail().0, self.query.checkpoint().0);
        Gauges {
            queue_depth: log.queue_depth,
            queue_bytes: log.queue_bytes,
            checkpoint,
            log_first: self.log.first().0,
            log_tail: tail,
            pipeline_lag_events: tail.saturating_sub(checkpoint),
            log_disk_bytes: log.disk_bytes,
            refusing: log.refusing,
            quarantined_ranges: log.quarantined.len(),
            body_inflight_bytes: self.bodies.inflight_bytes(),
            stream_readers: self.config.stream.readers_max - self.stream_readers.available_permits(),
            model: self.screener.version().to_owned(),
        }
    }
}

/// The stores of a data directory, held by this process alone.
pub struct Stores {
    /// The log; closed by [`SegmentLog::close`].
    pub log: Arc<SegmentLog>,
    /// Views.
    pub views: Arc<EmbeddedViews>,
    /// Projects and keys.
    pub control: Arc<EmbeddedControl>,
    _lock: DirectoryLock,
}

/// The version of what the pipeline derives: another one means that Views are folded again.
pub fn fold_version(screener: &dyn Screener) -> String {
    format!("fold-1/{}", screener.version())
}

/// How fast session risk fades.
pub fn half_life(config: &Config) -> HalfLife {
    HalfLife { ms: i64::try_from(config.risk.half_life_s.saturating_mul(1000)).unwrap_or(i64::MAX) }
}

/// The screener of these settings.
pub fn screener(config: &Config) -> anyhow::Result<Arc<dyn Screener>> {
    let mut lexicon = Lexicon::default();
    if !config.screening.offensive_words.is_empty() {
        lexicon.offensive.clone_from(&config.screening.offensive_words);
    }
    if !config.screening.targeting_words.is_empty() {
        lexicon.targeting.clone_from(&config.screening.targeting_words);
    }
    Ok(Arc::new(LexicalScreener::new(&lexicon).context("screening words")?))
}

/// How the log is kept.
pub fn log_config(config: &Config) -> LogConfig {
    let intake = &config.intake;
    let queue = QueueLimits {
        depth_max: intake.queue_depth_max,
        bytes_max: intake.queue_max_bytes,
        threshold: if intake.backpressure_enabled { intake.backpressure_threshold } else { 1.0 },
        retry_after_s: intake.retry_after_s,
    };
    LogConfig {
        segment_max_bytes: config.log.segment_max_bytes,
        recent_max_bytes: config.log.recent_max_bytes,
        queue,
        ..LogConfig::default()
    }
}

/// Takes the data directory and opens what is in it.
pub fn open_stores(config: &Config, screener: &dyn Screener) -> anyhow::Result<Stores> {
    let dir = &config.server.data_dir;
    tidegate_store_embedded::disk::make_dir(dir)
        .with_context(|| format!("data directory {}", dir.display()))?;
    let lock = DirectoryLock::take(dir).with_context(|| format!("data directory {}", dir.display()))?;
    let log = open_log(&dir.join(LOG_DIR), config)?;
    let (views, version) = (dir.join(VIEWS_FILE), fold_version(screener));
    let views = EmbeddedViews::open_for(&views, half_life(config), &version, log.tail())
        .context("views cannot be opened")?;
    let control = open_control(&dir.join(CONTROL_FILE), log.tail())?;
    Ok(Stores { log: Arc::new(log), views: Arc::new(views), control: Arc::new(control), _lock: lock })
}

/// Opens Control; a new one beside a log with events means that keys were lost, which must not pass in silence.
fn open_control(path: &Path, log_end: Position) -> anyhow::Result<EmbeddedControl> {
    let is_missing = !path.metadata().is_ok_and(|file| file.len() > 0);
    if is_missing && log_end > Position::default() {
        tracing::error!(
            path = %path.display(),
            "the log holds events, but projects and keys are missing: a new, empty file is made, and keys made before are \
             refused; to have them back, stop, and restore the file from a backup"
        );
    }
    EmbeddedControl::open(path).context("control cannot be opened, `tidegate doctor` says more")
}

fn open_log(dir: &Path, config: &Config) -> anyhow::Result<SegmentLog> {
    let disk = RealDisk::open(dir).with_context(|| format!("log directory {}", dir.display()))?;
    SegmentLog::open(Box::new(disk), log_config(config), Arc::new(SystemClock), Arc::new(SystemEntropy))
        .context("the log cannot be opened")
}

/// What an [`App`] stands on.
pub struct Ports {
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// Views.
    pub views: Arc<dyn Views>,
    /// Projects and keys.
    pub control: Arc<dyn Control>,
    /// Counts requests.
    pub rate_limiter: Arc<dyn RateLimiter>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

impl Stores {
    /// These stores, with the system's time and randomness, and a rate limiter for this process alone.
    pub fn ports(&self, config: &Config) -> Ports {
        let clock = Arc::new(SystemClock);
        Ports {
            log: self.log.clone(),
            views: self.views.clone(),
            control: self.control.clone(),
            rate_limiter: Arc::new(EmbeddedRateLimiter::new(clock.clone(), config.rate_limits.buckets_max)),
            clock,
            entropy: Arc::new(SystemEntropy),
        }
    }
}

/// What runs beside an [`App`], for its starter to run.
pub struct Beside {
    /// Folds the log, on a thread of its own.
    pub pipeline: Pipeline,
    /// Sends traces, if they are on.
    pub exporter: Option<Exporter>,
}

/// Puts the parts together over `ports`.
pub async fn assemble(
    config: Config,
    ports: Ports,
    screener: Arc<dyn Screener>,
    stop: CancellationToken,
) -> anyhow::Result<(App, Beside)> {
    let Ports { log, views, control, rate_limiter, clock, entropy } = ports;
    let metrics = Arc::new(Metrics::new().context("metrics")?);
    let traces = Tracer::open(&config.telemetry, Arc::clone(&clock), entropy.as_ref(), Arc::clone(&metrics));
    let traces = traces.map_err(anyhow::Error::msg).context("telemetry.otlp_endpoint")?;
    let (tracer, exporter) = traces.map(|(tracer, exporter)| (Arc::new(tracer), exporter)).unzip();
    let observer = Arc::new(PipelineObserver {
        metrics: Arc::clone(&metrics),
        tracer: tracer.clone(),
        clock: Arc::clone(&clock),
    });
    let half_life = half_life(&config);
    let pipeline = Pipeline::open(
        Arc::clone(&log),
        Arc::clone(&views),
        Arc::clone(&screener),
        observer,
        half_life,
        config.pipeline.batch_max_bytes,
    )
    .await?;
    let query = Query::new(
        Arc::clone(&log),
        Arc::clone(&views),
        pipeline.checkpoint(),
        half_life,
        Limits {
            scan_max_records: config.query.scan_max_records,
            page_max_bytes: config.query.page_max_bytes,
        },
    );
    let access = open_access(&config, control, Arc::clone(&clock), Arc::clone(&entropy)).await?;
    let rates = Rates::new(&config.rate_limits, &config.server, rate_limiter, Arc::clone(&metrics));
    let lag = Arc::new(Lag::default());
    let mut seed = [0; 16];
    entropy.fill(&mut seed);
    let app = App {
        intake: Intake::new(Arc::clone(&log), mask(&config)?),
        query,
        access,
        log,
        views,
        screener,
        metrics,
        tracer,
        clock,
        bodies: Bodies::new(&config, Arc::clone(&lag)),
        lag,
        admission: Arc::new(Admission::new(config.server.ack_target_ms, config.intake.retry_after_s)),
        rates,
        request_ids: RequestIds::new(seed),
        stream_readers: Arc::new(Semaphore::new(config.stream.readers_max)),
        dev_project: DEV_PROJECT.parse().context("the development project")?,
        stop,
        config,
    };
    Ok((app, Beside { pipeline, exporter }))
}

/// The keys of Control and of the settings.
pub async fn open_access(
    config: &Config,
    control: Arc<dyn Control>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> anyhow::Result<Access> {
    let project = &config.access.static_keys_project;
    let fixed: Vec<_> = config.access.static_keys.iter().map(|key| (key.expose(), project.clone())).collect();
    Access::open(control, clock, entropy, &fixed).await.context("keys cannot be read")
}

fn mask(config: &Config) -> anyhow::Result<Option<Arc<dyn Mask>>> {
    let rule = |rule: &crate::config::MaskingRule| MaskRule {
        name: rule.name.clone(),
        pattern: rule.pattern.clone(),
    };
    let rules: Vec<_> = config.masking.rules.iter().map(rule).collect();
    let mask = RegexMask::new(&rules).context("masking.rules")?;
    Ok(mask.map(|mask| Arc::new(mask) as Arc<dyn Mask>))
}
