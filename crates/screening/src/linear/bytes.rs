//! A model as bytes, and back.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `TGLINEAR` |
//! | 4 | format, 1 |
//! | 4 | lanes |
//! | lanes x 64 | units of four blocks, bias, slope, offset, threshold; each an f64 |
//! | buckets x 4 x 2 | tags |
//! | buckets x 4 x lanes | weights |
//! | 8 | XXH3 of all before |
//!
//! Numbers are little-endian. Bytes that differ in any way are refused: there is one right length and one right hash.

use twox_hash::XxHash3_64;

use super::table::{BUCKETS, WAYS};
use super::{Block, Calibration, LANES, Model, Scale, Table};

const MAGIC: [u8; 8] = *b"TGLINEAR";
const FORMAT: u32 = 1;
const SCALE_NUMBERS: usize = Block::COUNT + 4;
const SCALES_AT: usize = MAGIC.len() + 8;
const TAGS_AT: usize = SCALES_AT + LANES * SCALE_NUMBERS * 8;
const ROWS_AT: usize = TAGS_AT + BUCKETS * WAYS * 2;
const HASH_AT: usize = ROWS_AT + BUCKETS * WAYS * LANES;

/// Why bytes are not a model. Never retried: the same bytes stay wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// Cut short, too long, or something else altogether.
    #[error("{found} bytes are not the length of a model")]
    Length {
        /// How many there are.
        found: usize,
    },
    /// Of another format.
    #[error("not a model of format {FORMAT} with {LANES} lanes")]
    Format,
    /// Damaged.
    #[error("the model's bytes do not match their hash")]
    Damaged,
}

impl Model {
    /// The model as bytes: equal for equal models, on every machine.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HASH_AT + 8);
        bytes.extend(MAGIC);
        bytes.extend(FORMAT.to_le_bytes());
        bytes.extend((LANES as u32).to_le_bytes());
        for scale in &self.scales {
            let Calibration { slope, offset, threshold } = scale.calibration;
            for number in scale.unit.into_iter().chain([scale.bias, slope, offset, threshold]) {
                bytes.extend(number.to_le_bytes());
            }
        }
        bytes.extend(self.table.tags.iter().flat_map(|tag| tag.to_le_bytes()));
        bytes.extend(self.table.rows.iter().flatten().map(|&weight| weight as u8));
        bytes.extend(XxHash3_64::oneshot(&bytes).to_le_bytes());
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// - Errors: [`ModelError`] for any other bytes.
    pub fn read(bytes: &[u8]) -> Result<Self, ModelError> {
        if bytes.len() != HASH_AT + 8 {
            return Err(ModelError::Length { found: bytes.len() });
        }
        let head = [&MAGIC[..], &FORMAT.to_le_bytes(), &(LANES as u32).to_le_bytes()].concat();
        if bytes[..SCALES_AT] != head {
            return Err(ModelError::Format);
        }
        if bytes[HASH_AT..] != XxHash3_64::oneshot(&bytes[..HASH_AT]).to_le_bytes() {
            return Err(ModelError::Damaged);
        }
        let (numbers, _) = bytes[SCALES_AT..TAGS_AT].as_chunks::<8>();
        let numbers: Vec<f64> = numbers.iter().copied().map(f64::from_le_bytes).collect();
        if !numbers.iter().all(|number| number.is_finite()) {
            return Err(ModelError::Format);
        }
        Ok(Self { table: table(bytes), scales: scales(&numbers) })
    }

    /// Eight hexadecimal digits that name these weights.
    pub fn fingerprint(&self) -> String {
        format!("{:08x}", XxHash3_64::oneshot(&self.to_bytes()) as u32)
    }
}

fn scales(numbers: &[f64]) -> [Scale; LANES] {
    let scale = |head: usize| {
        let number = |nth: usize| numbers[head * SCALE_NUMBERS + nth];
        Scale {
            unit: std::array::from_fn(number),
            bias: number(Block::COUNT),
            calibration: Calibration {
                slope: number(Block::COUNT + 1),
                offset: number(Block::COUNT + 2),
                threshold: number(Block::COUNT + 3),
            },
        }
    };
    std::array::from_fn(scale)
}

fn table(bytes: &[u8]) -> Table {
    let mut table = Table::default();
    let (tags, _) = bytes[TAGS_AT..ROWS_AT].as_chunks::<8>();
    for (tags, bytes) in table.tags.iter_mut().zip(tags) {
        *tags = u64::from_le_bytes(*bytes);
    }
    for (weight, &byte) in table.rows.iter_mut().flatten().zip(&bytes[ROWS_AT..HASH_AT]) {
        *weight = byte as i8;
    }
    table
}
