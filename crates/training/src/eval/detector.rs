//! Detectors: what is asked of a text, given how a set is labelled.

use std::collections::BTreeSet;

use tidegate_screening::{Calibration, Head, LANES, Margins};

use crate::data::Row;

/// A question with a yes or no, or for [`Detector::Tweets`] one of three answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detector {
    /// Is it spam?
    Spam,
    /// Is it toxic?
    Toxic,
    /// Is it hateful, among look-alikes?
    Hate,
    /// Is it sexist?
    Sexist,
    /// Is it hateful, else toxic, else neither?
    Tweets,
    /// Is it risky in any way that moderators look for?
    AnyRisk,
    /// Is it of one category of a set with several?
    Category(Head),
    /// Is it a jailbreak?
    Jailbreak,
    /// Does it hold instructions that are not its reader's?
    Injection,
    /// Does it ask for help with harm?
    HarmfulIntent,
}

/// Categories of moderation, with the names of their labels.
const CATEGORIES: [(Head, &str); 4] = [
    (Head::Hate, "HATE_SPEECH"),
    (Head::Harassment, "TARGETED_HARASSMENT"),
    (Head::Violence, "VIOLENCE"),
    (Head::Sexual, "SEXUAL"),
];
impl Detector {
    /// The detectors that the labels of `rows` ask for, by the labels alone.
    ///
    /// | labels | detectors |
    /// |---|---|
    /// | any of `VIOLENCE`, `SEXUAL`, `TARGETED_HARASSMENT` | any risk, and one a category |
    /// | `NOT_HATE` | hate |
    /// | `SEXIST`, `NOT_SEXIST` | sexism |
    /// | `HATE_SPEECH` and `TOXIC` | tweets |
    /// | `TOXIC`, `SPAM`, `JAILBREAK`, `INJECTION`, `HARMFUL_INTENT` | the one of that name |
    /// | `BENIGN` alone | injection: how often it is wrong on harmless prompts |
    pub fn of(rows: &[Row]) -> Vec<Self> {
        let labels: BTreeSet<&str> =
            rows.iter().flat_map(|row| row.labels.iter().map(String::as_str)).collect();
        let has = |label: &str| labels.contains(label);
        if has("VIOLENCE") || has("SEXUAL") || has("TARGETED_HARASSMENT") {
            let categories = CATEGORIES.into_iter().filter(|(_, label)| has(label));
            return [Self::AnyRisk]
                .into_iter()
                .chain(categories.map(|(head, _)| Self::Category(head)))
                .collect();
        }
        if has("NOT_HATE") {
            return vec![Self::Hate];
        }
        if has("SEXIST") || has("NOT_SEXIST") {
            return vec![Self::Sexist];
        }
        if has("HATE_SPEECH") && has("TOXIC") {
            return vec![Self::Tweets];
        }
        let named = [
            ("HATE_SPEECH", Self::Hate),
            ("TOXIC", Self::Toxic),
            ("SPAM", Self::Spam),
            ("JAILBREAK", Self::Jailbreak),
            ("INJECTION", Self::Injection),
            ("HARMFUL_INTENT", Self::HarmfulIntent),
        ];
        let found: Vec<Self> =
            named.into_iter().filter(|(label, _)| has(label)).map(|(_, own)| own).collect();
        // Another label beside it is one that no detector is for.
        let is_benign_alone = found.is_empty() && has("BENIGN") && labels.len() == 1;
        if is_benign_alone { vec![Self::Injection] } else { found }
    }

    /// The name in reports.
    pub fn name(self) -> String {
        match self {
            Self::Category(head) => format!("category:{}", head.name()),
            Self::AnyRisk => "any_risk".to_owned(),
            Self::HarmfulIntent => "harmful_intent".to_owned(),
            other => format!("{other:?}").to_lowercase(),
        }
    }

    /// The labels of the answers, the strongest first; the last one is "nothing".
    pub fn answers(self) -> &'static [&'static str] {
        match self {
            Self::Spam => &["SPAM", "LOW_RISK"],
            Self::Toxic => &["TOXIC", "LOW_RISK"],
            Self::Hate => &["HATE_SPEECH", "NOT_HATE"],
            Self::Sexist => &["SEXIST", "NOT_SEXIST"],
            Self::Tweets => &["HATE_SPEECH", "TOXIC", "LOW_RISK"],
            Self::AnyRisk => &["RISKY", "LOW_RISK"],
            Self::Category(Head::Harassment) => &["TARGETED_HARASSMENT", "OTHER"],
            Self::Category(Head::Violence) => &["VIOLENCE", "OTHER"],
            Self::Category(Head::Sexual) => &["SEXUAL", "OTHER"],
            Self::Category(_) => &["HATE_SPEECH", "OTHER"],
            Self::Jailbreak => &["JAILBREAK", "BENIGN"],
            Self::Injection => &["INJECTION", "BENIGN"],
            Self::HarmfulIntent => &["HARMFUL_INTENT", "BENIGN"],
        }
    }

    /// What people answered, as a place in [`Self::answers`]; `None` where nobody decided.
    pub fn truth(self, row: &Row) -> Option<usize> {
        match self {
            Self::AnyRisk if !row.certain => None,
            Self::AnyRisk => Some(usize::from(!CATEGORIES.iter().any(|(_, label)| row.has(label)))),
            Self::Category(_) if row.unknown.iter().any(|unknown| unknown == self.answers()[0]) => None,
            _ => {
                let nothing = self.answers().len() - 1;
                Some(self.answers()[..nothing].iter().position(|label| row.has(label)).unwrap_or(nothing))
            }
        }
    }

    /// The answer of the weights, as a place in [`Self::answers`], and a score by which texts can be ordered: the
    /// higher, the likelier it is anything but nothing; 0 and above says so.
    pub fn answer(self, margins: &Margins, calibrations: &[Calibration; LANES]) -> (usize, f64) {
        let over = |head: Head| calibrations[head as usize].over(margins[head as usize]);
        let either = |one: Head, other: Head| over(one).max(over(other));
        let score = match self {
            Self::Spam => either(Head::SpamMessage, Head::SpamComment),
            Self::Toxic => over(Head::Toxic),
            Self::Hate => over(Head::HateContrast),
            Self::Sexist => over(Head::Sexist),
            Self::Tweets => {
                let hate = over(Head::HateTweet) >= 0.0;
                let score = over(Head::Offensive);
                return (if hate { 0 } else { 1 + usize::from(score < 0.0) }, score);
            }
            Self::AnyRisk => over(Head::AnyRisk),
            Self::Category(head) => over(head),
            Self::Jailbreak => over(Head::Jailbreak),
            Self::Injection => either(Head::InjectionDirect, Head::InjectionIndirect),
            Self::HarmfulIntent => over(Head::HarmfulIntent),
        };
        (usize::from(score < 0.0), score)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(labels: &[&[&str]]) -> Vec<Row> {
        let row = |labels: &&[&str]| Row {
            labels: labels.iter().map(|&label| label.to_owned()).collect(),
            certain: true,
            ..Row::default()
        };
        labels.iter().map(row).collect()
    }

    #[test]
    fn the_labels_choose_the_detectors() {
        let of = |labels: &[&[&str]]| Detector::of(&rows(labels));
        assert_eq!(of(&[&["SPAM"], &["LOW_RISK"]]), [Detector::Spam]);
        assert_eq!(of(&[&["TOXIC"], &["LOW_RISK"]]), [Detector::Toxic]);
        assert_eq!(of(&[&["TOXIC"], &["LOW_RISK"], &["HATE_SPEECH"]]), [Detector::Tweets]);
        assert_eq!(of(&[&["HATE_SPEECH"], &["NOT_HATE"]]), [Detector::Hate]);
        assert_eq!(of(&[&["NOT_SEXIST"]]), [Detector::Sexist]);
        assert_eq!(of(&[&["BENIGN"]]), [Detector::Injection]);
        assert_eq!(of(&[&["BENIGN"], &["ATTACK"]]), []);
        assert_eq!(of(&[&["BENIGN"], &["JAILBREAK"]]), [Detector::Jailbreak]);
        let moderation = of(&[&["VIOLENCE", "HATE_SPEECH"], &["LOW_RISK"]]);
        assert_eq!(
            moderation,
            [Detector::AnyRisk, Detector::Category(Head::Hate), Detector::Category(Head::Violence)]
        );
        assert_eq!(of(&[&["SOMETHING_ELSE"]]), []);
    }

    #[test]
    fn undecided_labels_have_no_truth() {
        let mut row = rows(&[&["LOW_RISK"]]).remove(0);
        row.unknown = vec!["SEXUAL".to_owned()];
        assert_eq!(Detector::Category(Head::Sexual).truth(&row), None);
        assert_eq!(Detector::Category(Head::Hate).truth(&row), Some(1));
        row.certain = false;
        assert_eq!(Detector::AnyRisk.truth(&row), None);
    }
}
