//! Metrics of the embedding tier, read from the service's own counters at the moment of asking.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prometheus::{Histogram, IntCounter, IntCounterVec, IntGauge};
use tidegate_embedding::service::{Counters, EmbeddingService};

use super::{LATENCY_BOUNDS_MS, Make, raise};
use crate::screening::EmbeddingTier;

/// What is told of the tier; all zero without a model.
pub(super) struct EmbeddingMetrics {
    latency: Histogram,
    texts: IntCounterVec,
    engine_us: IntCounter,
    queue_depth: IntGauge,
    cached: IntGauge,
    broken: IntGauge,
    service: OnceLock<Arc<EmbeddingService>>,
}

impl EmbeddingMetrics {
    pub(super) fn new(make: &Make) -> prometheus::Result<Self> {
        let metrics = Self {
            latency: make.histogram(
                "embedding_latency_ms",
                "How long the texts of one batch waited for their vectors; empty without labelled texts.",
                &LATENCY_BOUNDS_MS,
            )?,
            texts: make.counters(
                "embedding_texts_total",
                "Texts asked for, by what became of them.",
                &["outcome"],
            )?,
            engine_us: make.counter(
                "embedding_engine_microseconds_total",
                "Time that threads spent computing vectors.",
            )?,
            queue_depth: make.gauge("embedding_queue_depth", "Texts that wait for an encoder.")?,
            cached: make.gauge("embedding_cache_entries", "Vectors kept.")?,
            broken: make
                .gauge("embedding_broken", "1 while the model directory that was named cannot be used.")?,
            service: OnceLock::new(),
        };
        metrics.read();
        Ok(metrics)
    }

    /// From now on tells of `tier`; the first one given stays.
    pub(super) fn watch(&self, tier: &EmbeddingTier) {
        self.broken.set(i64::from(!tier.is_well()));
        if let EmbeddingTier::Encoder(service) = tier {
            let _ = self.service.set(Arc::clone(service));
        }
    }

    pub(super) fn waited(&self, time: Duration) {
        self.latency.observe(time.as_secs_f64() * 1e3);
    }

    /// Brings the metrics to what the counters say.
    pub(super) fn read(&self) {
        let counters = self.service.get().map_or_else(Counters::default, |service| service.counters());
        for (outcome, count) in [
            ("cached", counters.hits),
            ("joined", counters.joined),
            ("computed", counters.embedded),
            ("queue_full", counters.refused_queue_full),
            ("late", counters.deadlines),
            ("failed", counters.failed),
        ] {
            raise(&self.texts.with_label_values(&[outcome]), count);
        }
        raise(&self.engine_us, counters.engine_us_sum);
        self.queue_depth.set(counters.queue_depth as i64);
        self.cached.set(counters.cached as i64);
    }
}
