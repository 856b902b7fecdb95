//! Metrics of the transport, read from its own counters at the moment of asking.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use prometheus::{IntCounter, IntCounterVec, IntGauge};
use tidegate_stream_redis::stats::TransportStats;

use super::{Make, raise};

/// What is told of the transport; all zero without one.
pub(super) struct TransportMetrics {
    entries: IntCounterVec,
    dead_letters: IntCounter,
    errors: IntCounter,
    pending: IntGauge,
    stats: OnceLock<Arc<TransportStats>>,
}

impl TransportMetrics {
    pub(super) fn new(make: &Make) -> prometheus::Result<Self> {
        let metrics = Self {
            entries: make.counters(
                "transport_entries_total",
                "Entries published to Redis streams, groups not published, entries received.",
                &["what"],
            )?,
            dead_letters: make
                .counter("transport_dead_letters_total", "Entries put aside as dead letters.")?,
            errors: make.counter("transport_errors_total", "Calls to Redis that failed.")?,
            pending: make.gauge("transport_pending", "Entries received and not yet folded.")?,
            stats: OnceLock::new(),
        };
        metrics.read();
        Ok(metrics)
    }

    pub(super) fn watch(&self, stats: Arc<TransportStats>) {
        let _ = self.stats.set(stats);
    }

    /// Brings the metrics to what the counters say.
    pub(super) fn read(&self) {
        let none = TransportStats::default();
        let stats = self.stats.get().map_or(&none, Arc::as_ref);
        for (what, counter) in
            [("published", &stats.published), ("skipped", &stats.skipped), ("received", &stats.received)]
        {
            raise(&self.entries.with_label_values(&[what]), counter.load(Ordering::Relaxed));
        }
        raise(&self.dead_letters, stats.dead_letters.load(Ordering::Relaxed));
        raise(&self.errors, stats.errors.load(Ordering::Relaxed));
        self.pending.set(stats.waiting.load(Ordering::Relaxed) as i64);
    }
}
