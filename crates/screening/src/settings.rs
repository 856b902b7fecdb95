//! Settings of a project: which tiers and categories count, from where on, and which words besides.

use tidegate_domain::assessment::Category;
use twox_hash::XxHash3_64;

use crate::normal::fold_word;

/// What a project may choose. The default is everything on, with the built-in words and thresholds.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Tier 0: rules and word lists.
    pub heuristics: bool,
    /// Tier 1: trained classifiers.
    pub learned: bool,
    /// Words that offend, besides the built-in ones.
    pub offensive: Vec<String>,
    /// Words that address the reader, besides the built-in ones.
    pub targeting: Vec<String>,
    /// Words of the built-in lists that this project permits.
    pub allowed: Vec<String>,
    /// Categories that do not count.
    pub categories_off: Vec<Category>,
    /// From which probability on a category is named, 0..1; others keep their default.
    pub thresholds: Vec<(Category, f64)>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            heuristics: true,
            learned: true,
            offensive: Vec::new(),
            targeting: Vec::new(),
            allowed: Vec::new(),
            categories_off: Vec::new(),
            thresholds: Vec::new(),
        }
    }
}

/// Why settings are refused. Configuration errors: never retried.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SettingsError {
    /// A word is nothing but white space and invisible characters.
    #[error("{list} word {index} is empty")]
    EmptyWord {
        /// `offensive`, `targeting` or `allowed`.
        list: &'static str,
        /// Its place in the list, from 0.
        index: usize,
    },
    /// A word is longer than [`Settings::WORD_CHARS_MAX`].
    #[error("{list} word {index} has {chars} characters, at most {max}", max = Settings::WORD_CHARS_MAX)]
    WordTooLong {
        /// `offensive`, `targeting` or `allowed`.
        list: &'static str,
        /// Its place in the list, from 0.
        index: usize,
        /// Its length.
        chars: usize,
    },
    /// A list is longer than [`Settings::WORDS_MAX`].
    #[error("{count} {list} words, at most {max}", max = Settings::WORDS_MAX)]
    TooManyWords {
        /// `offensive`, `targeting` or `allowed`.
        list: &'static str,
        /// Its length.
        count: usize,
    },
    /// A threshold is no probability.
    #[error("threshold {value} of {} is outside 0..=1", category.name())]
    Threshold {
        /// Whose threshold.
        category: Category,
        /// What it was to be.
        value: f64,
    },
    /// `LOW_RISK` is what remains: it has no threshold and cannot be switched off.
    #[error("LOW_RISK has no threshold and cannot be switched off")]
    LowRisk,
    /// The classifiers are switched on and their weights do not read.
    #[error("the weights of the classifiers are damaged")]
    Model,
}

impl Settings {
    /// Most words in one list.
    pub const WORDS_MAX: usize = 10_000;
    /// Most characters in one word.
    pub const WORD_CHARS_MAX: usize = 64;

    /// Checks the limits that all settings keep.
    pub fn check(&self) -> Result<(), SettingsError> {
        let lists =
            [("offensive", &self.offensive), ("targeting", &self.targeting), ("allowed", &self.allowed)];
        for (list, words) in lists {
            check_words(list, words)?;
        }
        let named = self.thresholds.iter().map(|(category, _)| category).chain(&self.categories_off);
        if named.into_iter().any(|&category| category == Category::LowRisk) {
            return Err(SettingsError::LowRisk);
        }
        match self.thresholds.iter().find(|(_, value)| !(0.0..=1.0).contains(value)) {
            Some(&(category, value)) => Err(SettingsError::Threshold { category, value }),
            None => Ok(()),
        }
    }

    /// Equal for settings that give the same assessments; `None` for the default.
    pub(crate) fn fingerprint(&self) -> Option<u64> {
        if *self == Self::default() {
            return None;
        }
        let sorted = |words: &[String]| {
            let mut words: Vec<String> = words.iter().map(|word| fold_word(word)).collect();
            words.sort_unstable();
            words.dedup();
            words
        };
        let lists = [&self.offensive, &self.targeting, &self.allowed].map(|words| sorted(words));
        let rulings = Rulings::of(self);
        let numbers: Vec<u64> = rulings.thresholds.iter().map(|threshold| threshold.to_bits()).collect();
        let all = format!("{} {} {lists:?} {numbers:?}", self.heuristics, self.learned);
        Some(XxHash3_64::oneshot(all.as_bytes()))
    }
}

fn check_words(list: &'static str, words: &[String]) -> Result<(), SettingsError> {
    if words.len() > Settings::WORDS_MAX {
        return Err(SettingsError::TooManyWords { list, count: words.len() });
    }
    for (index, word) in words.iter().enumerate() {
        match fold_word(word).chars().count() {
            0 => return Err(SettingsError::EmptyWord { list, index }),
            chars if chars > Settings::WORD_CHARS_MAX => {
                return Err(SettingsError::WordTooLong { list, index, chars });
            }
            _ => {}
        }
    }
    Ok(())
}

/// From which probability on each category is named.
#[derive(Clone, Debug)]
pub(crate) struct Rulings {
    /// By category; above 1 for one that is off.
    thresholds: [f64; Category::ALL.len()],
}

/// Above every probability.
const OFF: f64 = 2.0;
const THRESHOLD: f64 = 0.5;

impl Rulings {
    pub(crate) fn of(settings: &Settings) -> Self {
        let mut thresholds = [THRESHOLD; Category::ALL.len()];
        for &(category, value) in &settings.thresholds {
            thresholds[category as usize] = value;
        }
        for &category in &settings.categories_off {
            thresholds[category as usize] = OFF;
        }
        Self { thresholds }
    }

    pub(crate) fn is_on(&self, category: Category) -> bool {
        self.threshold(category) < OFF
    }

    pub(crate) fn threshold(&self, category: Category) -> f64 {
        self.thresholds[category as usize]
    }
}
