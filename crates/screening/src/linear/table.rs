//! The table of weights: buckets of four rows, each row under 16 bits of its feature's hash.

use super::LANES;

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
    /// Which features lie in each bucket; 0 for a free place.
    pub(super) tags: Vec<[u16; WAYS]>,
    pub(super) rows: Vec<[Row; WAYS]>,
}

impl Default for Table {
    fn default() -> Self {
        Self { tags: vec![[0; WAYS]; BUCKETS], rows: vec![[[0; LANES]; WAYS]; BUCKETS] }
    }
}

impl Table {
    /// Most rows that fit.
    pub const ROWS_MAX: usize = BUCKETS * WAYS;

    /// Puts in the row of the feature `hash`; false if its bucket is full or holds one that looks the same.
    pub fn insert(&mut self, hash: u64, row: Row) -> bool {
        let (bucket, tag) = place(hash);
        let tags = &mut self.tags[bucket];
        if tags.contains(&tag) {
            return false;
        }
        let Some(way) = tags.iter().position(|&other| other == 0) else { return false };
        tags[way] = tag;
        self.rows[bucket][way] = row;
        true
    }

    /// The row of the feature `hash`, if the table has one.
    #[inline]
    pub(crate) fn row(&self, hash: u64) -> Option<&Row> {
        let (bucket, tag) = place(hash);
        let tags = &self.tags[bucket];
        let [a, b, c, d] = tags.map(|other| other == tag);
        if !(a | b | c | d) {
            return None;
        }
        let way = if a {
            0
        } else if b {
            1
        } else if c {
            2
        } else {
            3
        };
        Some(&self.rows[bucket][way])
    }
}

/// The bucket of a hash, and the bits that stand for it there.
fn place(hash: u64) -> (usize, u16) {
    let bucket = (hash >> (64 - BUCKET_BITS)) as usize;
    // 0 marks a free place.
    (bucket, ((hash >> 32) as u16).max(1))
}
