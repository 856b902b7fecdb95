//! The score: from what the rules found to risk, category and confidence.
//!
//! Risk is the sum of the weights, at most 1. It is summed in whole hundredths, so results are exact and equal
//! on every machine (SC1).
//!
//! The category follows the evidence, not bands of the score: under bands every insult was spam. The first
//! line that holds decides:
//!
//! | holds | category |
//! |---|---|
//! | risk below 0.30 | `LOW_RISK` |
//! | offensive words and words that address the reader | `TARGETED_HARASSMENT` |
//! | offensive words | `TOXIC` |
//! | two of the three rules on shouting and floods | `SPAM` |
//! | otherwise | `LOW_RISK` |
//!
//! One loud rule is not spam, or "What is your name???" (0.35) would be.
//!
//! Confidence is `1 - risk` for `LOW_RISK` (all clear is certain) and `(1 + risk) / 2` otherwise: a category
//! is named only with evidence for it, so it starts above one half and grows with the risk.

use std::borrow::Cow;

use tidegate_domain::assessment::{Assessment, Category, Flag, RiskScore, Span};

/// Below this risk, in hundredths, a text is `LOW_RISK` whatever fired.
const CATEGORY_RISK_MIN: u32 = 30;

/// The rules of `lexical-1`, by name: the order of flags of equal weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    AllCapsSpam,
    OffensiveLanguage,
    RepeatedCharacters,
    RepeatedPunctuation,
    TargetingBehavior,
}

impl Rule {
    const ALL: [Self; 5] = [
        Self::AllCapsSpam,
        Self::OffensiveLanguage,
        Self::RepeatedCharacters,
        Self::RepeatedPunctuation,
        Self::TargetingBehavior,
    ];
    const LOUD: [Self; 3] = [Self::AllCapsSpam, Self::RepeatedCharacters, Self::RepeatedPunctuation];

    fn code(self) -> &'static str {
        match self {
            Self::AllCapsSpam => "all_caps_spam",
            Self::OffensiveLanguage => "offensive_language",
            Self::RepeatedCharacters => "repeated_characters",
            Self::RepeatedPunctuation => "repeated_punctuation",
            Self::TargetingBehavior => "targeting_behavior",
        }
    }

    /// What the rule adds to the risk, in hundredths, when it fired in `places` places.
    fn weight(self, places: u32) -> u32 {
        match self {
            _ if places == 0 => 0,
            Self::AllCapsSpam | Self::TargetingBehavior => 20,
            Self::RepeatedCharacters | Self::RepeatedPunctuation => 15,
            Self::OffensiveLanguage => places.saturating_mul(10).min(30),
        }
    }
}

/// What the rules found in one text.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    places: [Places; Rule::ALL.len()],
}

#[derive(Debug, Default)]
struct Places {
    count: u32,
    /// The first [`Flag::SPANS_MAX`] of them.
    spans: Vec<Span>,
}

impl Evidence {
    /// Notes that `rule` fired at `span`; per rule, spans come in the order of the text.
    pub(crate) fn note(&mut self, rule: Rule, span: Span) {
        let places = &mut self.places[rule as usize];
        places.count = places.count.saturating_add(1);
        if places.spans.len() < Flag::SPANS_MAX {
            places.spans.push(span);
        }
    }

    fn fired(&self, rule: Rule) -> bool {
        self.places[rule as usize].count > 0
    }

    fn weight(&self, rule: Rule) -> u32 {
        rule.weight(self.places[rule as usize].count)
    }

    fn category(&self, risk: u32) -> Category {
        let loud = Rule::LOUD.into_iter().filter(|&rule| self.fired(rule)).count();
        match (self.fired(Rule::OffensiveLanguage), self.fired(Rule::TargetingBehavior)) {
            _ if risk < CATEGORY_RISK_MIN => Category::LowRisk,
            (true, true) => Category::TargetedHarassment,
            (true, false) => Category::Toxic,
            (false, _) if loud >= 2 => Category::Spam,
            (false, _) => Category::LowRisk,
        }
    }
}

/// The assessment that `evidence` supports: see the module's header.
pub(crate) fn assess(mut evidence: Evidence) -> Assessment {
    let risk = Rule::ALL.iter().map(|&rule| evidence.weight(rule)).sum::<u32>().min(100);
    if risk == 0 {
        return Assessment { confidence: 1.0, ..Assessment::default() };
    }
    let category = evidence.category(risk);
    let confidence = match category {
        Category::LowRisk => f64::from(100 - risk) / 100.0,
        _ => f64::from(100 + risk) / 200.0,
    };
    let mut fired: Vec<Rule> = Rule::ALL.into_iter().filter(|&rule| evidence.fired(rule)).collect();
    fired.sort_by_key(|&rule| std::cmp::Reverse(evidence.weight(rule)));
    let flag = |rule: Rule| Flag {
        code: Cow::Borrowed(rule.code()),
        weight: f64::from(evidence.weight(rule)) / 100.0,
        spans: std::mem::take(&mut evidence.places[rule as usize].spans),
    };
    Assessment {
        risk_score: RiskScore::saturating(f64::from(risk) / 100.0),
        category,
        confidence,
        flags: fired.into_iter().map(flag).collect(),
        heuristic_score: RiskScore::saturating(f64::from(risk) / 100.0),
        ..Assessment::default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn another_place_never_lowers_the_risk(places in prop::collection::vec(0u32..5, Rule::ALL.len()), more in 0..Rule::ALL.len()) {
            let found = |places: &[u32]| assessed(&Rule::ALL.into_iter().zip(places.iter().copied()).collect::<Vec<_>>());
            let before = found(&places);
            let mut places = places;
            places[more] += 1;
            let after = found(&places);
            prop_assert!(after.risk_score >= before.risk_score);
            let is_risky = |a: &Assessment| a.category != Category::LowRisk;
            prop_assert!(is_risky(&after) || !is_risky(&before), "evidence does not clear");
            let confidence = if is_risky(&after) { 0.65..=1.0 } else { 0.0..=1.0 };
            prop_assert!(confidence.contains(&after.confidence), "{}", after.confidence);
            prop_assert!(!is_risky(&after) || after.risk_score.get() >= 0.3);
        }
    }

    fn assessed(places: &[(Rule, u32)]) -> Assessment {
        let mut evidence = Evidence::default();
        for &(rule, count) in places {
            (0..count as usize).for_each(|at| evidence.note(rule, Span { start: at, end: at + 1 }));
        }
        assess(evidence)
    }

    fn category(places: &[(Rule, u32)]) -> Category {
        assessed(places).category
    }

    use Rule::{AllCapsSpam, OffensiveLanguage, RepeatedCharacters, RepeatedPunctuation, TargetingBehavior};

    #[test]
    fn no_evidence_is_clear_and_certain() {
        let clear = assessed(&[]);
        assert!(clear.is_clear());
        assert_eq!((clear.risk_score.get(), clear.confidence), (0.0, 1.0));
    }

    #[test]
    fn all_rules_together_reach_exactly_one() {
        let all = Rule::ALL.map(|rule| (rule, 3));
        let worst = assessed(&all);
        assert_eq!((worst.risk_score.get(), worst.confidence), (1.0, 1.0));
        assert_eq!(worst.category, Category::TargetedHarassment);
    }

    #[test]
    fn insults_at_the_reader_are_harassment_and_others_toxic() {
        assert_eq!(category(&[(OffensiveLanguage, 1), (TargetingBehavior, 1)]), Category::TargetedHarassment);
        assert_eq!(category(&[(OffensiveLanguage, 3)]), Category::Toxic);
        assert_eq!(category(&[(OffensiveLanguage, 1), (AllCapsSpam, 1)]), Category::Toxic);
    }

    #[test]
    fn weak_evidence_is_low_risk_but_less_certain() {
        assert_eq!(category(&[(OffensiveLanguage, 2)]), Category::LowRisk);
        assert_eq!(category(&[(OffensiveLanguage, 1), (RepeatedPunctuation, 1)]), Category::LowRisk);
        assert_eq!(assessed(&[(TargetingBehavior, 1)]).confidence, 0.8);
    }

    #[test]
    fn spam_needs_two_loud_rules() {
        assert_eq!(category(&[(TargetingBehavior, 1), (RepeatedPunctuation, 1)]), Category::LowRisk);
        assert_eq!(category(&[(TargetingBehavior, 1), (AllCapsSpam, 1)]), Category::LowRisk);
        assert_eq!(category(&[(RepeatedCharacters, 1), (RepeatedPunctuation, 1)]), Category::Spam);
        assert_eq!(
            category(&[(RepeatedCharacters, 1), (AllCapsSpam, 1), (TargetingBehavior, 1)]),
            Category::Spam
        );
    }

    #[test]
    fn flags_stand_strongest_first_then_by_name() {
        let all = assessed(&Rule::ALL.map(|rule| (rule, 2)));
        let codes: Vec<&str> = all.flags.iter().map(|flag| &*flag.code).collect();
        let expected = [
            "all_caps_spam",
            "offensive_language",
            "targeting_behavior",
            "repeated_characters",
            "repeated_punctuation",
        ];
        assert_eq!(codes, expected);
        assert_eq!(assessed(&Rule::ALL.map(|rule| (rule, 3))).flags[0].code, "offensive_language");
    }

    #[test]
    fn spans_past_the_limit_count_but_are_not_listed() {
        let many = assessed(&[(OffensiveLanguage, 40)]);
        assert_eq!((many.flags[0].spans.len(), many.flags[0].weight), (Flag::SPANS_MAX, 0.3));
    }
}
