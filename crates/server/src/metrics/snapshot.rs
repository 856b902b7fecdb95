//! Metrics as one JSON object: seed 002's fields, and ours.

use std::sync::PoisonError;

use serde::Serialize;
use utoipa::ToSchema;

use super::Metrics;
use crate::config::Config;

/// What is read from the parts of the server at the moment of asking.
pub struct Gauges {
    /// Events waiting for the log.
    pub queue_depth: usize,
    /// Bytes waiting for the log.
    pub queue_bytes: usize,
    /// Events that may wait for the log.
    pub queue_depth_max: usize,
    /// Bytes that may wait for the log.
    pub queue_bytes_max: usize,
    /// First position not yet folded.
    pub checkpoint: u64,
    /// First position that is kept.
    pub log_first: u64,
    /// Position after the last event.
    pub log_tail: u64,
    /// Events not yet folded.
    pub pipeline_lag_events: u64,
    /// Bytes of the log's segments and their indexes.
    pub log_disk_bytes: u64,
    /// Number of segments, or partitions, of the log.
    pub log_segments: usize,
    /// Why the log refuses, if it does.
    pub refusing: Option<&'static str>,
    /// Damaged ranges of the log.
    pub quarantined_ranges: usize,
    /// Bytes of bodies being worked on.
    pub body_inflight_bytes: usize,
    /// Open live streams.
    pub stream_readers: usize,
    /// Version of the screening rules.
    pub model: String,
}

/// Counters and gauges of this process.
#[derive(Serialize, ToSchema)]
pub struct Snapshot {
    service: &'static str,
    queue_depth: usize,
    queue_bytes: usize,
    max_queue_depth: usize,
    queue_capacity_percent: f64,
    dedup_window_seconds: u64,
    backpressure_enabled: bool,
    backpressure_threshold: f64,
    events_accepted: u64,
    events_deduplicated: u64,
    events_screened: u64,
    /// Mean time of an ingest request, since the start.
    avg_latency_ms: f64,
    /// Mean time of screening one text, since the start.
    avg_screening_latency_ms: f64,
    model: String,
    /// `cpu`.
    device: &'static str,
    threshold: f64,
    /// 0 while no embedding model is loaded.
    embedding_dim: u32,
    checkpoint: u64,
    /// First position that is kept: retention has deleted what was before.
    log_first_position: u64,
    log_tail: u64,
    pipeline_lag_events: u64,
    pipeline_parked: u64,
    /// Half of the events of the last minute were visible within this.
    freshness_p50_ms: u64,
    /// 99 % of the events of the last minute were visible within this.
    freshness_p99_ms: u64,
    log_segments: usize,
    log_disk_bytes: u64,
    /// Segments that retention has deleted since the start.
    log_retention_segments: u64,
    /// Bytes of files that retention has deleted since the start.
    log_retention_bytes: u64,
    log_quarantined_ranges: usize,
    /// `no_space` or `poisoned` while the log takes no events.
    log_refusing: Option<&'static str>,
    stream_readers: usize,
    /// Requests admitted because the rate limiter gave no answer, since the start.
    rate_limiter_errors: u64,
}

impl Metrics {
    /// Everything as JSON.
    pub fn snapshot(&self, gauges: &Gauges, config: &Config) -> Snapshot {
        let mean = |h: &prometheus::Histogram| match h.get_sample_count() {
            0 => 0.0,
            count => (h.get_sample_sum() / count as f64 * 1e6).round() / 1e6,
        };
        let mut freshness = self.freshness.lock().unwrap_or_else(PoisonError::into_inner);
        let [freshness_p50_ms, freshness_p99_ms] = freshness.quantiles([0.5, 0.99]);
        drop(freshness);
        let depth_max = config.intake.queue_depth_max;
        Snapshot {
            service: "tidegate",
            queue_depth: gauges.queue_depth,
            queue_bytes: gauges.queue_bytes,
            max_queue_depth: depth_max,
            queue_capacity_percent: gauges.queue_depth as f64 * 100.0 / depth_max as f64,
            dedup_window_seconds: config.intake.dedup_window_s,
            backpressure_enabled: config.intake.backpressure_enabled,
            backpressure_threshold: config.intake.backpressure_threshold,
            events_accepted: self.accepted.get(),
            events_deduplicated: self.deduplicated.get(),
            events_screened: self.screened.get(),
            avg_latency_ms: mean(&self.ingestion_latency),
            avg_screening_latency_ms: mean(&self.screening_latency),
            model: gauges.model.clone(),
            device: "cpu",
            threshold: config.screening.threshold,
            embedding_dim: 0,
            checkpoint: gauges.checkpoint,
            log_first_position: gauges.log_first,
            log_tail: gauges.log_tail,
            pipeline_lag_events: gauges.pipeline_lag_events,
            pipeline_parked: self.parked.get(),
            freshness_p50_ms,
            freshness_p99_ms,
            log_disk_bytes: gauges.log_disk_bytes,
            log_segments: gauges.log_segments,
            log_retention_segments: self.deleted_segments.get(),
            log_retention_bytes: self.deleted_bytes.get(),
            log_quarantined_ranges: gauges.quarantined_ranges,
            log_refusing: gauges.refusing,
            stream_readers: gauges.stream_readers,
            rate_limiter_errors: self.rate_limiter_errors(),
        }
    }
}
