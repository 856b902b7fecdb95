//! The screener: both tiers over one text.

use std::sync::Arc;

use tidegate_domain::assessment::{Assessment, Input, Screener};
use tidegate_domain::author::Facts;

use crate::decode::{self, Decoded};
use crate::learned::Learned;
use crate::lexicon::{self, Classes, Lexicon};
use crate::linear::{self, LANES, Margins, Model};
use crate::normal::Normal;
use crate::rules::{self, Evidence};
use crate::score;
use crate::sentence::SentenceHeads;
use crate::settings::{Rulings, Settings, SettingsError};

/// Rules, word lists and classifiers. One a project: words and weights are shared.
#[derive(Clone, Debug)]
pub struct TextScreener {
    heuristics: bool,
    lexicon: Arc<Lexicon>,
    model: Option<Arc<Model>>,
    heads: Option<Arc<SentenceHeads>>,
    rulings: Rulings,
    version: String,
}

impl TextScreener {
    /// Name of the rules; the name of the weights follows it.
    pub const RULES: &'static str = "lexical-2";

    /// A screener with these settings and the shipped weights.
    ///
    /// - Errors: a setting is out of its limits, or the weights are damaged. Configuration errors: never retried.
    pub fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let model = if settings.learned { Some(Model::shipped().ok_or(SettingsError::Model)?) } else { None };
        Self::with_model(settings, model)
    }

    /// A screener with weights of one's own, or none. Errors as [`Self::new`].
    pub fn with_model(settings: &Settings, model: Option<Arc<Model>>) -> Result<Self, SettingsError> {
        settings.check()?;
        let version = version(settings, model.as_deref());
        let lexicon = lexicon_of(settings);
        let rulings = Rulings::of(settings);
        Ok(Self { heuristics: settings.heuristics, lexicon, model, heads: None, rulings, version })
    }

    /// The same with heads for texts whose vector is known. Without classifiers there is nothing they could add to: they
    /// are left out.
    #[must_use]
    pub fn with_heads(mut self, heads: Arc<SentenceHeads>) -> Self {
        if self.model.is_some() {
            self.version.push_str(&format!("+heads-{}", heads.fingerprint()));
            self.heads = Some(heads);
        }
        self
    }

    /// Assesses `text`, written by somebody of whom `facts` are known. Empty text is clear. Cost O(bytes).
    pub fn assess(&self, text: &str, facts: &Facts) -> Assessment {
        self.assess_with(text, facts, None)
    }

    /// As [`Self::assess`]; where the `vector` of the text is known and there are heads for it, they say what tier 1 would.
    pub fn assess_with(&self, text: &str, facts: &Facts, vector: Option<&[f32]>) -> Assessment {
        let mut reading = self.read(text, vector);
        if self.heuristics {
            rules::apply_facts(facts, &mut reading.evidence);
        }
        for Decoded { text, span } in decode::decode(text) {
            let hidden = self.read(&text, None);
            reading.learned.absorb(&hidden.learned, span);
            reading.evidence.absorb(hidden.evidence, span);
        }
        let Reading { evidence, learned } = reading;
        score::assess(evidence, &learned.probabilities, learned.flags(&self.rulings), &self.rulings)
    }

    /// What both tiers find in one text, whatever it encodes.
    fn read(&self, text: &str, vector: Option<&[f32]>) -> Reading {
        let normal = Normal::of(text, &self.lexicon);
        let tags = lexicon::tag(&normal.words, &self.lexicon);
        let mut evidence = Evidence::default();
        if self.heuristics {
            rules::apply(&normal, &tags, &mut evidence);
        }
        let learned = match &self.model {
            Some(model) if !normal.words.is_empty() => {
                let heads = self.probabilities(model, &model.margins(&normal, &tags), vector);
                Learned::of(model, &heads, &normal, &self.rulings)
            }
            _ => Learned::default(),
        };
        Reading { evidence, learned }
    }

    fn probabilities(&self, model: &Model, margins: &Margins, vector: Option<&[f32]>) -> [f64; LANES] {
        match (&self.heads, vector) {
            (Some(heads), Some(vector)) => {
                linear::probabilities(&heads.calibrations, &heads.margins(vector, margins))
            }
            _ => linear::probabilities(&model.calibrations(), margins),
        }
    }

    /// The margins of the classifiers for a text, by head; `None` without weights. For training and measuring.
    pub fn margins(&self, text: &str) -> Option<Margins> {
        let normal = Normal::of(text, &self.lexicon);
        let tags = lexicon::tag(&normal.words, &self.lexicon);
        self.model.as_ref().map(|model| model.margins(&normal, &tags))
    }
}

impl TextScreener {
    /// The weights in use; `None` if the classifiers are switched off.
    pub fn model(&self) -> Option<&Model> {
        self.model.as_deref()
    }

    /// The heads for texts whose vector is known, if there are any.
    pub fn heads(&self) -> Option<&SentenceHeads> {
        self.heads.as_deref()
    }
}

impl Screener for TextScreener {
    fn screen(&self, input: &Input<'_>) -> Assessment {
        self.assess(input.text, input.facts)
    }

    fn version(&self) -> &str {
        &self.version
    }
}

fn version(settings: &Settings, model: Option<&Model>) -> String {
    let weights = model.map_or(String::new(), |model| format!("+linear-{}", model.fingerprint()));
    let own = settings.fingerprint().map_or(String::new(), |own| format!("+{own:016x}"));
    format!("{}{weights}{own}", TextScreener::RULES)
}

fn lexicon_of(settings: &Settings) -> Arc<Lexicon> {
    let shared = Lexicon::shared();
    if settings.offensive.is_empty() && settings.targeting.is_empty() && settings.allowed.is_empty() {
        return shared;
    }
    let mut own = (*shared).clone();
    settings.allowed.iter().for_each(|word| own.allow(word));
    settings.offensive.iter().for_each(|word| own.add(word, Classes::OWN_OFFENSIVE));
    settings.targeting.iter().for_each(|word| own.add(word, Classes::OWN_TARGETING));
    Arc::new(own)
}

/// What both tiers find in one text.
struct Reading {
    evidence: Evidence,
    learned: Learned,
}
