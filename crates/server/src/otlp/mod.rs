//! Our own traces, for any collector that takes OTLP over HTTP: a span for each request, under it one for the append to
//! the log, and one for each batch of the pipeline with links to the requests whose events are in it; one for each round
//! of retention that deleted something.
//!
//! Spans hold names, counts and ids: never content, keys, paths or query strings. A span that ends is queued or, if the
//! queue is full, dropped and counted; nobody ever waits for a collector.
//!
//! The messages are OpenTelemetry's own; time, randomness and settings come in as everywhere here, which its SDK would
//! read by itself.
//!
//! Source: OpenTelemetry specification 1.50, trace SDK (sampling); semantic conventions 1.37 for HTTP spans.

mod context;
mod export;
mod links;
mod span;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::trace::v1::Span;
use tidegate_domain::ports::{AppendError, Appended, Clock, Deleted, Entropy};
use tidegate_engine::analysis::Report as AnalysisReport;
use tidegate_engine::pipeline::BatchReport;
use tokio::sync::mpsc;

pub use context::{SpanId, TraceId, TraceParent};
pub use export::{Endpoint, Exporter};
use links::Links;
pub use span::Request;

use crate::config::Telemetry;
use crate::metrics::Metrics;

/// Ended spans that wait for the collector.
const QUEUE_MAX: usize = 4096;

/// Makes spans. There is none where traces are off.
pub struct Tracer {
    ended: mpsc::Sender<Span>,
    links: Links,
    ids: Ids,
    ratio: f64,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
}

/// Identifies a span everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanContext {
    trace_id: TraceId,
    span_id: SpanId,
}

/// A span that has begun.
#[derive(Clone, Copy, Debug)]
pub struct OpenSpan {
    context: SpanContext,
    parent: Option<SpanId>,
    start_unix_ns: u64,
    since: Instant,
}

impl OpenSpan {
    /// The trace it belongs to.
    pub fn trace_id(&self) -> TraceId {
        self.context.trace_id
    }

    /// The same span, begun so long ago.
    fn begun(mut self, ago: Duration) -> Self {
        self.start_unix_ns = self.start_unix_ns.saturating_sub(nanoseconds(ago));
        self.since = self.since.checked_sub(ago).unwrap_or(self.since);
        self
    }
}

impl Tracer {
    /// A tracer of these settings, and what sends its spans; `None` if traces are off. Errors: the endpoint is no URL of a
    /// collector.
    pub fn open(
        config: &Telemetry,
        clock: Arc<dyn Clock>,
        entropy: &dyn Entropy,
        metrics: Arc<Metrics>,
    ) -> Result<Option<(Self, Exporter)>, String> {
        if config.otlp_endpoint.is_empty() {
            return Ok(None);
        }
        let endpoint: Endpoint = config.otlp_endpoint.parse()?;
        let (ended, queue) = mpsc::channel(QUEUE_MAX);
        let exporter = Exporter::new(queue, endpoint, Arc::clone(&metrics));
        let (links, ids) = (Links::default(), Ids::new(entropy));
        Ok(Some((Self { ended, links, ids, ratio: config.otlp_sample_ratio, clock, metrics }, exporter)))
    }

    /// The span of a request that begins now; `None` if it is not sampled. What the caller decided for its trace holds
    /// here too.
    pub fn request(&self, caller: Option<TraceParent>) -> Option<OpenSpan> {
        match caller {
            Some(caller) => caller.is_sampled.then(|| self.begin(caller.trace_id, Some(caller.span_id))),
            None => self.root(),
        }
    }

    /// A span within `parent`, which begins now.
    pub fn child(&self, parent: &OpenSpan) -> OpenSpan {
        let start_unix_ns = parent.start_unix_ns.saturating_add(nanoseconds(parent.since.elapsed()));
        let context = SpanContext { span_id: self.ids.span(), ..parent.context };
        OpenSpan { context, parent: Some(parent.context.span_id), start_unix_ns, since: Instant::now() }
    }

    /// A request was answered.
    pub fn answered(&self, span: &OpenSpan, request: &Request<'_>) {
        self.end(span::of_request(span, request));
    }

    /// The log answered to the append within `request`.
    pub fn appended(&self, request: &OpenSpan, span: &OpenSpan, answer: Result<&[Appended], &AppendError>) {
        let stored = answer.unwrap_or_default().iter().filter_map(|appended| match appended {
            Appended::Stored(receipt) => Some(receipt.position),
            Appended::Duplicate(_) | Appended::KeyReused(_) => None,
        });
        if let Some(last) = stored.max() {
            self.links.remember(last, request.context);
        }
        self.end(span::of_append(span, answer));
    }

    /// The pipeline committed a batch just now.
    pub fn folded(&self, report: &BatchReport) {
        let links = self.links.take(report.from, report.next);
        let root = if links.is_empty() { self.root() } else { Some(self.begin(self.ids.trace(), None)) };
        if let Some(root) = root {
            self.end(span::of_batch(&root.begun(report.total), report, &links));
        }
    }

    /// An analysis ended just now.
    pub fn analysis(&self, report: &AnalysisReport<'_>) {
        if let Some(root) = self.root() {
            self.end(span::of_analysis(&root.begun(report.took), report));
        }
    }

    /// Retention deleted something in a round that took so long.
    pub fn deleted(&self, deleted: &Deleted, took: Duration) {
        if let Some(root) = self.root() {
            self.end(span::of_retention(&root.begun(took), deleted));
        }
    }

    /// A span of a new trace, if that is sampled.
    fn root(&self) -> Option<OpenSpan> {
        let trace_id = self.ids.trace();
        is_sampled(trace_id, self.ratio).then(|| self.begin(trace_id, None))
    }

    fn begin(&self, trace_id: TraceId, parent: Option<SpanId>) -> OpenSpan {
        let start_unix_ns = u64::try_from(self.clock.now().0).unwrap_or(0).saturating_mul(1_000_000);
        let context = SpanContext { trace_id, span_id: self.ids.span() };
        OpenSpan { context, parent, start_unix_ns, since: Instant::now() }
    }

    fn end(&self, span: Span) {
        if self.ended.try_send(span).is_err() {
            self.metrics.spans_dropped(1);
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The same answer for a trace wherever it is asked: by the random half of its id.
fn is_sampled(trace_id: TraceId, ratio: f64) -> bool {
    let [.., a, b, c, d, e, f, g, h] = trace_id.0;
    let random = u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 1;
    (random as f64) < ratio * (1u64 << 63) as f64
}

/// Makes ids: unique in practice, and cheaper than asking for randomness each time.
struct Ids(AtomicU64);

impl Ids {
    fn new(entropy: &dyn Entropy) -> Self {
        let mut seed = [0; 8];
        entropy.fill(&mut seed);
        Self(AtomicU64::new(u64::from_le_bytes(seed)))
    }

    /// Source: Steele, Lea, Flood (2014), Fast Splittable Pseudorandom Number Generators (splitmix64).
    fn next(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let number = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        // An id of zeros is invalid.
        (number ^ number >> 31).max(1)
    }

    fn span(&self) -> SpanId {
        SpanId(self.next().to_be_bytes())
    }

    fn trace(&self) -> TraceId {
        let (high, low) = (u128::from(self.next()), u128::from(self.next()));
        TraceId((high << 64 | low).to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use tidegate_testkit::world::SeededEntropy;

    use super::*;

    #[test]
    fn about_the_ratio_of_all_traces_is_sampled() {
        let ids = Ids::new(&SeededEntropy::new(1));
        let sampled = |ratio| (0..10_000).filter(|_| is_sampled(ids.trace(), ratio)).count();
        assert_eq!(sampled(1.0), 10_000);
        assert!((900..1100).contains(&sampled(0.1)));
    }
}
