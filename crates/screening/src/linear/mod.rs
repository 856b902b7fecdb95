//! Linear classifiers: one pass over the features of a text gives the margin of every head.
//!
//! Weights are whole numbers of one byte, one row of [`LANES`] a feature, in a hashed table that remembers 16 bits of
//! each feature's hash: a feature that training did not keep is not found, rather than mistaken for another. Sums are
//! of whole numbers, so they are the same in any order and on any machine (SC1).
//!
//! Source: Weinberger et al. (2009), Feature Hashing for Large Scale Multitask Learning.

mod bytes;
mod calibration;
pub(crate) mod features;
mod head;
mod stance;
mod table;

use std::sync::{Arc, LazyLock};

pub use bytes::ModelError;
pub use calibration::Calibration;
pub(crate) use calibration::probabilities;
pub use features::Block;
pub use head::{Head, LANES};
pub use table::{Row, Table};

use tidegate_domain::assessment::Span;

use crate::lexicon::{self, Lexicon, Tag};
use crate::normal::{Normal, Word};

/// The margins of one text, by head.
pub type Margins = [f64; LANES];

/// What turns whole sums into the margin of a head, and how that is read.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scale {
    /// Margin of one unit, by block.
    pub unit: [f64; Block::COUNT],
    /// Margin of a text without features.
    pub bias: f64,
    /// How the margin is read.
    pub calibration: Calibration,
}

/// Trained weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The rows of weights.
    pub table: Table,
    /// One a head.
    pub scales: [Scale; LANES],
}

static SHIPPED: LazyLock<Option<Arc<Model>>> =
    LazyLock::new(|| Model::read(include_bytes!("../../model/linear.bin")).ok().map(Arc::new));

impl Model {
    /// The weights that ship with this crate; `None` if they were damaged when it was built.
    pub fn shipped() -> Option<Arc<Self>> {
        SHIPPED.clone()
    }

    /// The margin of every head for one text. Cost O(bytes of the text's window).
    pub(crate) fn margins(&self, normal: &Normal<'_>, tags: &[Tag]) -> Margins {
        let mut found: [Found; Block::COUNT] = Default::default();
        found[Block::Chars as usize].rows.reserve_exact(normal.bytes().len().min(features::CHARS_MAX) * 4);
        features::visit(normal, tags, |block, hash, fresh| {
            found[block as usize].note(self.table.probe(hash), fresh);
        });
        let counts = found.each_ref().map(|found| found.features);
        let sums = found.map(|found| self.table.sum(&found.rows[..found.len]));
        let norms = norms(counts);
        let mut margins = [0.0; LANES];
        for (head, margin) in margins.iter_mut().enumerate() {
            let scale = &self.scales[head];
            *margin = scale.bias
                + (0..Block::COUNT).map(|b| scale.unit[b] * f64::from(sums[b][head]) * norms[b]).sum::<f64>();
        }
        margins
    }

    /// For each of `heads` the words that speak most for it, at most [`WORDS_NAMED`], in the order of the text.
    ///
    /// A second pass, for texts that were found to be something. Cost O(bytes of the window).
    pub(crate) fn words_for(&self, heads: &[Head], normal: &Normal<'_>) -> Vec<Vec<Span>> {
        let within = normal.words.iter().take_while(|word| word.end as usize <= features::WINDOW_BYTES);
        let mut heavy: Vec<Vec<(f64, &Word)>> = vec![Vec::new(); heads.len()];
        for word in within {
            let mut weights = vec![0.0; heads.len()];
            features::visit_word(normal, word, |block, hash| {
                if let Some(row) = self.table.find(hash) {
                    for (weight, &head) in weights.iter_mut().zip(heads) {
                        let unit = self.scales[head as usize].unit[block as usize];
                        *weight += unit * f64::from(self.table.weight(row, head));
                    }
                }
            });
            for (heavy, weight) in heavy.iter_mut().zip(weights).filter(|(_, weight)| *weight > 0.0) {
                heavy.push((weight, word));
            }
        }
        heavy.into_iter().map(|words| heaviest(words, normal)).collect()
    }

    /// From now on the margins are read as `calibrations` say.
    pub fn calibrate(&mut self, calibrations: &[Calibration; LANES]) {
        for (scale, calibration) in self.scales.iter_mut().zip(calibrations) {
            scale.calibration = *calibration;
        }
    }

    /// How the margins of every head are read.
    pub fn calibrations(&self) -> [Calibration; LANES] {
        self.scales.each_ref().map(|scale| scale.calibration)
    }
}

/// The rows of the features of a block.
#[derive(Default)]
struct Found {
    /// The first `len` of them count: the next one is written over what was not found.
    rows: Vec<u32>,
    len: usize,
    /// How many features there are, found or not.
    features: u32,
}

impl Found {
    /// Notes a feature without a branch on whether it counts: that is as good as chance.
    #[inline]
    fn note(&mut self, (row, found): (u32, bool), fresh: bool) {
        if self.len == self.rows.len() {
            self.rows.resize(self.rows.capacity().max(self.len * 2 + 64), 0);
        }
        self.rows[self.len] = row;
        self.len += usize::from(found & fresh);
        self.features += u32::from(fresh);
    }
}

/// The places of the heaviest of `words`, in the order of the text.
fn heaviest(mut words: Vec<(f64, &Word)>, normal: &Normal<'_>) -> Vec<Span> {
    words.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.start.cmp(&b.1.start)));
    words.truncate(WORDS_NAMED);
    let mut spans: Vec<Span> = words.into_iter().map(|(_, word)| normal.span_of(word)).collect();
    spans.sort_by_key(|span| span.start);
    // Two words may come out of one character, as those of a ligature do.
    spans.dedup_by(|later, earlier| later.start < earlier.end);
    spans
}

/// So many words are named as the reason of a finding.
const WORDS_NAMED: usize = 4;

/// What the features of a block are multiplied with, given how many there are: 1 / sqrt(count).
pub fn norms(counts: [u32; Block::COUNT]) -> [f64; Block::COUNT] {
    counts.map(|count| 1.0 / libm::sqrt(f64::from(count.max(1))))
}

/// The distinct features of a text, block by block: what training learns from. Cost O(bytes of the window).
pub fn features_of(text: &str) -> Vec<(Block, u64)> {
    let lexicon = Lexicon::shared();
    let normal = Normal::of(text, &lexicon);
    let tags = lexicon::tag(&normal.words, &lexicon);
    let mut features = Vec::new();
    features::visit(&normal, &tags, |block, hash, fresh| {
        if fresh {
            features.push((block, hash));
        }
    });
    features
}
