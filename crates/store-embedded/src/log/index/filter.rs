//! A split-block Bloom filter: one cache line a question, about 0.5 % false answers at 12 bits a hash.
//!
//! Source: Apache Parquet format, "Bloom Filter" (split block Bloom filters).

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

const SALTS: [u32; 8] =
    [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];
const BLOCK_BYTES: usize = 32;
const BITS_PER_HASH: usize = 12;

/// A set of uniform hashes that may say yes to a stranger, but never no to a member.
///
/// Hashes may be put in while others are asked for: who learns of a hash's insertion by other means sees it here.
pub(crate) struct Filter {
    blocks: Vec<Block>,
}

/// Aligned, so that a block lies in one cache line.
#[derive(Default)]
#[repr(align(32))]
struct Block([AtomicU32; 8]);

impl Filter {
    /// An empty filter for `count` hashes.
    pub(crate) fn with_room(count: usize) -> Self {
        let blocks = (count * BITS_PER_HASH).div_ceil(BLOCK_BYTES * 8);
        Self { blocks: (0..blocks).map(|_| Block::default()).collect() }
    }

    pub(crate) fn insert(&self, hash: u64) {
        if let Some(block) = self.block(hash) {
            for (word, bit) in block.0.iter().zip(bits(hash)) {
                word.fetch_or(bit, Relaxed);
            }
        }
    }

    /// False only if `hash` is certainly not in the set.
    pub(crate) fn may_hold(&self, hash: u64) -> bool {
        self.block(hash).is_some_and(|block| {
            block.0.iter().zip(bits(hash)).all(|(word, bit)| word.load(Relaxed) & bit != 0)
        })
    }

    fn block(&self, hash: u64) -> Option<&Block> {
        let count = self.blocks.len() as u64;
        self.blocks.get((((hash >> 32) * count) >> 32) as usize)
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.blocks
            .iter()
            .flat_map(|block| &block.0)
            .flat_map(|word| word.load(Relaxed).to_le_bytes())
            .collect()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let word = |chunk: &[u8], i: usize| AtomicU32::new(super::u32_at(chunk, i * 4));
        let block = |chunk| Block(std::array::from_fn(|i| word(chunk, i)));
        Self { blocks: bytes.chunks_exact(BLOCK_BYTES).map(block).collect() }
    }
}

fn bits(hash: u64) -> [u32; 8] {
    std::array::from_fn(|i| 1 << ((hash as u32).wrapping_mul(SALTS[i]) >> 27))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(n: u64) -> u64 {
        n.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    #[test]
    fn members_are_always_found_and_strangers_rarely() {
        let filter = Filter::with_room(10_000);
        (0..10_000).for_each(|n| filter.insert(hash(n)));
        let filter = Filter::from_bytes(&filter.to_bytes());
        assert!((0..10_000).all(|n| filter.may_hold(hash(n))));
        let false_alarms = (10_000..110_000).filter(|n| filter.may_hold(hash(*n))).count();
        assert!(false_alarms < 1_500, "{false_alarms} of 100000");
    }

    #[test]
    fn an_empty_filter_holds_nothing() {
        assert!(!Filter::with_room(0).may_hold(7));
    }
}
