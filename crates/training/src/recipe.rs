//! Recipes: how each head is trained. Chosen by cross-validation, one number at a time.

use tidegate_screening::{Block, Head};

use crate::solver::{Example, Target};
use crate::vocabulary::Vocabulary;

/// How one head is trained.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recipe {
    /// What a mistake costs: C of the support vector machine.
    pub(crate) cost: f64,
    /// What the values of each block are multiplied with.
    blocks: [f64; Block::COUNT],
    /// How much a feature counts for how unevenly it is spread over the two kinds of rows, 0..1.
    contrast: f64,
}

impl Recipe {
    pub(crate) fn of(head: Head) -> Self {
        let classes = match head {
            Head::Hate | Head::HateContrast => 2.0,
            _ => 0.5,
        };
        let look = match head {
            Head::SpamMessage
            | Head::HarmfulIntent
            | Head::Jailbreak
            | Head::InjectionIndirect
            | Head::AnyRisk => 0.6,
            _ => 0.3,
        };
        let contrast = match head {
            Head::Toxic
            | Head::Offensive
            | Head::HateTweet
            | Head::Sexist
            | Head::Harassment
            | Head::Violence => 0.4,
            Head::HateContrast => 0.3,
            _ => 0.0,
        };
        let cost = match head {
            Head::HateTweet | Head::Offensive => 0.15,
            Head::Sexist | Head::Sexual | Head::Violence => 0.3,
            Head::InjectionIndirect => 2.5,
            _ => 1.0,
        };
        Self { cost, blocks: [1.0, 1.2, classes, look], contrast }
    }

    /// The square of what the value of each feature is multiplied with: rarer ones count more, and with `contrast`
    /// those that tell the two kinds apart by themselves.
    ///
    /// Source: Wang, Manning (2012), Baselines and Bigrams (NB-SVM).
    pub(crate) fn scales(
        &self,
        vocabulary: &Vocabulary,
        examples: &[Example],
        targets: &[Target],
    ) -> Vec<f32> {
        let ratios = Ratios::count(vocabulary.features.len(), examples, targets);
        let all = examples.len() as f64;
        let scale = |(number, feature): (usize, &crate::vocabulary::Feature)| {
            let rarity = 1.0 + libm::log(all / f64::from(feature.texts));
            let value = self.blocks[feature.block]
                * match feature.block {
                    b if b == Block::Words as usize => rarity / 6.0,
                    b if b == Block::Chars as usize => rarity / 5.0,
                    _ => 1.0,
                };
            let contrast = 1.0 - self.contrast + self.contrast * ratios.of(number);
            let value = value * contrast;
            (value * value) as f32
        };
        vocabulary.features.iter().enumerate().map(scale).collect()
    }
}

/// In how many rows of each kind every feature is.
struct Ratios {
    with: Vec<[u32; 2]>,
    all: [u32; 2],
}

impl Ratios {
    fn count(features: usize, examples: &[Example], targets: &[Target]) -> Self {
        let mut ratios = Self { with: vec![[0; 2]; features], all: [0; 2] };
        for target in targets {
            let kind = usize::from(target.it_is);
            ratios.all[kind] += 1;
            for &feature in examples[target.example as usize].features.iter().flatten() {
                ratios.with[feature as usize][kind] += 1;
            }
        }
        ratios
    }

    /// The size of the logarithm of the ratio of its frequencies, one row added to each.
    fn of(&self, feature: usize) -> f64 {
        let share =
            |kind: usize| (f64::from(self.with[feature][kind]) + 1.0) / (f64::from(self.all[kind]) + 1.0);
        libm::log(share(1) / share(0)).abs()
    }
}
