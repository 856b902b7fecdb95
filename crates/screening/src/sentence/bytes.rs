//! Heads as bytes, and back.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `TGHEADS1` |
//! | 4, 4, 4 | lanes, values of a vector, length of the encoder's name |
//! | length | the encoder, `name@digest`, UTF-8 |
//! | lanes x 24 | slope, offset, threshold; each an f64 |
//! | lanes x 4 | biases, each an f32 |
//! | (values + lanes) x lanes x 4 | weights, each an f32 |
//! | 8 | XXH3 of all before |
//!
//! Numbers are little-endian. Bytes that differ in any way are refused: there is one right length and one right hash.

use twox_hash::XxHash3_64;

use super::{Column, SentenceHeads};
use crate::linear::{Calibration, LANES, ModelError};

const MAGIC: [u8; 8] = *b"TGHEADS1";
const HASH_BYTES: usize = 8;
/// Longer names and vectors are of no encoder.
const NAME_BYTES_MAX: usize = 256;
const DIMS_MAX: usize = 4096;

impl SentenceHeads {
    /// The heads as bytes: equal for equal heads, on every machine.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for number in [LANES, self.dims(), self.encoder.len()] {
            bytes.extend((number as u32).to_le_bytes());
        }
        bytes.extend(self.encoder.as_bytes());
        for Calibration { slope, offset, threshold } in self.calibrations {
            bytes.extend([slope, offset, threshold].into_iter().flat_map(f64::to_le_bytes));
        }
        let weights = self.biases.iter().chain(self.columns.iter().flatten());
        bytes.extend(weights.flat_map(|weight| weight.to_le_bytes()));
        bytes.extend(XxHash3_64::oneshot(&bytes).to_le_bytes());
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// - Errors: [`ModelError`] for any other bytes.
    pub fn read(bytes: &[u8]) -> Result<Self, ModelError> {
        let length = ModelError::Length { found: bytes.len() };
        let (body, hash) = bytes.split_last_chunk::<HASH_BYTES>().ok_or(length)?;
        if *hash != XxHash3_64::oneshot(body).to_le_bytes() {
            return Err(ModelError::Damaged);
        }
        let mut rest = Rest(body);
        if rest.take(MAGIC.len())? != MAGIC {
            return Err(ModelError::Format);
        }
        let (lanes, dims, name) = (rest.number()?, rest.number()?, rest.number()?);
        if lanes != LANES || dims > DIMS_MAX || name > NAME_BYTES_MAX {
            return Err(ModelError::Format);
        }
        let encoder = std::str::from_utf8(rest.take(name)?).map_err(|_| ModelError::Format)?.to_owned();
        let mut calibrations = [Calibration::default(); LANES];
        for own in &mut calibrations {
            (own.slope, own.offset, own.threshold) = (rest.long()?, rest.long()?, rest.long()?);
        }
        let biases = rest.column()?;
        let columns = (0..dims + LANES).map(|_| rest.column()).collect::<Result<Vec<_>, _>>()?;
        if rest.0.is_empty() {
            Ok(Self { encoder, columns, biases, calibrations })
        } else {
            Err(ModelError::Length { found: bytes.len() })
        }
    }

    /// Eight hexadecimal digits that name these heads.
    pub fn fingerprint(&self) -> String {
        format!("{:08x}", XxHash3_64::oneshot(&self.to_bytes()) as u32)
    }
}

/// Bytes not yet read.
struct Rest<'b>(&'b [u8]);

impl<'b> Rest<'b> {
    fn take(&mut self, count: usize) -> Result<&'b [u8], ModelError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(ModelError::Format)?;
        self.0 = rest;
        Ok(taken)
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], ModelError> {
        self.take(N)?.try_into().map_err(|_| ModelError::Format)
    }

    fn number(&mut self) -> Result<usize, ModelError> {
        Ok(u32::from_le_bytes(self.chunk()?) as usize)
    }

    fn long(&mut self) -> Result<f64, ModelError> {
        let number = f64::from_le_bytes(self.chunk()?);
        number.is_finite().then_some(number).ok_or(ModelError::Format)
    }

    fn column(&mut self) -> Result<Column, ModelError> {
        let mut column = [0.0; LANES];
        for weight in &mut column {
            *weight = f32::from_le_bytes(self.chunk()?);
        }
        column.iter().all(|weight| weight.is_finite()).then_some(column).ok_or(ModelError::Format)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sentence::tests::heads;

    #[test]
    fn what_was_written_is_read() {
        let heads = heads(32);
        assert_eq!(SentenceHeads::read(&heads.to_bytes()).unwrap(), heads);
    }

    #[test]
    fn other_bytes_are_refused() {
        let bytes = heads(32).to_bytes();
        for at in (0..bytes.len()).step_by(97) {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(SentenceHeads::read(&changed).is_err(), "byte {at}");
            assert!(SentenceHeads::read(&bytes[..at]).is_err(), "cut at {at}");
        }
        assert!(SentenceHeads::read(&[bytes, vec![0]].concat()).is_err());
    }

    #[test]
    fn another_shape_under_a_right_hash_is_refused() {
        let bytes = heads(32).to_bytes();
        let body = &bytes[..bytes.len() - HASH_BYTES];
        for (at, byte) in [(0, b'X'), (MAGIC.len(), 15), (MAGIC.len() + 4, 33), (MAGIC.len() + 8, 0xff)] {
            let mut changed = body.to_vec();
            changed[at] = byte;
            changed.extend(XxHash3_64::oneshot(&changed).to_le_bytes());
            assert!(SentenceHeads::read(&changed).is_err(), "byte {at}");
        }
    }
}
