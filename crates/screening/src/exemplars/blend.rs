//! The blend: what labelled texts near a text add to what rules and classifiers say.
//!
//! ```text
//! score of the labels  e = (share of risky votes) · (similarity of the nearest), votes weighted by nearness
//! risk                   = (1 - w) · heuristic + w · e
//! weight               w = embedding_weight, 0.4 by default; 0.9 for a copy of a labelled text
//! ```
//!
//! A text that no label is near keeps its heuristic score whole: the weights are those of the tiers that have something to
//! say. (In seed 002 a missing embedding counted as 0, so nothing could pass 0.6, and its threshold was 0.7.)
//!
//! The category is the labels' if they are surer than the heuristics, and `LOW_RISK` if they approve and little is left.

use std::borrow::Cow;

use tidegate_domain::assessment::{Assessment, Category, Flag, RiskScore, SimilarExemplar, Span};

/// The flag of a text near labelled ones.
pub(crate) const FLAG: &str = "labelled_text";

/// From this similarity on, a text is a copy of the labelled one.
const COPY_MIN: f64 = 0.97;
/// A copy's label weighs at least this much.
const COPY_WEIGHT: f64 = 0.9;
/// Below this risk a text is `LOW_RISK` whatever its labels say.
const CATEGORY_RISK_MIN: f64 = 0.3;

/// How the tiers are weighed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Blend {
    /// Weight of labelled texts, 0..1; the rest is that of rules and classifiers.
    pub embedding_weight: f64,
    /// Cosine from which a labelled text counts, in (0, 1).
    pub similarity_min: f64,
}

impl Default for Blend {
    fn default() -> Self {
        Self { embedding_weight: 0.4, similarity_min: 0.75 }
    }
}

impl Blend {
    /// `assessment` of a text of `bytes` bytes, with `near` taken into account: see the module's header.
    pub(crate) fn apply(
        &self,
        assessment: Assessment,
        near: Vec<SimilarExemplar>,
        bytes: usize,
    ) -> Assessment {
        let Some(nearest) = near.first() else { return assessment };
        let is_copy = nearest.similarity >= COPY_MIN;
        let weight = if is_copy { self.embedding_weight.max(COPY_WEIGHT) } else { self.embedding_weight };
        let labels = self.score(&near);
        let heuristic = assessment.risk_score.get();
        let risk = (1.0 - weight) * heuristic + weight * labels;
        let category = category(&assessment, &near, labels, risk);
        let confidence = if category == assessment.category {
            assessment.confidence.max(labels)
        } else {
            risk.max(1.0 - risk)
        };
        let mut flags = assessment.flags.clone();
        flags.push(Flag {
            code: Cow::Borrowed(FLAG),
            weight: weight * labels,
            spans: vec![Span { start: 0, end: bytes }],
        });
        flags.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        Assessment {
            risk_score: RiskScore::saturating(risk),
            category,
            confidence,
            flags,
            embedding_score: Some(RiskScore::saturating(labels)),
            similar: near,
            ..assessment
        }
    }

    /// What the labels say, 0..1.
    fn score(&self, near: &[SimilarExemplar]) -> f64 {
        let vote = |s: &SimilarExemplar| self.vote(s);
        let all: f64 = near.iter().map(vote).sum();
        let risky: f64 = near.iter().filter(|s| s.category != Category::LowRisk).map(vote).sum();
        let nearest = near.first().map_or(0.0, |s| s.similarity);
        if all > 0.0 { risky / all * nearest.clamp(0.0, 1.0) } else { 0.0 }
    }

    /// Little for a text that is hardly near, 1 for a copy.
    fn vote(&self, similar: &SimilarExemplar) -> f64 {
        let span = (1.0 - self.similarity_min).max(f64::EPSILON);
        ((similar.similarity - self.similarity_min) / span).clamp(0.05, 1.0)
    }
}

fn category(assessment: &Assessment, near: &[SimilarExemplar], labels: f64, risk: f64) -> Category {
    let risky = near.iter().find(|s| s.category != Category::LowRisk);
    match risky {
        _ if risk < CATEGORY_RISK_MIN => Category::LowRisk,
        Some(risky) if labels >= assessment.risk_score.get() || !assessment.is_risky() => risky.category,
        _ => assessment.category,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tidegate_domain::id::Position;

    use super::*;

    fn near(category: Category, similarity: f64) -> SimilarExemplar {
        SimilarExemplar { exemplar: Position(1), category, similarity }
    }

    fn assessed(risk: f64, category: Category) -> Assessment {
        let risk_score = RiskScore::saturating(risk);
        Assessment {
            risk_score,
            category,
            heuristic_score: risk_score,
            confidence: 0.5,
            ..Assessment::default()
        }
    }

    fn blended(risk: f64, category: Category, near: Vec<SimilarExemplar>) -> (f64, Category) {
        let blended = Blend::default().apply(assessed(risk, category), near, 10);
        ((blended.risk_score.get() * 1000.0).round() / 1000.0, blended.category)
    }

    #[test]
    fn a_text_that_no_label_is_near_keeps_its_score_whole() {
        assert_eq!(blended(0.9, Category::Toxic, vec![]), (0.9, Category::Toxic));
    }

    #[test]
    fn a_near_label_weighs_two_fifths_and_a_copy_decides() {
        assert_eq!(blended(0.5, Category::Toxic, vec![near(Category::Toxic, 0.9)]), (0.66, Category::Toxic));
        assert_eq!(blended(0.0, Category::LowRisk, vec![near(Category::Spam, 1.0)]), (0.9, Category::Spam));
        assert_eq!(blended(0.1, Category::LowRisk, vec![near(Category::Spam, 0.9)]), (0.42, Category::Spam));
    }

    #[test]
    fn an_approved_copy_clears_and_an_approved_neighbour_lowers() {
        assert_eq!(
            blended(0.8, Category::Toxic, vec![near(Category::LowRisk, 1.0)]),
            (0.08, Category::LowRisk)
        );
        assert_eq!(
            blended(0.8, Category::Toxic, vec![near(Category::LowRisk, 0.8)]),
            (0.48, Category::Toxic)
        );
    }

    proptest! {
        #[test]
        fn the_blend_stays_between_its_parts(risk in 0.0f64..=1.0, similarity in 0.75f64..=1.0, approved in prop::bool::ANY) {
            let category = if approved { Category::LowRisk } else { Category::Violence };
            let (before, near) = (assessed(risk, Category::Toxic), vec![near(category, similarity)]);
            let after = Blend::default().apply(before, near, 1);
            let labels = after.embedding_score.unwrap().get();
            let score = after.risk_score.get();
            prop_assert!(score >= risk.min(labels) - 1e-12 && score <= risk.max(labels) + 1e-12);
            prop_assert_eq!(after.heuristic_score.get(), risk);
            prop_assert_eq!(after.flags[0].code.as_ref(), "labelled_text");
        }
    }
}
