//! The screener of a server: rules and classifiers by project, and labelled texts.
//!
//! Vectors come from the built-in hashed n-grams, or from a sentence encoder behind a queue that is as long as texts may
//! wait. If the encoder does not answer in time, what the tiers below it say is kept and marked `degraded`: that alone of an
//! assessment depends on how busy the machine was.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tidegate_domain::assessment::{Assessment, Embedded, Embedding, Input, Screener};
use tidegate_domain::label::Label;
use tidegate_domain::ports::Clock;
use tidegate_embedding::service::{Answer, EmbeddingService};
use tidegate_embedding::{Embedder, HashedEmbedder, Vector};

use crate::exemplars::{Blend, Exemplars};
use crate::{SentenceHeads, Settings, SettingsError, TextScreener};

/// This part of the time for the encoder is left to texts however long they waited before, so that a pipeline that is behind
/// does not go without this tier.
const PATIENCE_MIN: u32 = 4;
/// So many of the texts that look most alike by their n-grams are compared by the encoder.
const COMPARED_MAX: usize = 64;

/// Where vectors come from.
pub enum Vectors {
    /// Hashed n-grams: no model, nothing to wait for.
    Hashed,
    /// A sentence encoder.
    Encoder(Encoder),
}

impl Vectors {
    /// The shipped heads, if they belong to this encoder.
    pub fn heads(&self) -> Option<Arc<SentenceHeads>> {
        let Self::Encoder(encoder) = self else { return None };
        let heads = SentenceHeads::shipped().ok()?;
        heads.fits(&**encoder.service.embedder()).then_some(heads)
    }
}

/// A sentence encoder, and how long its answer is waited for.
pub struct Encoder {
    /// The queue, the cache and the threads.
    pub service: Arc<EmbeddingService>,
    /// How long texts that are asked for together are waited for.
    pub timeout: Duration,
    /// Tells the cache the time.
    pub clock: Arc<dyn Clock>,
}

impl Encoder {
    fn embed(&self, texts: &[&str], spent: Duration) -> Embedding {
        let patience = self.timeout.saturating_sub(spent).max(self.timeout / PATIENCE_MIN);
        let asked = self.service.ask(texts, self.clock.now().0, patience);
        let is_known = asked.is_known();
        let answers = || asked.answers().into_iter().map(embedded).collect();
        if is_known { Embedding::Known(answers()) } else { Embedding::Coming(Box::new(answers)) }
    }
}

fn embedded(answer: Answer) -> Embedded {
    match answer {
        Ok(vector) => Embedded::Vector(vector.iter().copied().collect()),
        Err(_) => Embedded::Refused,
    }
}

/// Every tier, for every project.
pub struct TieredScreener {
    text: TextScreener,
    projects: HashMap<String, TextScreener>,
    exemplars: Exemplars,
    vectors: Vectors,
    blend: Blend,
    version: String,
}

impl TieredScreener {
    /// A screener of texts by `settings`, or by those of the project; and of what `vectors` say of labelled texts.
    ///
    /// Errors: a setting is out of its limits, with the project it is of.
    pub fn new(
        settings: &Settings,
        projects: &[(String, Settings)],
        vectors: Vectors,
        blend: Blend,
    ) -> Result<Self, SettingsError> {
        let heads = vectors.heads();
        Self::with_heads(settings, projects, vectors, blend, heads.as_ref())
    }

    /// As [`Self::new`], with heads of one's own for the encoder's vectors, or none.
    pub fn with_heads(
        settings: &Settings,
        projects: &[(String, Settings)],
        vectors: Vectors,
        blend: Blend,
        heads: Option<&Arc<SentenceHeads>>,
    ) -> Result<Self, SettingsError> {
        let screener = |settings: &Settings| {
            let screener = TextScreener::new(settings)?;
            Ok::<_, SettingsError>(match heads {
                Some(heads) => screener.with_heads(Arc::clone(heads)),
                None => screener,
            })
        };
        let text = screener(settings)?;
        let own = projects.iter().map(|(id, settings)| Ok((id.clone(), screener(settings)?)));
        let projects = own.collect::<Result<HashMap<_, _>, SettingsError>>()?;
        let version = version(&text, &projects, &vectors, &blend);
        Ok(Self { text, projects, exemplars: Exemplars::default(), vectors, blend, version })
    }

    /// Whether vectors say anything besides what labelled texts are near.
    fn has_heads(&self) -> bool {
        let mut all = std::iter::once(&self.text).chain(self.projects.values());
        all.any(|screener| screener.heads().is_some())
    }

    /// Whether anybody asks for the vectors of texts.
    fn needs_vectors(&self) -> bool {
        self.has_heads() || !self.exemplars.is_empty()
    }

    fn of(&self, project: &str) -> &TextScreener {
        self.projects.get(project).unwrap_or(&self.text)
    }

    /// A vector that is waited for however long it takes: an exemplar without one would never count.
    fn vector(&self, text: &str) -> Option<Vector> {
        match &self.vectors {
            Vectors::Hashed => Some(HashedEmbedder::vector(text)),
            Vectors::Encoder(encoder) => match encoder.service.embedder().embed(&[text]) {
                Ok(vectors) => vectors.into_iter().next(),
                Err(error) => {
                    tracing::error!(error = %error, "an exemplar has no vector, so it counts for nothing");
                    None
                }
            },
        }
    }

    fn dims(&self) -> usize {
        match &self.vectors {
            Vectors::Hashed => HashedEmbedder.dims(),
            Vectors::Encoder(encoder) => encoder.service.embedder().dims(),
        }
    }
}

impl Screener for TieredScreener {
    fn screen(&self, input: &Input<'_>) -> Assessment {
        let vector = match input.embedded {
            Embedded::Vector(vector) => Some(&**vector),
            Embedded::Off | Embedded::Refused => None,
        };
        let assessment = self.of(input.project).assess_with(input.text, input.facts, vector);
        match input.embedded {
            Embedded::Off => assessment,
            Embedded::Refused => Assessment { degraded: true, ..assessment },
            Embedded::Vector(vector) => {
                let min = self.blend.similarity_min;
                let near = self.exemplars.near(input.project, vector, input.position, min);
                self.blend.apply(assessment, near, input.text.len())
            }
        }
    }

    fn embed(&self, texts: &[&str], spent: Duration) -> Embedding {
        if !self.needs_vectors() {
            return Embedding::Known(vec![Embedded::Off; texts.len()]);
        }
        match &self.vectors {
            Vectors::Hashed => Embedding::Known(texts.iter().map(|text| hashed(text)).collect()),
            Vectors::Encoder(encoder) => encoder.embed(texts, spent),
        }
    }

    fn similarities(&self, text: &str, others: &[&str]) -> Vec<f64> {
        let own = HashedEmbedder::vector(text);
        let mut all: Vec<f64> =
            others.iter().map(|other| f64::from(own.cosine(&HashedEmbedder::vector(other)))).collect();
        if let Vectors::Encoder(encoder) = &self.vectors {
            compare(encoder, text, others, &mut all);
        }
        all
    }

    fn learn(&self, labels: &[Label]) {
        self.exemplars.learn(labels, self.dims(), |text| self.vector(text));
    }

    fn version(&self) -> &str {
        &self.version
    }
}

fn hashed(text: &str) -> Embedded {
    Embedded::Vector(HashedEmbedder::vector(text).iter().copied().collect())
}

/// Puts the encoder's cosine in the place of the n-grams' for the texts that look most alike, and all others behind them.
fn compare(encoder: &Encoder, text: &str, others: &[&str], all: &mut [f64]) {
    let mut order: Vec<usize> = (0..others.len()).collect();
    order.sort_by(|&a, &b| all[b].total_cmp(&all[a]));
    order.truncate(COMPARED_MAX);
    let texts: Vec<&str> = std::iter::once(text).chain(order.iter().map(|&at| others[at])).collect();
    let mut embedded = encoder.embed(&texts, Duration::ZERO).wait().into_iter();
    let Some(Embedded::Vector(own)) = embedded.next() else { return };
    all.fill(-1.0);
    for (at, other) in order.into_iter().zip(embedded) {
        if let Embedded::Vector(other) = other {
            all[at] = own.iter().zip(other.iter()).map(|(a, b)| f64::from(a * b)).sum();
        }
    }
}

/// All that makes an assessment: rules and weights, the settings of projects, vectors, weights of the blend.
fn version(
    text: &TextScreener,
    projects: &HashMap<String, TextScreener>,
    vectors: &Vectors,
    blend: &Blend,
) -> String {
    let mut version = text.version().to_owned();
    if !projects.is_empty() {
        let mut own: Vec<_> =
            projects.iter().map(|(id, screener)| format!("{id}={}", screener.version())).collect();
        own.sort();
        version.push_str(&format!(
            "+projects-{:016x}",
            twox_hash::XxHash3_64::oneshot(own.join(",").as_bytes())
        ));
    }
    match vectors {
        Vectors::Hashed => version.push_str("+hashed-1"),
        Vectors::Encoder(encoder) => version.push_str(&format!("+{}", encoder.service.embedder().version())),
    }
    if *blend != Blend::default() {
        version.push_str(&format!("+blend-{}-{}", blend.embedding_weight, blend.similarity_min));
    }
    version
}
