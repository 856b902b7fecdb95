//! Heads over sentence vectors, through the screener of a server: when they speak, when they do not, and what is said of it.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its world fails")]

use std::sync::Arc;
use std::time::Duration;

use tidegate_domain::assessment::{Assessment, Category, Embedded, Input, Screener};
use tidegate_domain::author::Facts;
use tidegate_domain::id::Position;
use tidegate_domain::ports::Clock;
use tidegate_domain::time::UnixMs;
use tidegate_embedding::service::{EmbeddingService, ServiceSettings};
use tidegate_embedding::{EmbedError, Embedder, HashedEmbedder, Vector};
use tidegate_screening::{
    Blend, Calibration, Column, Encoder, Head, LANES, SentenceHeads, Settings, TieredScreener, Vectors,
};

const TEXT: &str = "see you at the library at half past four";

/// Hashed n-grams under the name of an encoder.
struct Named(&'static str);

impl Embedder for Named {
    fn dims(&self) -> usize {
        HashedEmbedder::DIMS
    }

    fn version(&self) -> &str {
        self.0
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vector>, EmbedError> {
        HashedEmbedder.embed(texts)
    }
}

struct Noon;

impl Clock for Noon {
    fn now(&self) -> UnixMs {
        UnixMs(0)
    }
}

fn encoder(version: &'static str) -> Vectors {
    let service = EmbeddingService::start(Arc::new(Named(version)), &ServiceSettings::default()).unwrap();
    Vectors::Encoder(Encoder {
        service: Arc::new(service),
        timeout: Duration::from_secs(60),
        clock: Arc::new(Noon),
    })
}

/// Heads that take everything for spam that has a vector, and nothing for anything else.
fn all_is_spam() -> Arc<SentenceHeads> {
    let mut biases: Column = [-9.0; LANES];
    biases[Head::SpamMessage as usize] = 9.0;
    Arc::new(SentenceHeads {
        encoder: "tiny@1a2b3c4d".to_owned(),
        columns: vec![Column::default(); HashedEmbedder::DIMS + LANES],
        biases,
        calibrations: [Calibration { slope: 1.0, offset: 0.0, threshold: 0.0 }; LANES],
    })
}

fn screener(settings: &Settings, heads: Option<&Arc<SentenceHeads>>) -> TieredScreener {
    TieredScreener::with_heads(settings, &[], encoder("tiny@1a2b3c4d/f32"), Blend::default(), heads).unwrap()
}

fn screen(screener: &TieredScreener, embedded: &Embedded) -> Assessment {
    let facts = Facts::default();
    let position = Position(1);
    screener.screen(&Input { project: "shop", text: TEXT, facts: &facts, embedded, position })
}

/// What the encoder makes of the text.
fn embedded(screener: &TieredScreener) -> Embedded {
    screener.embed(&[TEXT], Duration::ZERO).wait().remove(0)
}

#[test]
fn heads_speak_for_tier_1_where_a_vector_is_known() {
    let screener = screener(&Settings::default(), Some(&all_is_spam()));
    let embedded = embedded(&screener);
    assert!(matches!(embedded, Embedded::Vector(_)), "asked for without any exemplar");
    let assessment = screen(&screener, &embedded);
    assert_eq!(assessment.category, Category::Spam);
    assert!(assessment.flags.iter().any(|flag| flag.code == "learned_spam"), "{:?}", assessment.flags);
    assert!(!assessment.degraded && assessment.embedding_score.is_none());
}

#[test]
fn without_a_vector_tier_1_speaks_as_if_there_were_no_heads() {
    let (with, without) =
        (screener(&Settings::default(), Some(&all_is_spam())), screener(&Settings::default(), None));
    assert_eq!(screen(&with, &Embedded::Off), screen(&without, &Embedded::Off));
    let refused = screen(&with, &Embedded::Refused);
    assert!(refused.degraded && refused.category == Category::LowRisk);
    assert_eq!(refused, screen(&without, &Embedded::Refused));
}

#[test]
fn the_version_names_the_heads_and_without_classifiers_there_are_none() {
    let heads = all_is_spam();
    let named = format!("+heads-{}", heads.fingerprint());
    assert!(screener(&Settings::default(), Some(&heads)).version().contains(&named));
    assert!(!screener(&Settings::default(), None).version().contains("heads"));
    let off = screener(&Settings { learned: false, ..Settings::default() }, Some(&heads));
    assert!(!off.version().contains("heads"));
    assert!(matches!(embedded(&off), Embedded::Off), "nobody asks for its vector");
}

#[test]
fn shipped_heads_are_off_with_another_encoder() {
    for version in ["tiny@1a2b3c4d/f32", "no digest"] {
        let vectors = encoder(version);
        assert!(vectors.heads().is_none(), "{version}");
        let screener = TieredScreener::new(&Settings::default(), &[], vectors, Blend::default()).unwrap();
        assert!(!screener.version().contains("heads"));
        assert!(matches!(embedded(&screener), Embedded::Off));
    }
    assert!(Vectors::Hashed.heads().is_none());
}
