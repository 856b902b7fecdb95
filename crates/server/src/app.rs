//! What every handler works with, and how it is put together.

use std::sync::Arc;

use anyhow::Context;
use tidegate_domain::assessment::Screener;
use tidegate_domain::id::{Position, ProjectId};
use tidegate_domain::ports::{Clock, Control, Entropy, EventLog, Jobs, Views};
use tidegate_domain::risk::HalfLife;
use tidegate_engine::access::Access;
use tidegate_engine::intake::Intake;
use tidegate_engine::labelling::Labelling;
use tidegate_engine::labels::Labels;
use tidegate_engine::query::{Limits, Query};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::analysis::Analyses;
use crate::config::Config;
use crate::http::admission::Admission;
use crate::http::auth::DEV_PROJECT;
use crate::http::body::Bodies;
use crate::http::lag::Lag;
use crate::http::observe::RequestIds;
use crate::http::rates::Rates;
use crate::masking;
use crate::metrics::{AnalysisObserver, Gauges, Metrics, PipelineObserver};
use crate::otlp::{Exporter, Tracer};
use crate::pipelines::Folding;
use crate::screening::{EmbeddingTier, Thresholds, Tiers};
use crate::stores::Ports;
use crate::transport::Streams;

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
    /// What became of the embedding tier.
    pub embedding: EmbeddingTier,
    /// Takes what people say of texts.
    pub labelling: Labelling,
    /// Who analyses what.
    pub analyses: Analyses,
    /// Work to be done.
    pub jobs: Arc<dyn Jobs>,
    /// Projects, keys and exemplars.
    pub control: Arc<dyn Control>,
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
            queue_depth_max: self.config.intake.queue_depth_max,
            queue_bytes_max: self.config.intake.queue_max_bytes,
            checkpoint,
            log_first: self.log.first().0,
            log_tail: tail,
            pipeline_lag_events: tail.saturating_sub(checkpoint),
            log_disk_bytes: log.disk_bytes,
            log_segments: log.segments,
            refusing: log.refusing,
            quarantined_ranges: log.quarantined.len(),
            body_inflight_bytes: self.bodies.inflight_bytes(),
            stream_readers: self.config.stream.readers_max - self.stream_readers.available_permits(),
            model: self.screener.version().to_owned(),
        }
    }
}

/// The version of what the pipeline derives: another one means that Views are folded again.
pub fn fold_version(screener: &dyn Screener) -> String {
    format!("fold-2/{}", screener.version())
}

/// How fast session risk fades.
pub fn half_life(config: &Config) -> HalfLife {
    HalfLife { ms: i64::try_from(config.risk.half_life_s.saturating_mul(1000)).unwrap_or(i64::MAX) }
}

/// The labels of these stores, told to `screener`.
pub async fn labels(ports: &Ports, screener: &Arc<dyn Screener>) -> anyhow::Result<Arc<Labels>> {
    let (log, control) = (Arc::clone(&ports.log), Arc::clone(&ports.control));
    let labels =
        Labels::open(log, control, Arc::clone(screener)).await.context("exemplars cannot be read")?;
    Ok(Arc::new(labels))
}

/// What every pipeline of this process folds with, under these settings.
pub fn folding(
    config: &Config,
    screener: &Arc<dyn Screener>,
    labels: &Arc<Labels>,
    analyses: &Analyses,
    clock: &Arc<dyn Clock>,
    signals: &Signals,
    streams: Option<Streams>,
) -> Folding {
    Folding {
        screener: Arc::clone(screener),
        labels: Arc::clone(labels),
        trigger: analyses.trigger(),
        observer: Arc::new(PipelineObserver {
            metrics: Arc::clone(&signals.metrics),
            tracer: signals.tracer.clone(),
            clock: Arc::clone(clock),
        }),
        half_life: half_life(config),
        batch_max_bytes: config.pipeline.batch_max_bytes,
        streams,
        thresholds: Thresholds::new(&config.screening),
        route_again_max_events: config.transport.route_again_max_events,
    }
}

/// What a process tells of its work.
#[derive(Clone)]
pub struct Signals {
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// Traces, if they are on.
    pub tracer: Option<Arc<Tracer>>,
}

impl Signals {
    /// Who hears of analyses.
    pub fn analysis_observer(&self) -> Arc<AnalysisObserver> {
        Arc::new(AnalysisObserver { metrics: Arc::clone(&self.metrics), tracer: self.tracer.clone() })
    }
}

/// The signals that the settings ask for; traces leave by the exporter, which somebody must run.
pub fn signals(config: &Config, ports: &Ports) -> anyhow::Result<(Signals, Option<Exporter>)> {
    let metrics = Arc::new(Metrics::new().context("metrics")?);
    let clock = Arc::clone(&ports.clock);
    let traces = Tracer::open(&config.telemetry, clock, ports.entropy.as_ref(), Arc::clone(&metrics));
    let traces = traces.map_err(anyhow::Error::msg).context("telemetry.otlp_endpoint")?;
    let (tracer, exporter) = traces.map(|(tracer, exporter)| (Arc::new(tracer), exporter)).unzip();
    Ok((Signals { metrics, tracer }, exporter))
}

/// What reads texts: one by one, as people labelled them, and as whole sessions.
pub struct Readers {
    /// Assess texts.
    pub tiers: Tiers,
    /// What people say of them.
    pub labels: Arc<Labels>,
    /// Who analyses sessions and chains of thought.
    pub analyses: Analyses,
}

/// Puts the parts together over `ports`. `checkpoint`: up to where everything is folded, as it moves.
pub async fn assemble(
    config: Config,
    ports: Ports,
    readers: Readers,
    checkpoint: watch::Receiver<Position>,
    signals: Signals,
    stop: CancellationToken,
) -> anyhow::Result<App> {
    let Ports { log, views, control, jobs, rate_limiter, clock, entropy } = ports;
    let Signals { metrics, tracer } = signals;
    let Readers { tiers: Tiers { screener, embedding }, labels, analyses } = readers;
    let query = Query::new(
        Arc::clone(&log),
        Arc::clone(&views),
        checkpoint,
        half_life(&config),
        Limits {
            scan_max_records: config.query.scan_max_records,
            page_max_bytes: config.query.page_max_bytes,
        },
    );
    let access = open_access(&config, Arc::clone(&control), Arc::clone(&clock), Arc::clone(&entropy)).await?;
    let rates = Rates::new(&config.rate_limits, &config.server, rate_limiter, Arc::clone(&metrics));
    let lag = Arc::new(Lag::default());
    let mut seed = [0; 16];
    entropy.fill(&mut seed);
    Ok(App {
        intake: Intake::new(Arc::clone(&log), masking::open(&config)?),
        query,
        access,
        log,
        views,
        labelling: Labelling {
            labels,
            control: Arc::clone(&control),
            screener: Arc::clone(&screener),
            neighbour_similarity_min: config.embedding.similarity_min,
            window_events: config.screening.similar_window_events,
        },
        analyses,
        jobs,
        screener,
        embedding,
        control,
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
    })
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
