//! A split-block Bloom filter: one cache line a question, about 1 % false answers at 10 bits a key.
//!
//! Source: Apache Parquet format, "Bloom Filter" (split block Bloom filters).

const SALTS: [u32; 8] =
    [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];
const BLOCK_BYTES: usize = 32;
const BITS_PER_KEY: usize = 10;

/// A set that may say yes to a stranger, but never no to a member.
pub(crate) struct Filter {
    blocks: Vec<[u32; 8]>,
}

impl Filter {
    /// The filter of `keys`, which are uniform hashes; `count` of them.
    pub(crate) fn of(keys: impl Iterator<Item = u128>, count: usize) -> Self {
        let blocks = (count * BITS_PER_KEY).div_ceil(BLOCK_BYTES * 8);
        let mut filter = Self { blocks: vec![[0; 8]; blocks] };
        for key in keys {
            if let Some(at) = filter.block(key) {
                for (word, bit) in filter.blocks[at].iter_mut().zip(bits(key)) {
                    *word |= bit;
                }
            }
        }
        filter
    }

    /// False only if `key` is certainly not in the set.
    pub(crate) fn may_hold(&self, key: u128) -> bool {
        self.block(key)
            .is_some_and(|at| self.blocks[at].iter().zip(bits(key)).all(|(word, bit)| word & bit != 0))
    }

    fn block(&self, key: u128) -> Option<usize> {
        let count = self.blocks.len() as u64;
        (count > 0).then(|| (((key as u64 >> 32) * count) >> 32) as usize)
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.blocks.iter().flatten().flat_map(|word| word.to_le_bytes()).collect()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let word = |chunk: &[u8], i: usize| super::u32_at(chunk, i * 4);
        let blocks =
            bytes.chunks_exact(BLOCK_BYTES).map(|chunk| std::array::from_fn(|i| word(chunk, i))).collect();
        Self { blocks }
    }
}

fn bits(key: u128) -> [u32; 8] {
    std::array::from_fn(|i| 1 << ((key as u32).wrapping_mul(SALTS[i]) >> 27))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u64) -> u128 {
        u128::from(n.wrapping_mul(0x9e37_79b9_7f4a_7c15)) | u128::from(n) << 64
    }

    #[test]
    fn members_are_always_found_and_strangers_rarely() {
        let filter = Filter::of((0..10_000).map(key), 10_000);
        let filter = Filter::from_bytes(&filter.to_bytes());
        assert!((0..10_000).all(|n| filter.may_hold(key(n))));
        let false_alarms = (10_000..110_000).filter(|n| filter.may_hold(key(*n))).count();
        assert!(false_alarms < 2_500, "{false_alarms} of 100000");
    }

    #[test]
    fn an_empty_filter_holds_nothing() {
        assert!(!Filter::of(std::iter::empty(), 0).may_hold(7));
    }
}
