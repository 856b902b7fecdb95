//! Metrics of jobs and of the analyses that they run.

use std::sync::Arc;

use prometheus::{HistogramVec, IntCounterVec, IntGaugeVec};
use tidegate_domain::ports::JobStats;
use tidegate_domain::time::UnixMs;
use tidegate_engine::analysis::{Observer, Report};
use tidegate_engine::jobs::{JobObserver, Report as JobReport};

use super::{Make, Metrics};
use crate::otlp::Tracer;

/// Rules answer within a millisecond, vendors within a minute.
const ANALYSIS_BOUNDS_S: [f64; 12] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.005, 0.05, 0.25, 1.0, 2.5, 5.0, 15.0, 60.0];
const WAIT_BOUNDS_S: [f64; 9] = [0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0];

/// What is told of jobs and analyses.
pub(super) struct AnalysisMetrics {
    analyses: IntCounterVec,
    duration: HistogramVec,
    tokens: IntCounterVec,
    cost: IntCounterVec,
    settled: IntCounterVec,
    retries: IntCounterVec,
    waited: HistogramVec,
    jobs: IntGaugeVec,
    oldest_due: IntGaugeVec,
    paused: IntGaugeVec,
}

impl AnalysisMetrics {
    pub(super) fn new(make: &Make) -> prometheus::Result<Self> {
        let by_model = ["kind", "provider", "model"];
        Ok(Self {
            analyses: make.counters(
                "analyses_total",
                "Analyses, by what was analysed, who was asked and what became of it.",
                &["kind", "provider", "model", "outcome"],
            )?,
            duration: make.histograms(
                "analysis_duration_seconds",
                "How long a model took for an analysis.",
                &ANALYSIS_BOUNDS_S,
                &["kind", "provider"],
            )?,
            tokens: make.counters(
                "analysis_tokens_total",
                "Tokens of analyses, by direction.",
                &["kind", "provider", "model", "direction"],
            )?,
            cost: make.counters(
                "analysis_cost_microusd_total",
                "Price of analyses by the configured rates, in millionths of a US dollar.",
                &by_model,
            )?,
            settled: make.counters(
                "jobs_settled_total",
                "Runs of jobs, by outcome.",
                &["kind", "outcome"],
            )?,
            retries: make.counters(
                "jobs_retries_total",
                "Runs of jobs that were not the first.",
                &["kind"],
            )?,
            waited: make.histograms(
                "jobs_wait_seconds",
                "From the first request for a job to the start of a run.",
                &WAIT_BOUNDS_S,
                &["kind"],
            )?,
            jobs: make.gauges(
                "jobs",
                "Jobs by state: waiting, active, delayed, failed.",
                &["kind", "state"],
            )?,
            oldest_due: make.gauges(
                "jobs_oldest_due_seconds",
                "Age of the oldest job that is due and held by nobody.",
                &["kind"],
            )?,
            paused: make.gauges("jobs_paused", "1 while no worker takes jobs of this kind.", &["kind"])?,
        })
    }

    /// Brings the gauges to what the store says at `now`.
    pub(super) fn read(&self, stats: &[JobStats], now: UnixMs) {
        for kind in stats {
            let states = [
                ("waiting", kind.waiting),
                ("active", kind.active),
                ("delayed", kind.delayed),
                ("failed", kind.failed),
            ];
            for (state, count) in states {
                self.jobs.with_label_values(&[kind.kind.as_str(), state]).set(count as i64);
            }
            let age_ms = kind.oldest_due_at.map_or(0, |due| now.0.saturating_sub(due.0).max(0));
            self.oldest_due.with_label_values(&[kind.kind.as_str()]).set(age_ms / 1000);
            self.paused.with_label_values(&[kind.kind.as_str()]).set(i64::from(kind.is_paused));
        }
    }

    fn analyzed(&self, report: &Report<'_>) {
        let (kind, provider, model) = (report.kind.name(), report.provider, report.model);
        self.analyses.with_label_values(&[kind, provider, model, report.outcome]).inc();
        if report.outcome != "cached" {
            self.duration.with_label_values(&[kind, provider]).observe(report.took.as_secs_f64());
        }
        let usage = report.usage;
        for (direction, tokens) in [("input", usage.input_tokens), ("output", usage.output_tokens)] {
            if tokens > 0 {
                self.tokens.with_label_values(&[kind, provider, model, direction]).inc_by(tokens);
            }
        }
        if usage.cost_microusd > 0 {
            self.cost.with_label_values(&[kind, provider, model]).inc_by(usage.cost_microusd);
        }
    }

    fn settled(&self, report: &JobReport) {
        self.settled.with_label_values(&[report.kind, report.outcome]).inc();
        let retries = self.retries.with_label_values(&[report.kind]);
        retries.inc_by(u64::from(report.attempts > 1));
        self.waited.with_label_values(&[report.kind]).observe(report.waited.as_secs_f64());
    }
}

/// Tells metrics and traces of analyses.
pub struct AnalysisObserver {
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// Traces, if they are on.
    pub tracer: Option<Arc<Tracer>>,
}

impl Observer for AnalysisObserver {
    fn analyzed(&self, report: &Report<'_>) {
        self.metrics.analysis.analyzed(report);
        if let Some(tracer) = &self.tracer {
            tracer.analysis(report);
        }
    }
}

impl JobObserver for AnalysisObserver {
    fn settled(&self, report: &JobReport) {
        self.metrics.analysis.settled(report);
    }
}
