//! The keys and fingerprints of a segment that grows.

use hashbrown::HashTable;

use super::KeyEntry;

/// Entries in the order they came, and a table to find them: its slots are small, so that most of them stay in the
/// processor's caches when there are hundreds of thousands.
#[derive(Default)]
pub(crate) struct Keys {
    entries: Vec<(u128, KeyEntry)>,
    /// Some bits of the hash, so that the table can grow without a look at the entries, and the entry's number.
    slots: HashTable<(u32, u32)>,
}

/// What the table sorts by. Hashes are cut from SHA-256: uniform, whatever clients choose.
fn spread(bits: u32) -> u64 {
    u64::from(bits) << 32 | u64::from(bits)
}

impl Keys {
    pub(crate) fn get(&self, hash: u128) -> Option<KeyEntry> {
        self.number(hash).map(|number| self.entries[number].1)
    }

    /// Remembers `entry`, in the place of an older one of the same hash.
    pub(crate) fn insert(&mut self, hash: u128, entry: KeyEntry) {
        if let Some(number) = self.number(hash) {
            self.entries[number].1 = entry;
            return;
        }
        let bits = hash as u32;
        self.slots.insert_unique(spread(bits), (bits, self.entries.len() as u32), |slot| spread(slot.0));
        self.entries.push((hash, entry));
    }

    fn number(&self, hash: u128) -> Option<usize> {
        let bits = hash as u32;
        let is_it = |slot: &(u32, u32)| slot.0 == bits && self.entries[slot.1 as usize].0 == hash;
        self.slots.find(spread(bits), is_it).map(|slot| slot.1 as usize)
    }

    /// All of them, sorted by hash.
    pub(crate) fn sorted(&self) -> Vec<(u128, KeyEntry)> {
        let mut sorted = self.entries.clone();
        sorted.sort_unstable_by_key(|(hash, _)| *hash);
        sorted
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tidegate_domain::time::UnixMs;

    use super::*;

    fn entry(position: u64) -> KeyEntry {
        KeyEntry { digest: position * 7, position, recorded_at: UnixMs(1), crc: 3 }
    }

    #[test]
    fn it_is_a_map_even_where_hashes_share_their_lower_bits() {
        let (mut keys, mut model) = (Keys::default(), BTreeMap::new());
        for number in 0..50_000_u64 {
            let n = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 20_000;
            let hash = u128::from(n) << 100 | u128::from(n % 300);
            keys.insert(hash, entry(number));
            model.insert(hash, entry(number));
        }
        assert!(model.iter().all(|(hash, entry)| keys.get(*hash) == Some(*entry)));
        assert_eq!(keys.get(1 << 99), None);
        assert_eq!(keys.sorted(), model.into_iter().collect::<Vec<_>>());
    }
}
