//! An assessment: what screening says about one text.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::author::Facts;
use crate::id::Position;
use crate::label::Label;

/// Risk of one text or one session: 0 harmless, 1 certain abuse. Never NaN, never outside [0, 1].
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct RiskScore(f64);

impl RiskScore {
    /// No evidence of risk.
    pub const ZERO: Self = Self(0.0);

    /// The score nearest to `value`: clamped to [0, 1], NaN becomes 0. For results of our own arithmetic.
    pub fn saturating(value: f64) -> Self {
        if value.is_nan() { Self::ZERO } else { Self(value.clamp(0.0, 1.0)) }
    }

    /// The score as a number in [0, 1].
    pub fn get(self) -> f64 {
        self.0
    }
}

/// A risk score outside [0, 1].
#[derive(Debug, thiserror::Error)]
#[error("risk score {0} is outside 0..=1")]
pub struct ScoreOutOfRange(f64);

impl TryFrom<f64> for RiskScore {
    type Error = ScoreOutOfRange;

    fn try_from(value: f64) -> Result<Self, ScoreOutOfRange> {
        if (0.0..=1.0).contains(&value) { Ok(Self(value)) } else { Err(ScoreOutOfRange(value)) }
    }
}

impl From<RiskScore> for f64 {
    fn from(score: RiskScore) -> f64 {
        score.0
    }
}

/// Kind of risk a text carries: the set of seed 002, then what matters where people talk to models.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Category {
    /// Nothing that a person should look at.
    #[default]
    LowRisk,
    /// Shouting, floods, advertising.
    Spam,
    /// Insults and contempt aimed at nobody in particular.
    Toxic,
    /// Insults and contempt aimed at the reader.
    TargetedHarassment,
    /// Contempt for a protected group.
    HateSpeech,
    /// Threats or praise of violence.
    Violence,
    /// Sexual content.
    Sexual,
    /// Instructions to a model that override those of its owner, written by a user or hidden in what a tool returned.
    PromptInjection,
    /// A persona, a story or a trick that is to make a model drop its rules.
    Jailbreak,
    /// A request for help with harm to others.
    HarmfulIntent,
    /// Thoughts of or plans for harm to oneself.
    SelfHarm,
}

impl Category {
    /// Every category, in the order of their codes.
    pub const ALL: [Self; 11] = [
        Self::LowRisk,
        Self::Spam,
        Self::Toxic,
        Self::TargetedHarassment,
        Self::HateSpeech,
        Self::Violence,
        Self::Sexual,
        Self::PromptInjection,
        Self::Jailbreak,
        Self::HarmfulIntent,
        Self::SelfHarm,
    ];

    /// The name in JSON, queries and metrics, for example `TARGETED_HARASSMENT`.
    pub fn name(self) -> &'static str {
        match self {
            Self::LowRisk => "LOW_RISK",
            Self::Spam => "SPAM",
            Self::Toxic => "TOXIC",
            Self::TargetedHarassment => "TARGETED_HARASSMENT",
            Self::HateSpeech => "HATE_SPEECH",
            Self::Violence => "VIOLENCE",
            Self::Sexual => "SEXUAL",
            Self::PromptInjection => "PROMPT_INJECTION",
            Self::Jailbreak => "JAILBREAK",
            Self::HarmfulIntent => "HARMFUL_INTENT",
            Self::SelfHarm => "SELF_HARM",
        }
    }

    /// The category of this `name`, in any letter case; `None` if there is no such category.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.name().eq_ignore_ascii_case(name))
    }
}

/// A stretch of the screened text, in bytes of its UTF-8 form; always on character boundaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// One rule that fired, with the places that made it fire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flag {
    /// Name of the rule, for example `offensive_language`.
    pub code: std::borrow::Cow<'static, str>,
    /// What this rule added to the risk score, 0..1.
    pub weight: f64,
    /// Where it fired, in order; at most [`Flag::SPANS_MAX`].
    pub spans: Vec<Span>,
}

impl Flag {
    /// More places than this are counted in the weight but not listed.
    pub const SPANS_MAX: usize = 16;
}

/// How likely a text is of one category.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CategoryScore {
    /// The category; never `LOW_RISK`.
    pub category: Category,
    /// Calibrated: of all texts with 0.8, four of five are of this category.
    pub probability: f64,
}

impl CategoryScore {
    /// Less likely categories are not listed.
    pub const LISTED_MIN: f64 = 0.05;
}

/// A labelled text near the one screened.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SimilarExemplar {
    /// The exemplar: where its label lies in the log.
    pub exemplar: Position,
    /// What it was labelled; `LOW_RISK` for a text that was approved.
    pub category: Category,
    /// Cosine of the two, -1..1.
    pub similarity: f64,
}

impl SimilarExemplar {
    /// Most that are kept with an assessment.
    pub const LISTED_MAX: usize = 3;
}

/// The verdict of screening on one text. A pure function of (text, facts, labels before it, model version).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Assessment {
    /// How risky the text is.
    pub risk_score: RiskScore,
    /// The main kind of risk.
    pub category: Category,
    /// How sure the screener is of the category, 0..1.
    pub confidence: f64,
    /// Every category that is likely at all, likeliest first: a text may be of several.
    pub scores: Vec<CategoryScore>,
    /// The rules that fired, strongest first.
    pub flags: Vec<Flag>,
    /// What rules and classifiers say alone.
    pub heuristic_score: RiskScore,
    /// What labelled texts near it say; `None` if nobody asked them.
    pub embedding_score: Option<RiskScore>,
    /// The nearest labelled texts that counted, nearest first; at most [`SimilarExemplar::LISTED_MAX`].
    pub similar: Vec<SimilarExemplar>,
    /// A tier that is switched on did not answer; the tiers below it did.
    pub degraded: bool,
}

/// What an assessment says beside risk, category, confidence and flags: kept as one value by stores.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Detail {
    /// See [`Assessment::scores`].
    pub scores: Vec<CategoryScore>,
    /// See [`Assessment::heuristic_score`].
    pub heuristic_score: RiskScore,
    /// See [`Assessment::embedding_score`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedding_score: Option<RiskScore>,
    /// See [`Assessment::similar`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub similar: Vec<SimilarExemplar>,
    /// See [`Assessment::degraded`].
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub degraded: bool,
}

impl Assessment {
    /// The part that stores keep as one value.
    pub fn detail(&self) -> Detail {
        Detail {
            scores: self.scores.clone(),
            heuristic_score: self.heuristic_score,
            embedding_score: self.embedding_score,
            similar: self.similar.clone(),
            degraded: self.degraded,
        }
    }

    /// This assessment with `detail`.
    #[must_use]
    pub fn with_detail(self, detail: Detail) -> Self {
        let Detail { scores, heuristic_score, embedding_score, similar, degraded } = detail;
        Self { scores, heuristic_score, embedding_score, similar, degraded, ..self }
    }

    /// True for a text that is of a category of risk.
    pub fn is_risky(&self) -> bool {
        self.category != Category::LowRisk
    }

    /// True when nothing at all was found; such an assessment need not be stored.
    pub fn is_clear(&self) -> bool {
        self.flags.is_empty()
            && self.category == Category::LowRisk
            && self.similar.is_empty()
            && !self.degraded
    }
}

/// A text to screen, and what is known besides.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The tenant, whose settings and labels count.
    pub project: &'a str,
    /// The text: any UTF-8, any length.
    pub text: &'a str,
    /// What is known of its author.
    pub facts: &'a Facts,
    /// What [`Screener::embed`] made of the text.
    pub embedded: &'a Embedded,
    /// Where the text lies in the log: only labels before it count.
    pub position: Position,
}

/// The vector of a text, or why there is none.
#[derive(Clone, Debug, Default)]
pub enum Embedded {
    /// The embedding tier is switched off, or has nothing to compare with.
    #[default]
    Off,
    /// Unit length.
    Vector(Arc<[f32]>),
    /// The tier is on and did not answer in time.
    Refused,
}

/// Vectors on their way.
pub enum Embedding {
    /// Here already.
    Known(Vec<Embedded>),
    /// Being computed: the call blocks until they are, or are not waited for any longer.
    Coming(Box<dyn FnOnce() -> Vec<Embedded> + Send>),
}

impl Embedding {
    /// The answers, one a text, in order. May block.
    pub fn wait(self) -> Vec<Embedded> {
        match self {
            Self::Known(embedded) => embedded,
            Self::Coming(wait) => wait(),
        }
    }
}

/// Text in, assessment out. CPU only, no I/O, deterministic.
///
/// Laws, tested in `screening`:
/// - **SC1** the same text with the same facts and labels gives the same assessment, on every machine.
/// - **SC2** linear time: cost grows with the length of the text, whatever the text.
/// - **SC3** every span lies inside the text, on character boundaries.
pub trait Screener: Send + Sync {
    /// Assesses a text. Empty text is clear.
    fn screen(&self, input: &Input<'_>) -> Assessment;

    /// Begins to make the vectors of texts, and does not wait for them. `spent` is how long the texts have waited for other
    /// things: they are waited for so much less here.
    fn embed(&self, texts: &[&str], _spent: Duration) -> Embedding {
        Embedding::Known(vec![Embedded::Off; texts.len()])
    }

    /// How like `text` each of `others` is: the cosine of their vectors, -1..1; in order. May block.
    fn similarities(&self, _text: &str, others: &[&str]) -> Vec<f64> {
        vec![0.0; others.len()]
    }

    /// Takes labels in, in any order and as often as they come; a label counts for texts after its position.
    fn learn(&self, _labels: &[Label]) {}

    /// Name and version of the rules, for example `lexical-2`; part of every assessment shown.
    fn version(&self) -> &str;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_score_is_never_outside_its_range(value: f64) {
            let inside = (0.0..=1.0).contains(&value);
            prop_assert_eq!(RiskScore::try_from(value).is_ok(), inside);
            let nearest = RiskScore::saturating(value).get();
            prop_assert!((0.0..=1.0).contains(&nearest) && (!inside || nearest == value));
            prop_assert_eq!(serde_json::from_str::<RiskScore>(&value.to_string()).is_ok(), inside);
        }

        #[test]
        fn a_category_has_one_name_in_any_case(category in prop::sample::select(&Category::ALL[..]), other in "[A-Z_]{0,20}") {
            prop_assert_eq!(Category::parse(category.name()), Some(category));
            prop_assert_eq!(Category::parse(&category.name().to_lowercase()), Some(category));
            prop_assert_eq!(serde_json::to_string(&category).unwrap(), format!("\"{}\"", category.name()));
            let known = Category::ALL.iter().any(|category| category.name() == other);
            prop_assert_eq!(Category::parse(&other).is_some(), known);
        }
    }
}
