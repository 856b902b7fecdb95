//! Metrics: seed 002's names, and ours. Labels are bounded: a client cannot make the registry grow.

mod analysis;
mod embedding;
mod freshness;
mod labels;
pub(crate) mod process;
mod screening;
mod snapshot;
mod transport;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};
use tidegate_domain::assessment::Category;
use tidegate_domain::fault::FieldError;
use tidegate_domain::ports::{Clock, Deleted, JobStats};
use tidegate_domain::time::UnixMs;
use tidegate_engine::pipeline::{BatchReport, Observer};

use crate::doors::Verdict;
use crate::otlp::Tracer;
use crate::screening::EmbeddingTier;
use analysis::AnalysisMetrics;
pub use analysis::AnalysisObserver;
use embedding::EmbeddingMetrics;
use freshness::Freshness;
use labels::Bounded;
pub use labels::Received;
use process::Process;
use screening::ScreeningMetrics;
pub use snapshot::{Gauges, Snapshot};
use tidegate_stream_redis::stats::TransportStats;
use transport::TransportMetrics;

/// Bounds of seed 002's latency histograms, in milliseconds, with finer ones below.
const LATENCY_BOUNDS_MS: [f64; 11] = [0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0];
const SCREENING_BOUNDS_MS: [f64; 8] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.1, 1.0, 10.0];
const RISK_BOUNDS: [f64; 10] = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
const REQUEST_BOUNDS_S: [f64; 10] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 5.0];

/// All metrics of the process.
pub struct Metrics {
    registry: Registry,
    received: Bounded,
    deduplicated: IntCounter,
    accepted: IntCounter,
    validation_errors: IntCounterVec,
    ingestion_latency: Histogram,
    screened: IntCounter,
    screening_latency: Histogram,
    risk_score: Histogram,
    embedding: EmbeddingMetrics,
    screening: ScreeningMetrics,
    analysis: AnalysisMetrics,
    folded: IntCounter,
    parked: IntCounter,
    commit: Histogram,
    requests: IntCounterVec,
    rate_limited: IntCounterVec,
    rate_limiter_errors: IntCounter,
    connections_refused: IntCounter,
    spans_sent: IntCounter,
    spans_dropped: IntCounter,
    request_duration: HistogramVec,
    queue_depth: IntGauge,
    queue_bytes: IntGauge,
    queue_depth_max: IntGauge,
    queue_bytes_max: IntGauge,
    pipeline_lag: IntGauge,
    log_bytes: IntGauge,
    log_segments: IntGauge,
    log_first: IntGauge,
    deleted_segments: IntCounter,
    deleted_bytes: IntCounter,
    log_refusing: IntGauge,
    quarantined: IntGauge,
    inflight_bytes: IntGauge,
    stream_readers: IntGauge,
    shards_leased: IntGauge,
    lease_losses: IntCounter,
    store_errors: IntCounter,
    transport: TransportMetrics,
    freshness: Mutex<Freshness>,
}

impl Metrics {
    /// A registry with every metric at zero. Errors: a metric is declared twice, which a test finds.
    pub fn new() -> prometheus::Result<Self> {
        let make = Make(Registry::new());
        make.0.register(Box::new(Process::new()?))?;
        Ok(Self {
            received: Bounded::new(make.counters(
                "events_received_total",
                "Events that passed validation, by platform (source) and type.",
                &["platform", "event_type"],
            )?),
            deduplicated: make.counter("events_deduplicated_total", "Events that were there before.")?,
            accepted: make.counter("events_accepted_total", "Events that became durable.")?,
            validation_errors: make.counters(
                "validation_errors_total",
                "Fields refused, by code.",
                &["error_type"],
            )?,
            ingestion_latency: make.histogram(
                "ingestion_latency_ms",
                "From request to durability.",
                &LATENCY_BOUNDS_MS,
            )?,
            screened: make.counter("events_screened_total", "Texts screened.")?,
            screening_latency: make.histogram(
                "screening_latency_ms",
                "Screening of one text; of the pipeline's texts, a sample.",
                &SCREENING_BOUNDS_MS,
            )?,
            risk_score: make.histogram(
                "screening_risk_score",
                "Risk scores of texts screened.",
                &RISK_BOUNDS,
            )?,
            embedding: EmbeddingMetrics::new(&make)?,
            screening: ScreeningMetrics::new(&make)?,
            analysis: AnalysisMetrics::new(&make)?,
            folded: make.counter("pipeline_events_total", "Events folded into views.")?,
            parked: make.counter("pipeline_parked_total", "Events parked in quarantine.")?,
            commit: make.histogram(
                "pipeline_batch_ms",
                "Folding and committing one batch.",
                &LATENCY_BOUNDS_MS,
            )?,
            requests: make.counters("http_requests_total", "Requests answered.", &["route", "status"])?,
            rate_limited: make.counters(
                "rate_limited_total",
                "Requests refused with 429, by budget and whose bucket was empty.",
                &["budget", "bucket"],
            )?,
            rate_limiter_errors: make.counter(
                "rate_limiter_errors_total",
                "Requests admitted because the rate limiter gave no answer.",
            )?,
            connections_refused: make.counter(
                "connections_refused_total",
                "Connections closed at once: their address has too many.",
            )?,
            spans_sent: make.counter("otlp_spans_sent_total", "Spans that the collector took.")?,
            spans_dropped: make.counter(
                "otlp_spans_dropped_total",
                "Spans lost: the queue was full, or the collector did not take them.",
            )?,
            request_duration: make.histograms(
                "http_request_duration_seconds",
                "Time to an answer.",
                &REQUEST_BOUNDS_S,
                &["route"],
            )?,
            queue_depth: make.gauge("events_queue_depth", "Events waiting for the log.")?,
            queue_bytes: make.gauge("events_queue_bytes", "Bytes waiting for the log.")?,
            queue_depth_max: make.gauge("events_queue_depth_max", "Events that may wait for the log.")?,
            queue_bytes_max: make.gauge("events_queue_bytes_max", "Bytes that may wait for the log.")?,
            pipeline_lag: make.gauge("pipeline_lag_events", "Events in the log that are not folded yet.")?,
            log_bytes: make.gauge("log_disk_bytes", "Bytes of the log's segments and their indexes.")?,
            log_segments: make.gauge("log_segments", "Segments, or partitions, of the log.")?,
            log_first: make.gauge("log_first_position", "First position that is kept.")?,
            deleted_segments: make
                .counter("log_retention_segments_total", "Segments that retention has deleted.")?,
            deleted_bytes: make
                .counter("log_retention_bytes_total", "Bytes of files that retention has deleted.")?,
            log_refusing: make
                .gauge("log_refusing", "1 while the log takes no events: disk full, or closed.")?,
            quarantined: make.gauge("log_quarantined_ranges", "Damaged ranges of the log.")?,
            inflight_bytes: make.gauge("http_body_inflight_bytes", "Bytes of bodies being worked on.")?,
            stream_readers: make.gauge("stream_readers", "Open live streams.")?,
            shards_leased: make.gauge("shards_leased", "Shards that this worker folds.")?,
            lease_losses: make
                .counter("lease_losses_total", "Shards that this worker lost before it gave them up.")?,
            transport: TransportMetrics::new(&make)?,
            store_errors: make
                .counter("store_errors_total", "Requests and turns of a worker that a store failed.")?,
            freshness: Mutex::new(Freshness::new()),
            registry: make.0,
        })
    }

    /// Events were refused, each with its wrong fields.
    pub fn refused(&self, refused: &[(usize, Vec<FieldError>)]) {
        for error in refused.iter().flat_map(|(_, errors)| errors) {
            self.validation_errors.with_label_values(&[error.code]).inc();
        }
    }

    /// Events were stored or recognised.
    pub(crate) fn judged(&self, verdicts: &[Verdict]) {
        let stored = verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Stored(_))).count();
        let duplicates = verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Duplicate(_))).count();
        self.accepted.inc_by(stored as u64);
        self.deduplicated.inc_by(duplicates as u64);
    }

    /// An ingest request was answered with success.
    pub fn ingested(&self, elapsed: Duration) {
        self.ingestion_latency.observe(elapsed.as_secs_f64() * 1e3);
    }

    /// This worker folds so many shards.
    pub fn holds_shards(&self, shards: usize) {
        self.shards_leased.set(shards as i64);
    }

    /// A lease was lost.
    pub fn lost_lease(&self) {
        self.lease_losses.inc();
    }

    /// From now on tells what `stats` count; the first ones given stay.
    pub fn watch_transport(&self, stats: Arc<TransportStats>) {
        self.transport.watch(stats);
    }

    /// From now on tells of the embedding tier; the first one given stays.
    pub fn watch_embedding(&self, tier: &EmbeddingTier) {
        self.embedding.watch(tier);
    }

    /// A store failed a request, or a worker.
    pub fn store_failed(&self) {
        self.store_errors.inc();
    }

    /// Retention has deleted something, or nothing.
    pub fn deleted(&self, deleted: &Deleted) {
        self.deleted_segments.inc_by(deleted.segments as u64);
        self.deleted_bytes.inc_by(deleted.bytes);
    }

    /// A person labelled a text.
    pub fn labelled(&self, category: Category) {
        self.screening.labelled(category);
    }

    /// A text was screened on request.
    pub fn screened(&self, risk_score: f64, elapsed: Duration) {
        self.screened.inc();
        self.screening_latency.observe(elapsed.as_secs_f64() * 1e3);
        self.risk_score.observe(risk_score);
    }

    /// A request was answered.
    pub fn answered(&self, route: &str, status: u16, elapsed: Duration) {
        let mut digits = [0; 3];
        let status = three_digits(status, &mut digits);
        self.requests.with_label_values(&[route, status]).inc();
        self.request_duration.with_label_values(&[route]).observe(elapsed.as_secs_f64());
    }

    /// A request was refused: this bucket of this budget was empty.
    pub fn rate_limited(&self, budget: &'static str, bucket: &'static str) {
        self.rate_limited.with_label_values(&[budget, bucket]).inc();
    }

    /// A request was admitted without the rate limiter's word.
    pub fn rate_limiter_failed(&self) {
        self.rate_limiter_errors.inc();
    }

    /// Requests admitted without the rate limiter's word, since the start.
    pub fn rate_limiter_errors(&self) -> u64 {
        self.rate_limiter_errors.get()
    }

    /// A connection was closed at once.
    pub fn connection_refused(&self) {
        self.connections_refused.inc();
    }

    /// Brings the gauges of jobs to what their store says at `now`.
    pub fn jobs(&self, stats: &[JobStats], now: UnixMs) {
        self.analysis.read(stats, now);
    }

    /// The collector took spans.
    pub fn spans_sent(&self, spans: u64) {
        self.spans_sent.inc_by(spans);
    }

    /// Spans were lost.
    pub fn spans_dropped(&self, spans: u64) {
        self.spans_dropped.inc_by(spans);
    }

    /// Everything in the Prometheus text format.
    pub fn prometheus(&self, gauges: &Gauges) -> String {
        self.queue_depth.set(gauges.queue_depth as i64);
        self.queue_bytes.set(gauges.queue_bytes as i64);
        self.queue_depth_max.set(gauges.queue_depth_max as i64);
        self.queue_bytes_max.set(gauges.queue_bytes_max as i64);
        self.pipeline_lag.set(gauges.pipeline_lag_events as i64);
        self.log_first.set(gauges.log_first as i64);
        self.log_segments.set(gauges.log_segments as i64);
        self.log_bytes.set(gauges.log_disk_bytes as i64);
        self.log_refusing.set(i64::from(gauges.refusing.is_some()));
        self.quarantined.set(gauges.quarantined_ranges as i64);
        self.inflight_bytes.set(gauges.body_inflight_bytes as i64);
        self.stream_readers.set(gauges.stream_readers as i64);
        self.transport.read();
        self.embedding.read();
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::error!(error = %error, "metrics could not be written");
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}

fn three_digits(status: u16, digits: &mut [u8; 3]) -> &str {
    *digits = [b'0' + (status / 100 % 10) as u8, b'0' + (status / 10 % 10) as u8, b'0' + (status % 10) as u8];
    std::str::from_utf8(digits).unwrap_or("000")
}

/// Tells the metrics of each batch, and how old it was; and the tracer.
pub struct PipelineObserver {
    /// What is told.
    pub metrics: Arc<Metrics>,
    /// What is told too, if traces are on.
    pub tracer: Option<Arc<Tracer>>,
    /// Tells the age.
    pub clock: Arc<dyn Clock>,
}

impl Observer for PipelineObserver {
    fn committed(&self, report: &BatchReport) {
        self.metrics.folded(report, self.clock.now());
        if let Some(tracer) = &self.tracer {
            tracer.folded(report);
        }
    }
}

impl Metrics {
    /// A batch of the pipeline was committed at `now`.
    fn folded(&self, report: &BatchReport, now: UnixMs) {
        let age_ms = now.0.saturating_sub(report.first_recorded_at.0).max(0) as u64;
        // Every event counts as if it were the oldest of its batch.
        self.freshness.lock().unwrap_or_else(PoisonError::into_inner).record(age_ms, report.events as u64);
        self.screening.committed(report);
        report.embedding_time.iter().for_each(|time| self.embedding.waited(*time));
        self.folded.inc_by(report.events as u64);
        self.parked.inc_by(report.parked as u64);
        self.commit.observe(report.total.as_secs_f64() * 1e3);
        self.screened.inc_by(report.screened as u64);
        let risky = self.risk_score.local();
        report.risk_scores.iter().for_each(|score| risky.observe(*score));
        (report.risk_scores.len()..report.screened).for_each(|_| risky.observe(0.0));
        let latency = self.screening_latency.local();
        report.screening_times.iter().for_each(|time| latency.observe(time.as_secs_f64() * 1e3));
    }
}

/// Brings a counter to what another one says, which only grows.
fn raise(metric: &IntCounter, to: u64) {
    metric.inc_by(to.saturating_sub(metric.get()));
}

/// Makes metrics in a registry.
struct Make(Registry);

impl Make {
    fn counter(&self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        let counter = IntCounter::new(name, help)?;
        self.0.register(Box::new(counter.clone()))?;
        Ok(counter)
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
        let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
        self.0.register(Box::new(counters.clone()))?;
        Ok(counters)
    }

    fn gauge(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        let gauge = IntGauge::new(name, help)?;
        self.0.register(Box::new(gauge.clone()))?;
        Ok(gauge)
    }

    fn histogram(&self, name: &str, help: &str, bounds: &[f64]) -> prometheus::Result<Histogram> {
        let histogram = Histogram::with_opts(HistogramOpts::new(name, help).buckets(bounds.to_vec()))?;
        self.0.register(Box::new(histogram.clone()))?;
        Ok(histogram)
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
        let gauges = IntGaugeVec::new(Opts::new(name, help), labels)?;
        self.0.register(Box::new(gauges.clone()))?;
        Ok(gauges)
    }

    fn histograms(
        &self,
        name: &str,
        help: &str,
        bounds: &[f64],
        labels: &[&str],
    ) -> prometheus::Result<HistogramVec> {
        let opts = HistogramOpts::new(name, help).buckets(bounds.to_vec());
        let histograms = HistogramVec::new(opts, labels)?;
        self.0.register(Box::new(histograms.clone()))?;
        Ok(histograms)
    }
}
