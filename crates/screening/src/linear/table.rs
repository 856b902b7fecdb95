//! The table of weights: buckets of four rows, each row under 16 bits of its feature's hash.

use super::{Head, LANES};

/// Weights of one feature, by head.
pub type Row = [i8; LANES];

/// Rows a bucket.
pub(super) const WAYS: usize = 4;
/// Buckets, as a power of two.
pub(super) const BUCKET_BITS: u32 = 16;
pub(super) const BUCKETS: usize = 1 << BUCKET_BITS;

/// Rows of weights by hash.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Which features lie in each bucket, 16 bits each, the first lowest; 0 for a free place.
    pub(super) tags: Box<[u64; BUCKETS]>,
    /// [`WAYS`] rows a bucket.
    pub(super) rows: Vec<Row>,
}

impl Default for Table {
    fn default() -> Self {
        Self { tags: Box::new([0; BUCKETS]), rows: vec![[0; LANES]; BUCKETS * WAYS] }
    }
}

impl Table {
    /// Most rows that fit.
    pub const ROWS_MAX: usize = BUCKETS * WAYS;

    /// Puts in the row of the feature `hash`; false if its bucket is full or holds one that looks the same.
    pub fn insert(&mut self, hash: u64, row: Row) -> bool {
        let (bucket, tag) = place(hash);
        if self.find(hash).is_some() {
            return false;
        }
        let Some(way) = (0..WAYS).find(|way| (self.tags[bucket] >> (16 * way)) as u16 == 0) else {
            return false;
        };
        self.tags[bucket] |= u64::from(tag) << (16 * way);
        self.rows[bucket * WAYS + way] = row;
        true
    }

    /// The number of the row of the feature `hash`, if the table has one.
    pub(crate) fn find(&self, hash: u64) -> Option<u32> {
        let (row, found) = self.probe(hash);
        found.then_some(row)
    }

    /// As [`Self::find`], without a branch: whether the row is there, and its number if it is.
    ///
    /// All four places are compared at once: the lowest lane that is zero after the exclusive or is the match.
    #[inline]
    pub(crate) fn probe(&self, hash: u64) -> (u32, bool) {
        const ONES: u64 = 0x0001_0001_0001_0001;
        let (bucket, tag) = place(hash);
        let differ = self.tags[bucket] ^ u64::from(tag).wrapping_mul(ONES);
        let zero = differ.wrapping_sub(ONES) & !differ & (ONES << 15);
        ((bucket * WAYS) as u32 + zero.trailing_zeros() / 16, zero != 0)
    }

    /// One weight of the row of this number.
    pub(crate) fn weight(&self, row: u32, head: Head) -> i8 {
        self.rows[row as usize][head as usize]
    }

    /// The sum of the rows of these numbers. Whole numbers: the order does not matter.
    pub(crate) fn sum(&self, rows: &[u32]) -> [i32; LANES] {
        let mut sums = [0_i32; LANES];
        for chunk in rows.chunks(CHUNK) {
            let mut part = [0_i16; LANES];
            for row in chunk {
                for (sum, &weight) in part.iter_mut().zip(&self.rows[*row as usize]) {
                    *sum += i16::from(weight);
                }
            }
            for (sum, part) in sums.iter_mut().zip(part) {
                *sum += i32::from(part);
            }
        }
        sums
    }
}

/// So many weights fit into 16 bits, whatever they are: 255 times 128.
const CHUNK: usize = 255;

/// The bucket of a hash, and the bits that stand for it there.
#[inline]
fn place(hash: u64) -> (usize, u16) {
    let bucket = (hash >> (64 - BUCKET_BITS)) as usize;
    // 0 marks a free place.
    (bucket & (BUCKETS - 1), ((hash >> 32) as u16).max(1))
}
