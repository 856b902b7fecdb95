//! An assessment: what screening says about one text.

use serde::{Deserialize, Serialize};

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

/// Kind of risk a text carries. The set of seed 002; screening v1 emits the first four.
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
}

impl Category {
    /// Every category, in the order of their codes.
    pub const ALL: [Self; 7] = [
        Self::LowRisk,
        Self::Spam,
        Self::Toxic,
        Self::TargetedHarassment,
        Self::HateSpeech,
        Self::Violence,
        Self::Sexual,
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

/// The verdict of screening on one text. A pure function of (text, model version).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Assessment {
    /// How risky the text is.
    pub risk_score: RiskScore,
    /// The main kind of risk.
    pub category: Category,
    /// How sure the screener is of the category, 0..1.
    pub confidence: f64,
    /// The rules that fired, strongest first.
    pub flags: Vec<Flag>,
}

impl Assessment {
    /// True when nothing at all was found; such an assessment need not be stored.
    pub fn is_clear(&self) -> bool {
        self.flags.is_empty() && self.category == Category::LowRisk
    }
}

/// Text in, assessment out. CPU only, no I/O, deterministic.
///
/// Laws, tested in `screening`:
/// - **SC1** the same text gives the same assessment, on every machine.
/// - **SC2** linear time: cost grows with the length of the text, whatever the text.
/// - **SC3** every span lies inside the text, on character boundaries.
pub trait Screener: Send + Sync {
    /// Assesses `text` (any UTF-8, any length). Empty text is clear.
    fn screen(&self, text: &str) -> Assessment;

    /// Name and version of the rules, for example `lexical-1`; part of every assessment shown.
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
