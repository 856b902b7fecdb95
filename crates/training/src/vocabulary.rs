//! The vocabulary: the features that training sees, numbered, with how many texts have each.

use std::collections::HashMap;

use tidegate_screening::Block;

/// The features of every text, computed once.
#[derive(Debug)]
pub(crate) struct Features {
    /// By text, then by block: hashes.
    texts: Vec<[Vec<u64>; Block::COUNT]>,
}

impl Features {
    /// Cost O(bytes of all texts).
    pub(crate) fn of<'t>(texts: impl Iterator<Item = &'t str>) -> Self {
        let split = |text| {
            let mut blocks: [Vec<u64>; Block::COUNT] = Default::default();
            for (block, hash) in tidegate_screening::features_of(text) {
                blocks[block as usize].push(hash);
            }
            blocks
        };
        Self { texts: texts.map(split).collect() }
    }

    pub(crate) fn text(&self, nth: usize) -> &[Vec<u64>; Block::COUNT] {
        &self.texts[nth]
    }
}

/// A numbered feature.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Feature {
    pub(crate) hash: u64,
    pub(crate) block: usize,
    /// Texts that have it.
    pub(crate) texts: u32,
}

/// Features by number, in ascending order of hashes.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    pub(crate) features: Vec<Feature>,
    numbers: HashMap<u64, u32>,
}

/// A feature of fewer texts is noise, or the text itself.
const TEXTS_MIN: [usize; Block::COUNT] = [2, 3, 2, 2];

impl Vocabulary {
    /// Counts the features of the texts `of`.
    pub(crate) fn of(all: &Features, of: &[usize]) -> Self {
        let mut features = Vec::new();
        for (block, texts_min) in TEXTS_MIN.into_iter().enumerate() {
            let mut hashes: Vec<u64> =
                of.iter().flat_map(|&nth| all.text(nth)[block].iter().copied()).collect();
            hashes.sort_unstable();
            for run in hashes.chunk_by(|a, b| a == b).filter(|run| run.len() >= texts_min) {
                features.push(Feature { hash: run[0], block, texts: run.len() as u32 });
            }
        }
        Self::from(features)
    }

    /// Only these features, numbered anew.
    pub(crate) fn from(features: Vec<Feature>) -> Self {
        let mut numbers = HashMap::with_capacity(features.len());
        for (number, feature) in features.iter().enumerate() {
            numbers.insert(feature.hash, number as u32);
        }
        Self { features, numbers }
    }

    /// The numbers of a text's features, by block; those not in the vocabulary are left out.
    pub(crate) fn numbers(&self, text: &[Vec<u64>; Block::COUNT]) -> [Vec<u32>; Block::COUNT] {
        std::array::from_fn(|block| {
            text[block].iter().filter_map(|hash| self.numbers.get(hash).copied()).collect()
        })
    }
}
