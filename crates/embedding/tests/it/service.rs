//! The laws of the service (S1 to S6), with an engine that a test can hold still. Those of overload (S1, S4, S7) are in
//! `src/service/tests.rs`.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use tidegate_embedding::service::{EmbeddingService, Refused, ServiceSettings};
use tidegate_embedding::{EmbedError, Embedder, HashedEmbedder, Vector};

const LONG: Duration = Duration::from_secs(60);

/// Hashing that waits while it is held, counts what it embeds, and fails on some texts.
#[derive(Default)]
struct Engine {
    held: Mutex<bool>,
    changed: Condvar,
    entered: AtomicUsize,
    embedded: Mutex<Vec<String>>,
}

impl Engine {
    fn hold(&self, held: bool) {
        *self.held.lock().unwrap() = held;
        self.changed.notify_all();
    }

    /// Waits until the engine has been entered so many times.
    fn wait_entered(&self, times: usize) {
        let held = self.held.lock().unwrap();
        drop(self.changed.wait_while(held, |_| self.entered.load(Ordering::SeqCst) < times).unwrap());
    }
}

impl Embedder for Engine {
    fn dims(&self) -> usize {
        HashedEmbedder::DIMS
    }

    fn version(&self) -> &str {
        "test"
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vector>, EmbedError> {
        let held = self.held.lock().unwrap();
        self.entered.fetch_add(1, Ordering::SeqCst);
        self.changed.notify_all();
        drop(self.changed.wait_while(held, |held| *held).unwrap());
        assert!(!texts.contains(&"panic"), "a text that panics");
        if texts.contains(&"few") {
            return Ok(Vec::new());
        }
        if texts.contains(&"fail") {
            return Err(EmbedError::Engine("out of order".into()));
        }
        self.embedded.lock().unwrap().extend(texts.iter().map(|&text| text.to_owned()));
        HashedEmbedder.embed(texts)
    }
}

fn settings() -> ServiceSettings {
    ServiceSettings { workers: Some(NonZeroUsize::MIN), queue_texts_max: 4, ..ServiceSettings::default() }
}

fn start(settings: &ServiceSettings) -> (Arc<Engine>, Arc<EmbeddingService>) {
    let engine = Arc::new(Engine::default());
    let service = EmbeddingService::start(Arc::clone(&engine) as Arc<dyn Embedder>, settings).unwrap();
    (engine, Arc::new(service))
}

/// Waits until the service has counted what a test waits for.
fn until(service: &EmbeddingService, counted: impl Fn(tidegate_embedding::service::Counters) -> bool) {
    while !counted(service.counters()) {
        thread::yield_now();
    }
}

/// A caller in a thread of its own.
fn call(
    service: &Arc<EmbeddingService>,
    texts: &'static [&'static str],
) -> thread::JoinHandle<Vec<Result<Arc<Vector>, Refused>>> {
    let service = Arc::clone(service);
    thread::spawn(move || service.embed(texts, 0, LONG))
}

#[test]
fn s1_queue_is_never_over_its_bound() {
    let (engine, service) = start(&settings());
    engine.hold(true);
    let first = call(&service, &["first"]);
    engine.wait_entered(1);
    let second = call(&service, &["a", "b", "c", "d", "e", "f"]);
    until(&service, |counters| counters.queue_depth == 4);
    let refused = service.embed(&["g"], 0, LONG);
    assert_eq!(refused[0], Err(Refused::QueueFull));
    engine.hold(false);
    let answers = second.join().unwrap();
    assert_eq!(answers.iter().filter(|answer| **answer == Err(Refused::QueueFull)).count(), 2);
    assert!(first.join().unwrap()[0].is_ok());
    let counters = service.counters();
    assert_eq!((counters.queue_depth_max, counters.refused_queue_full), (4, 3));
}

#[test]
fn s1_bytes_in_the_queue_are_bounded_too() {
    let (engine, service) = start(&ServiceSettings { queue_bytes_max: 10, ..settings() });
    engine.hold(true);
    let first = call(&service, &["first"]);
    engine.wait_entered(1);
    let second = call(&service, &["12345678", "9ab"]);
    assert_eq!(service.embed(&["0123456789a"], 0, LONG)[0], Err(Refused::QueueFull));
    until(&service, |counters| counters.queue_depth == 1);
    engine.hold(false);
    assert_eq!(second.join().unwrap()[1], Err(Refused::QueueFull));
    assert!(first.join().unwrap()[0].is_ok());
    assert!(service.embed(&["9ab"], 0, LONG)[0].is_ok(), "bytes are given back");
}

#[test]
fn s3_a_text_in_flight_is_embedded_once_for_all() {
    let (engine, service) = start(&settings());
    engine.hold(true);
    let first = call(&service, &["same"]);
    engine.wait_entered(1);
    let others: Vec<_> = (0..3).map(|_| call(&service, &["same", "queued", "queued"])).collect();
    until(&service, |counters| counters.joined == 3 + 5);
    engine.hold(false);
    let expected = HashedEmbedder::vector("same");
    assert_eq!(*first.join().unwrap()[0].clone().unwrap(), expected);
    for other in others {
        let answers = other.join().unwrap();
        assert_eq!(*answers[0].clone().unwrap(), expected);
        assert_eq!(answers[1], answers[2]);
    }
    assert_eq!(*engine.embedded.lock().unwrap(), ["same", "queued"]);
    assert!(service.embed(&["same"], 0, Duration::ZERO)[0].is_ok(), "cached now");
    assert_eq!(service.counters().hits, 1);
}

#[test]
fn s4_who_waits_too_long_is_let_go_and_its_text_leaves_the_queue() {
    let (engine, service) = start(&settings());
    engine.hold(true);
    let first = call(&service, &["first"]);
    engine.wait_entered(1);
    assert_eq!(service.embed(&["late"], 0, Duration::from_millis(200))[0], Err(Refused::Deadline));
    let counters = service.counters();
    assert_eq!((counters.queue_depth, counters.abandoned, counters.deadlines), (0, 1, 1));
    assert_eq!(
        service.embed(&["first"], 0, Duration::ZERO)[0],
        Err(Refused::Deadline),
        "in flight, not queued"
    );
    engine.hold(false);
    assert!(first.join().unwrap()[0].is_ok());
    assert_eq!(*engine.embedded.lock().unwrap(), ["first"], "nobody waited for the other");
    assert!(service.embed(&["late"], 0, LONG)[0].is_ok());
}

#[test]
fn who_asks_need_not_wait_and_who_goes_away_leaves_the_queue() {
    let (engine, service) = start(&settings());
    engine.hold(true);
    let first = service.ask(&["first"], 0, LONG);
    engine.wait_entered(1);
    let (stays, goes) = (service.ask(&["a", "b"], 0, LONG), service.ask(&["b", "c"], 0, LONG));
    assert!(!first.is_known() && !stays.is_known());
    assert_eq!(service.counters().queue_depth, 3);
    drop(goes);
    assert_eq!(service.counters().queue_depth, 2, "somebody else waits for b");
    engine.hold(false);
    assert!(first.answers()[0].is_ok());
    assert_eq!(*stays.answers()[1].clone().unwrap(), HashedEmbedder::vector("b"));
    assert_eq!(*engine.embedded.lock().unwrap(), ["first", "a", "b"]);
    assert!(service.ask(&["a", "b"], 0, LONG).is_known(), "cached");
    assert_eq!(service.embed(&["new"], 0, Duration::ZERO)[0], Err(Refused::Deadline));
    assert!(service.ask(&["new"], 0, Duration::ZERO).is_known(), "without patience nothing is queued");
}

#[test]
fn what_waits_already_shares_a_batch() {
    let (engine, service) = start(&settings());
    engine.hold(true);
    let first = call(&service, &["first"]);
    engine.wait_entered(1);
    let others = ["a", "b", "c"].map(|text| {
        thread::spawn({
            let service = Arc::clone(&service);
            move || service.embed(&[text], 0, LONG)
        })
    });
    until(&service, |counters| counters.queue_depth == 3);
    engine.hold(false);
    assert!(first.join().unwrap()[0].is_ok());
    for other in others {
        assert!(other.join().unwrap()[0].is_ok());
    }
    assert_eq!(service.counters().batches, 2);
}

#[test]
fn s5_after_a_stop_nobody_waits() {
    let (engine, service) = start(&settings());
    engine.hold(true);
    let first = call(&service, &["first"]);
    engine.wait_entered(1);
    let queued = call(&service, &["queued"]);
    until(&service, |counters| counters.queue_depth == 1);
    let stopping = {
        let service = Arc::clone(&service);
        thread::spawn(move || service.stop())
    };
    assert_eq!(queued.join().unwrap()[0], Err(Refused::Stopped));
    engine.hold(false);
    stopping.join().unwrap();
    assert!(first.join().unwrap()[0].is_ok(), "what was being embedded is answered");
    assert_eq!(service.embed(&["later", "first"], 0, Duration::MAX), vec![Err(Refused::Stopped); 2]);
    service.stop();
}

#[test]
fn s6_a_text_that_fails_or_panics_harms_no_other() {
    let (engine, service) = start(&ServiceSettings { queue_texts_max: 9, ..settings() });
    engine.hold(true);
    let first = call(&service, &["first"]);
    engine.wait_entered(1);
    let mixed = call(&service, &["one", "panic", "two", "fail", "three", "few"]);
    until(&service, |counters| counters.queue_depth == 6);
    engine.hold(false);
    let answers = mixed.join().unwrap();
    assert!(first.join().unwrap()[0].is_ok());
    for (at, text) in [(0, "one"), (2, "two"), (4, "three")] {
        assert_eq!(*answers[at].clone().unwrap(), HashedEmbedder::vector(text));
    }
    for (at, reason) in [
        (1, "panicked: a text that panics"),
        (3, "the engine failed: out of order"),
        (5, "0 vectors for 1 texts"),
    ] {
        assert_eq!(answers[at], Err(Refused::Failed(reason.to_owned())));
    }
    assert!(service.embed(&["after"], 0, LONG)[0].is_ok(), "the worker lives on");
    assert_eq!(service.counters().failed, 3);
}

#[test]
fn vectors_are_cached_for_their_time_to_live() {
    let (_, service) = start(&ServiceSettings { cache_ttl_ms: 1_000, ..settings() });
    for (now_ms, hits) in [(0, 0), (999, 1), (1_000, 1), (1_999, 2)] {
        assert!(service.embed(&["text"], now_ms, LONG)[0].is_ok());
        assert_eq!(service.counters().hits, hits, "at {now_ms}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn s2_every_text_gets_its_answer_in_order_and_is_counted_once(
        callers in prop::collection::vec(prop::collection::vec(0_u8..30, 0..40), 1..5),
        workers in 1_usize..4,
    ) {
        let (_, service) = start(&ServiceSettings {
            workers: NonZeroUsize::new(workers),
            queue_texts_max: 8,
            batch_texts_max: 3,
            cache_entries_max: NonZeroUsize::new(10).unwrap(),
            ..settings()
        });
        thread::scope(|scope| {
            for texts in &callers {
                let service = &service;
                scope.spawn(move || {
                    let texts: Vec<String> = texts.iter().map(u8::to_string).collect();
                    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                    let answers = service.embed(&texts, 0, LONG);
                    assert_eq!(answers.len(), texts.len());
                    for (text, answer) in texts.iter().zip(answers) {
                        match answer {
                            Ok(vector) => assert_eq!(*vector, HashedEmbedder::vector(text)),
                            Err(refused) => assert_eq!(refused, Refused::QueueFull),
                        }
                    }
                });
            }
        });
        let counters = service.counters();
        let asked: usize = callers.iter().map(Vec::len).sum();
        let counted = counters.hits + counters.joined + counters.misses + counters.refused_queue_full;
        prop_assert_eq!(counted, asked as u64);
        prop_assert_eq!(counters.embedded, counters.misses);
        prop_assert!(counters.queue_depth_max <= 8 && counters.queue_depth == 0 && counters.cached <= 10);
    }
}
