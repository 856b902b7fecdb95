//! The screener of these settings: rules, classifiers, and the encoder of a model directory if one is named.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tidegate_domain::assessment::{Category, Screener};
use tidegate_embedding::service::{EmbeddingService, ServiceSettings};
use tidegate_embedding::{BertEmbedder, Embedder, ModelError, ModelSettings};
use tidegate_screening::{Blend, Encoder, SentenceHeads, Settings, TieredScreener, Vectors};

use crate::clock::SystemClock;
use crate::config::{Config, Embedding, ProjectScreening, Screening};

/// A screener, and what operators want to know of it.
#[derive(Clone)]
pub struct Tiers {
    /// Assesses texts.
    pub screener: Arc<dyn Screener>,
    /// What became of the embedding tier.
    pub embedding: EmbeddingTier,
}

/// The embedding tier of a process.
#[derive(Clone)]
pub enum EmbeddingTier {
    /// No model directory is named: hashed n-grams find copies of labelled texts.
    Hashed,
    /// An encoder runs.
    Encoder(Arc<EmbeddingService>),
    /// A model directory is named and cannot be used; why. Hashed n-grams are used instead.
    Broken(Arc<str>),
}

impl EmbeddingTier {
    /// What it is, for people.
    pub fn describe(&self) -> String {
        match self {
            Self::Hashed => {
                "no model directory (embedding.model_dir): hashed n-grams compare texts".to_owned()
            }
            Self::Encoder(service) => {
                let encoder = &**service.embedder();
                let heads = heads_of(encoder).map(|heads| format!("learned heads {}", heads.fingerprint()));
                format!("{}, {}", encoder.version(), heads.unwrap_or_else(|why| why))
            }
            Self::Broken(why) => format!("switched off, hashed n-grams compare texts: {why}"),
        }
    }

    /// True unless a model was named and cannot be used.
    pub fn is_well(&self) -> bool {
        !matches!(self, Self::Broken(_))
    }
}

/// Builds the screener of `config`. A model directory that cannot be used switches that tier off, with an error in the log;
/// everything else that cannot work is an error.
pub fn open(config: &Config) -> anyhow::Result<Tiers> {
    let embedding = open_embedding(&config.embedding)?;
    let vectors = match &embedding {
        EmbeddingTier::Encoder(service) => Vectors::Encoder(Encoder {
            service: Arc::clone(service),
            timeout: Duration::from_millis(config.embedding.timeout_ms),
            clock: Arc::new(SystemClock),
        }),
        EmbeddingTier::Hashed | EmbeddingTier::Broken(_) => Vectors::Hashed,
    };
    let blend =
        Blend { embedding_weight: config.embedding.weight, similarity_min: config.embedding.similarity_min };
    let own = config.screening.projects.iter();
    let own: Vec<_> = own.map(|own| (own.project.to_string(), of_project(&config.screening, own))).collect();
    let screener =
        TieredScreener::new(&settings(&config.screening), &own, vectors, blend).context("screening")?;
    Ok(Tiers { screener: Arc::new(screener), embedding })
}

fn open_embedding(embedding: &Embedding) -> anyhow::Result<EmbeddingTier> {
    if embedding.model_dir.as_os_str().is_empty() {
        return Ok(EmbeddingTier::Hashed);
    }
    match open_model(embedding, &model_settings(embedding)?) {
        Ok(model) => {
            if let Err(why) = heads_of(&*model) {
                tracing::warn!(why, "texts are screened without the learned heads over their vectors");
            }
            let service = EmbeddingService::start(model, &service_settings(embedding));
            Ok(EmbeddingTier::Encoder(Arc::new(service.context("the embedding threads cannot start")?)))
        }
        Err(error) => {
            let why = format!("{:#}", anyhow::Error::new(error));
            tracing::error!(dir = %embedding.model_dir.display(), why, "the embedding tier is switched off");
            Ok(EmbeddingTier::Broken(why.into()))
        }
    }
}

/// The encoder of `embedding`, without threads around it; `None` if no model directory is named. Errors: it cannot be used.
pub fn open_encoder(embedding: &Embedding) -> anyhow::Result<Option<Arc<dyn Embedder>>> {
    if embedding.model_dir.as_os_str().is_empty() {
        return Ok(None);
    }
    let shown = || embedding.model_dir.display().to_string();
    open_model(embedding, &model_settings(embedding)?).map(Some).with_context(shown)
}

/// The shipped heads, if they belong to `encoder`; else why there are none, in words.
pub fn heads_of(encoder: &dyn Embedder) -> Result<Arc<SentenceHeads>, String> {
    let heads = SentenceHeads::shipped().map_err(|error| format!("learned heads off: {error}"))?;
    if heads.fits(encoder) {
        Ok(heads)
    } else {
        Err(format!("learned heads off: they were trained with {}", heads.encoder))
    }
}

fn model_settings(embedding: &Embedding) -> anyhow::Result<ModelSettings> {
    Ok(ModelSettings {
        max_tokens: embedding.max_tokens,
        prefix: embedding.prefix.clone(),
        kernel: embedding.kernel.parse().context("embedding.kernel")?,
        ..ModelSettings::default()
    })
}

/// Our own encoder, or ONNX Runtime's if its library is named.
fn open_model(embedding: &Embedding, settings: &ModelSettings) -> Result<Arc<dyn Embedder>, ModelError> {
    #[cfg(feature = "ort")]
    if !embedding.onnx_library.as_os_str().is_empty() {
        use tidegate_embedding::{OnnxDevice, OnnxEmbedder, OnnxRuntime};
        let device = match embedding.device {
            crate::config::Device::Cpu => OnnxDevice::Cpu,
            crate::config::Device::Cuda => OnnxDevice::Cuda(0),
        };
        let runtime = OnnxRuntime::load(&embedding.onnx_library)?;
        return Ok(Arc::new(OnnxEmbedder::open(&runtime, &embedding.model_dir, settings, device)?));
    }
    Ok(Arc::new(BertEmbedder::open(&embedding.model_dir, settings)?))
}

fn service_settings(embedding: &Embedding) -> ServiceSettings {
    let one = NonZeroUsize::MIN;
    ServiceSettings {
        workers: NonZeroUsize::new(embedding.threads),
        queue_texts_max: embedding.queue_max_texts,
        batch_texts_max: embedding.batch_max_texts,
        text_tokens_max: embedding.max_tokens,
        cache_entries_max: NonZeroUsize::new(embedding.cache_max_entries).unwrap_or(one),
        cache_ttl_ms: i64::try_from(embedding.cache_ttl_s.saturating_mul(1000)).unwrap_or(i64::MAX),
        ..ServiceSettings::default()
    }
}

/// The settings of every project that has none of its own.
pub fn settings(screening: &Screening) -> Settings {
    Settings {
        heuristics: screening.heuristics,
        learned: screening.learned,
        offensive: screening.offensive_words.clone(),
        targeting: screening.targeting_words.clone(),
        allowed: screening.allowed_words.clone(),
        categories_off: categories(&screening.categories_off),
        thresholds: Vec::new(),
    }
}

/// A project's: its words and categories besides those of all.
pub fn of_project(screening: &Screening, own: &ProjectScreening) -> Settings {
    let both = |all: &[String], own: &[String]| [all, own].concat();
    Settings {
        offensive: both(&screening.offensive_words, &own.offensive_words),
        targeting: both(&screening.targeting_words, &own.targeting_words),
        allowed: both(&screening.allowed_words, &own.allowed_words),
        categories_off: categories(&both(&screening.categories_off, &own.categories_off)),
        ..settings(screening)
    }
}

/// Names that are none have been refused with the settings.
fn categories(names: &[String]) -> Vec<Category> {
    names.iter().filter_map(|name| Category::parse(name)).collect()
}

/// From which risk on an event goes to review, by project.
#[derive(Clone, Debug)]
pub struct Thresholds {
    all: f64,
    own: HashMap<String, f64>,
}

impl Thresholds {
    /// Those of the settings.
    pub fn new(screening: &Screening) -> Self {
        let own = screening.projects.iter().filter_map(|own| Some((own.project.to_string(), own.threshold?)));
        Self { all: screening.threshold, own: own.collect() }
    }

    /// That of `project`.
    pub fn of(&self, project: &str) -> f64 {
        self.own.get(project).copied().unwrap_or(self.all)
    }
}

#[cfg(test)]
mod tests {
    use tidegate_embedding::{EmbedError, HashedEmbedder, Vector};

    use super::*;

    /// Hashed n-grams under the name of an encoder that nothing was trained with.
    struct Stranger;

    impl Embedder for Stranger {
        fn dims(&self) -> usize {
            384
        }

        fn version(&self) -> &str {
            "stranger@00000000/int8"
        }

        fn embed(&self, texts: &[&str]) -> Result<Vec<Vector>, EmbedError> {
            HashedEmbedder.embed(texts)
        }
    }

    #[test]
    fn readiness_says_that_heads_are_off_with_another_encoder_and_whose_they_are() {
        let service = EmbeddingService::start(Arc::new(Stranger), &ServiceSettings::default()).unwrap();
        let tier = EmbeddingTier::Encoder(Arc::new(service));
        let said = tier.describe();
        let expected = "stranger@00000000/int8, learned heads off: they were trained with all-MiniLM-L6-v2@";
        assert!(said.starts_with(expected), "{said}");
        assert!(tier.is_well(), "labelled texts are compared all the same");
    }
}
