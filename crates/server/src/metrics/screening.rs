//! Metrics of screening beyond its latency: which categories, what degraded, what people labelled.

use prometheus::{IntCounter, IntCounterVec};
use tidegate_domain::assessment::Category;
use tidegate_engine::pipeline::BatchReport;

use super::Make;

pub(super) struct ScreeningMetrics {
    categories: IntCounterVec,
    degraded: IntCounter,
    labels: IntCounterVec,
}

impl ScreeningMetrics {
    pub(super) fn new(make: &Make) -> prometheus::Result<Self> {
        Ok(Self {
            categories: make.counters(
                "screening_categories_total",
                "Events whose text was not clear, by category.",
                &["category"],
            )?,
            degraded: make.counter(
                "screening_degraded_total",
                "Events for which a tier that is switched on did not answer.",
            )?,
            labels: make.counters(
                "labels_added_total",
                "Texts labelled by people, by category.",
                &["category"],
            )?,
        })
    }

    pub(super) fn committed(&self, report: &BatchReport) {
        for (category, count) in
            Category::ALL.into_iter().zip(report.categories).filter(|(_, count)| *count > 0)
        {
            self.categories.with_label_values(&[category.name()]).inc_by(count as u64);
        }
        self.degraded.inc_by(report.degraded as u64);
    }

    pub(super) fn labelled(&self, category: Category) {
        self.labels.with_label_values(&[category.name()]).inc();
    }
}
