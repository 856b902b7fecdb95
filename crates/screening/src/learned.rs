//! What the classifiers say of a text, by category, and by which words: those of tier 1, or of tier 2 where a vector is known.
//!
//! The probability of a category is that of its surest head. The classifiers were trained on English: what they say of
//! another language is damped, for it is a guess from names, signs and borrowed words.

use std::borrow::Cow;

use tidegate_domain::assessment::{Category, Flag, Span};

use crate::language;
use crate::linear::{Head, LANES, Model};
use crate::normal::Normal;
use crate::score::Probabilities;
use crate::settings::Rulings;

/// What the classifiers say of another language counts so much.
const DAMPED: f64 = 0.6;

/// What the classifiers say.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    /// By category.
    pub(crate) probabilities: Probabilities,
    /// For categories that are named: the words that speak most for them.
    words: Vec<(Category, Vec<Span>)>,
}

impl Learned {
    /// What `heads`, the probability of every head, say of a text; for categories above their threshold also by which
    /// words, as `model` weighs them.
    pub(crate) fn of(model: &Model, heads: &[f64; LANES], normal: &Normal<'_>, rulings: &Rulings) -> Self {
        let trust = if language::is_english(normal) { 1.0 } else { DAMPED };
        let mut learned = Self::default();
        let mut surest = [None; Category::ALL.len()];
        for (head, &probability) in Head::ALL.into_iter().zip(heads) {
            let Some(category) = category(head) else { continue };
            if probability * trust > learned.probabilities[category as usize] {
                learned.probabilities[category as usize] = probability * trust;
                surest[category as usize] = Some(head);
            }
        }
        let named =
            |category: &Category| learned.probabilities[*category as usize] >= rulings.threshold(*category);
        let (named, heads): (Vec<Category>, Vec<Head>) = Category::ALL
            .into_iter()
            .filter(named)
            .filter_map(|category| surest[category as usize].map(|head| (category, head)))
            .unzip();
        if !named.is_empty() {
            learned.words = named.into_iter().zip(model.words_for(&heads, normal)).collect();
        }
        learned
    }

    /// Takes over what was said of text that stood encoded at `span`.
    pub(crate) fn absorb(&mut self, hidden: &Self, span: Span) {
        for (own, other) in self.probabilities.iter_mut().zip(hidden.probabilities) {
            *own = own.max(other);
        }
        for (category, _) in &hidden.words {
            if !self.words.iter().any(|(own, _)| own == category) {
                self.words.push((*category, vec![span]));
            }
        }
    }

    /// A flag for each named category, with its probability as weight.
    pub(crate) fn flags(&self, rulings: &Rulings) -> Vec<Flag> {
        let named = self.words.iter().filter(|(category, _)| rulings.is_on(*category));
        named
            .map(|(category, spans)| Flag {
                code: Cow::Borrowed(code(*category)),
                weight: self.probabilities[*category as usize],
                spans: spans.clone(),
            })
            .collect()
    }
}

/// The name of the flag of a category.
fn code(category: Category) -> &'static str {
    match category {
        Category::LowRisk => "learned_low_risk",
        Category::Spam => "learned_spam",
        Category::Toxic => "learned_toxic",
        Category::TargetedHarassment => "learned_targeted_harassment",
        Category::HateSpeech => "learned_hate_speech",
        Category::Violence => "learned_violence",
        Category::Sexual => "learned_sexual",
        Category::PromptInjection => "learned_prompt_injection",
        Category::Jailbreak => "learned_jailbreak",
        Category::HarmfulIntent => "learned_harmful_intent",
        Category::SelfHarm => "learned_self_harm",
    }
}

/// The category that a head speaks for; heads that only judge what others found speak for none.
fn category(head: Head) -> Option<Category> {
    match head {
        Head::SpamMessage | Head::SpamComment => Some(Category::Spam),
        Head::Toxic => Some(Category::Toxic),
        Head::Hate | Head::Sexist => Some(Category::HateSpeech),
        Head::Harassment => Some(Category::TargetedHarassment),
        Head::Violence => Some(Category::Violence),
        Head::Sexual => Some(Category::Sexual),
        Head::InjectionDirect | Head::InjectionIndirect => Some(Category::PromptInjection),
        Head::Jailbreak => Some(Category::Jailbreak),
        Head::HarmfulIntent => Some(Category::HarmfulIntent),
        Head::Offensive | Head::HateTweet | Head::HateContrast | Head::AnyRisk => None,
    }
}
