//! The score: from evidence of rules and probabilities of classifiers to risk, category and confidence.
//!
//! For every category `c`, `p(c) = max(rules(c), learned(c))`: where both tiers speak, the surer one counts, so what the
//! classifiers say stays calibrated and neither tier ever lowers the other.
//!
//! The risk is `max over c of severity(c) * p(c)`, and the facts about the author add a bonus `b <= 0.25` as independent
//! evidence: `1 - (1 - risk) (1 - b)`. It is monotone in every rule and every probability.
//!
//! A category is named if `p(c)` reaches its threshold. The main one is that with the largest `severity(c) * p(c)`.
//! Confidence is `p` of the main category; for `LOW_RISK` it is one less the largest `p`.

use tidegate_domain::assessment::{Assessment, Category, CategoryScore, Flag, RiskScore};

use crate::rules::Evidence;
use crate::settings::Rulings;

/// How much harm a certain text of the category does, 0..1.
fn severity(category: Category) -> f64 {
    match category {
        Category::LowRisk => 0.0,
        Category::Toxic => 0.54,
        Category::Sexual => 0.75,
        Category::Spam => 0.8,
        Category::TargetedHarassment => 0.88,
        Category::PromptInjection | Category::Jailbreak | Category::HarmfulIntent => 0.95,
        Category::SelfHarm => 0.95,
        Category::HateSpeech | Category::Violence => 1.0,
    }
}

/// Probability of every category, by its number; that of `LOW_RISK` is not used.
pub(crate) type Probabilities = [f64; Category::ALL.len()];

/// The assessment that rules and classifiers support: see the module's header.
///
/// - `named`: the flags of the classifiers.
pub(crate) fn assess(
    evidence: Evidence,
    learned: &Probabilities,
    named: Vec<Flag>,
    rulings: &Rulings,
) -> Assessment {
    let mut scores: Vec<CategoryScore> = Category::ALL
        .into_iter()
        .filter(|&category| category != Category::LowRisk && rulings.is_on(category))
        .map(|category| CategoryScore {
            category,
            probability: evidence.of_category(category).max(learned[category as usize]),
        })
        .collect();
    let harm = |score: &CategoryScore| severity(score.category) * score.probability;
    let risk = scores.iter().map(harm).fold(0.0, f64::max);
    let over = scores.iter().filter(|score| score.probability >= rulings.threshold(score.category));
    let main = over.copied().reduce(|best, score| if harm(&score) > harm(&best) { score } else { best });
    let likeliest = scores.iter().map(|score| score.probability).fold(0.0, f64::max);
    let risk = RiskScore::saturating(1.0 - (1.0 - risk) * (1.0 - evidence.bonus()));
    let mut flags = evidence.into_flags();
    flags.extend(named);
    flags.sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.code.cmp(&b.code)));
    scores.retain(|score| score.probability >= CategoryScore::LISTED_MIN);
    scores.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    Assessment {
        risk_score: risk,
        category: main.map_or(Category::LowRisk, |score| score.category),
        confidence: main.map_or(1.0 - likeliest, |score| score.probability),
        scores,
        flags,
        heuristic_score: risk,
        ..Assessment::default()
    }
}
