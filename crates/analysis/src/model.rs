//! Trained weights: three heads over hashed n-grams, and a logistic model over the features of each channel.
//!
//! | part | what it is | who learns from what |
//! |---|---|---|
//! | head `harm` | a person asks for what would hurt | user turns |
//! | head `order` | text that tells the reader what to do, where nobody ought to | windows of tools' text |
//! | head `cot` | reasoning that deceives | chains of thought |
//! | channel `chat`, `tool`, `cot` | features into a probability; what speaks for risk never lowers it | sessions, chains of thought |
//!
//! Sums of a head are of whole numbers, so they are the same in any order and on any machine.

use std::sync::{Arc, LazyLock};

use crate::text::words::BUCKETS;

/// What a head reads for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// A request for harm.
    Harm,
    /// An order in text that should hold none.
    Order,
    /// Reasoning that deceives.
    Cot,
}

/// How many heads there are.
pub const LANES: usize = 3;

/// Weights of the heads, by place of an n-gram.
#[derive(Clone, Debug, PartialEq)]
pub struct Heads {
    /// One row a place.
    pub table: Vec<[i8; LANES]>,
    /// Margin of one unit of a weight.
    pub unit: [f64; LANES],
    /// Margin of a text without n-grams.
    pub bias: [f64; LANES],
}

impl Default for Heads {
    fn default() -> Self {
        Self { table: vec![[0; LANES]; BUCKETS], unit: [0.0; LANES], bias: [0.0; LANES] }
    }
}

impl Heads {
    /// The margin of a stretch of `words` words whose weights add up to `sum`.
    pub fn margin(&self, lane: Lane, sum: i32, words: usize) -> f64 {
        let lane = lane as usize;
        self.bias[lane] + self.unit[lane] * f64::from(sum) * norm(words)
    }
}

/// What the sum over a stretch of `words` words is multiplied with.
pub fn norm(words: usize) -> f64 {
    1.0 / libm::sqrt(words.max(WORDS_MIN) as f64)
}

/// Shorter stretches count as this long: one word alone says little.
const WORDS_MIN: usize = 4;

/// A logistic model over `N` features.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Channel<const N: usize> {
    /// One a feature.
    pub weights: [f64; N],
    /// Margin of a session that shows nothing.
    pub bias: f64,
}

impl<const N: usize> Default for Channel<N> {
    fn default() -> Self {
        Self { weights: [0.0; N], bias: -20.0 }
    }
}

impl<const N: usize> Channel<N> {
    /// The probability of `features`, 0..1; 0.5 is where the channel says yes.
    pub fn probability(&self, features: &[f64; N]) -> f64 {
        1.0 / (1.0 + libm::exp(-self.margin(features)))
    }

    /// Above 0 the channel says yes.
    pub fn margin(&self, features: &[f64; N]) -> f64 {
        self.bias + self.weights.iter().zip(features).map(|(weight, feature)| weight * feature).sum::<f64>()
    }
}

/// Features of the chat channel.
pub const CHAT: usize = 28;
/// Features of the tool channel.
pub const TOOL: usize = 14;
/// Features of the channel of a chain of thought.
pub const COT: usize = 14;

/// All weights.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    /// The heads.
    pub heads: Heads,
    /// What users do.
    pub chat: Channel<CHAT>,
    /// What tools' text does.
    pub tool: Channel<TOOL>,
    /// What reasoning does.
    pub cot: Channel<COT>,
}

/// The weights are damaged, or of another version. Never retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the weights of the session analysis are damaged")]
pub struct WeightsError;

const MAGIC: &[u8; 8] = b"TGAN0001";

static SHIPPED: LazyLock<Option<Arc<Weights>>> =
    LazyLock::new(|| Weights::read(include_bytes!("../model/analysis.bin")).ok().map(Arc::new));

impl Weights {
    /// The weights that ship with this crate; `None` if they were damaged when it was built.
    pub fn shipped() -> Option<Arc<Self>> {
        SHIPPED.clone()
    }

    /// As bytes: a mark, numbers in little endian order, then the table. The same weights give the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for number in self.numbers() {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(self.heads.table.iter().flatten().map(|weight| weight.to_le_bytes()[0]));
        bytes
    }

    fn numbers(&self) -> Vec<f64> {
        let mut numbers = [self.heads.unit, self.heads.bias].concat();
        numbers.extend(self.chat.weights);
        numbers.push(self.chat.bias);
        numbers.extend(self.tool.weights);
        numbers.push(self.tool.bias);
        numbers.extend(self.cot.weights);
        numbers.push(self.cot.bias);
        numbers
    }

    /// Reads what [`Self::to_bytes`] wrote. Errors: [`WeightsError`].
    pub fn read(bytes: &[u8]) -> Result<Self, WeightsError> {
        let mut rest = bytes.strip_prefix(MAGIC).ok_or(WeightsError)?;
        let mut number = || -> Result<f64, WeightsError> {
            let (head, tail) = rest.split_first_chunk::<8>().ok_or(WeightsError)?;
            rest = tail;
            let number = f64::from_le_bytes(*head);
            if number.is_finite() { Ok(number) } else { Err(WeightsError) }
        };
        let mut weights = Self::default();
        fill(&mut weights.heads.unit, &mut number)?;
        fill(&mut weights.heads.bias, &mut number)?;
        fill(&mut weights.chat.weights, &mut number)?;
        weights.chat.bias = number()?;
        fill(&mut weights.tool.weights, &mut number)?;
        weights.tool.bias = number()?;
        fill(&mut weights.cot.weights, &mut number)?;
        weights.cot.bias = number()?;
        if rest.len() != BUCKETS * LANES {
            return Err(WeightsError);
        }
        for (row, bytes) in weights.heads.table.iter_mut().zip(rest.chunks_exact(LANES)) {
            row.iter_mut().zip(bytes).for_each(|(weight, byte)| *weight = i8::from_le_bytes([*byte]));
        }
        Ok(weights)
    }
}

fn fill(
    slots: &mut [f64],
    number: &mut impl FnMut() -> Result<f64, WeightsError>,
) -> Result<(), WeightsError> {
    slots.iter_mut().try_for_each(|slot| {
        *slot = number()?;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_anything_else_refused() {
        let mut weights = Weights::default();
        weights.heads.table[7] = [1, -2, 3];
        weights.chat.weights[3] = 0.25;
        weights.cot.bias = -1.5;
        let bytes = weights.to_bytes();
        assert_eq!(Weights::read(&bytes), Ok(weights));
        assert_eq!(Weights::read(&bytes[1..]), Err(WeightsError));
        assert_eq!(Weights::read(&bytes[..bytes.len() - 1]), Err(WeightsError));
    }

    #[test]
    fn the_shipped_weights_are_whole() {
        assert!(Weights::shipped().is_some());
    }
}
