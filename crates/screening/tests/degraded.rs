//! Texts that the encoder has no time for: screened by the tiers below it, marked, and soon.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its world fails")]

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tidegate_domain::assessment::{Assessment, Category, Embedded, Embedding, Input, Screener};
use tidegate_domain::author::Facts;
use tidegate_domain::id::Position;
use tidegate_domain::label::{Exemplar, Label};
use tidegate_domain::ports::Clock;
use tidegate_domain::time::UnixMs;
use tidegate_embedding::service::{EmbeddingService, ServiceSettings};
use tidegate_embedding::{EmbedError, Embedder, HashedEmbedder, Vector};
use tidegate_screening::{Blend, Encoder, Settings, TieredScreener, Vectors};

const TIMEOUT: Duration = Duration::from_millis(200);
/// Of one text.
const COST: Duration = Duration::from_millis(10);

/// Hashing that takes its time.
#[derive(Default)]
struct Slow(AtomicUsize);

impl Embedder for Slow {
    fn dims(&self) -> usize {
        HashedEmbedder::DIMS
    }

    fn version(&self) -> &str {
        "slow"
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vector>, EmbedError> {
        self.0.fetch_add(texts.len(), Ordering::SeqCst);
        thread::sleep(COST * texts.len() as u32);
        HashedEmbedder.embed(texts)
    }
}

struct NoTime;

impl Clock for NoTime {
    fn now(&self) -> UnixMs {
        UnixMs(0)
    }
}

fn screener(engine: &Arc<Slow>) -> TieredScreener {
    let settings = ServiceSettings { workers: Some(NonZeroUsize::MIN), ..ServiceSettings::default() };
    let service = EmbeddingService::start(Arc::clone(engine) as Arc<dyn Embedder>, &settings).unwrap();
    let encoder = Encoder { service: Arc::new(service), timeout: TIMEOUT, clock: Arc::new(NoTime) };
    let screener =
        TieredScreener::new(&Settings::default(), &[], Vectors::Encoder(encoder), Blend::default()).unwrap();
    let exemplar = Exemplar {
        project: "p".into(),
        position: Position(0),
        id: "1".into(),
        category: Category::Spam,
        text: "a text".into(),
        event_id: None,
        labelled_by: None,
        note: None,
        created_at: UnixMs(0),
        removed: None,
    };
    screener.learn(&[Label::Added(exemplar)]);
    screener
}

fn screen(screener: &TieredScreener, text: &str, embedded: &Embedded) -> Assessment {
    let facts = Facts::default();
    screener.screen(&Input { project: "p", text, facts: &facts, embedded, position: Position(9) })
}

#[test]
fn of_a_large_batch_what_fits_the_time_has_vectors_and_the_rest_is_marked() {
    let engine = Arc::new(Slow::default());
    let screener = screener(&engine);
    // The pace is learnt from a first text.
    screener.embed(&["you are a text to begin with"], Duration::ZERO).wait();
    let texts: Vec<String> = (0..3_000).map(|number| format!("you are idiot number {number:05}")).collect();
    let views: Vec<&str> = texts.iter().map(String::as_str).collect();
    let before = engine.0.load(Ordering::SeqCst);
    let started = Instant::now();
    let embedding = screener.embed(&views, Duration::ZERO);
    assert!(matches!(embedding, Embedding::Coming(_)));
    let embedded = embedding.wait();
    // All would take half a minute.
    assert!(started.elapsed() < TIMEOUT * 5, "{:?}", started.elapsed());
    let assessed: Vec<_> =
        views.iter().zip(&embedded).map(|(text, embedded)| screen(&screener, text, embedded)).collect();
    let with_vector = assessed.iter().filter(|assessment| !assessment.degraded).count();
    assert!((1..=30).contains(&with_vector), "{with_vector}");
    assert!(assessed.iter().all(|assessment| assessment.is_risky()), "the tiers below did screen all");
    let computed = engine.0.load(Ordering::SeqCst) - before;
    assert!(computed < with_vector + 10, "{computed} computed for {with_vector} answers");
}

#[test]
fn what_was_spent_before_is_not_waited_for_again_but_for_a_quarter() {
    let engine = Arc::new(Slow::default());
    let screener = screener(&engine);
    screener.embed(&["a text to begin with"], Duration::ZERO).wait();
    let vectors = |spent: Duration, name: &str| {
        let texts: Vec<String> = (0..100).map(|number| format!("{name} number {number:09}")).collect();
        let views: Vec<&str> = texts.iter().map(String::as_str).collect();
        let embedded = screener.embed(&views, spent).wait();
        embedded.iter().filter(|embedded| matches!(embedded, Embedded::Vector(_))).count()
    };
    let (all, least) = (vectors(Duration::ZERO, "fresh"), vectors(TIMEOUT * 9, "old"));
    assert!(least > 0 && 2 * least <= all, "{least} of {all}");
}
