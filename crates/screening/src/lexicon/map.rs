//! A map from hashes to sets of bits: open addressing, never more than half full.

/// From a hash to bits; 0 for what is not there.
#[derive(Clone, Debug, Default)]
pub(super) struct Map {
    slots: Vec<(u64, u64)>,
    used: usize,
}

impl Map {
    /// The bits of `key`. Cost O(1).
    pub(super) fn get(&self, key: u64) -> u64 {
        if self.slots.is_empty() { 0 } else { self.slots[self.place(key)].1 }
    }

    /// Adds `bits` to those of `key`.
    pub(super) fn add(&mut self, key: u64, bits: u64) {
        if self.used * 2 >= self.slots.len() {
            self.grow();
        }
        let place = self.place(key);
        self.used += usize::from(self.slots[place].1 == 0);
        self.slots[place].0 = key;
        self.slots[place].1 |= bits;
    }

    /// Keeps of `key` only what is not a class: the slot stays taken.
    pub(super) fn clear(&mut self, key: u64) {
        if !self.slots.is_empty() {
            let place = self.place(key);
            if self.slots[place].0 == key {
                self.slots[place].1 &= 1 << 63 | 1 << 62;
                self.slots[place].1 |= 1 << 62;
            }
        }
    }

    /// Where `key` is, or the empty slot where it would be.
    fn place(&self, key: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut place = (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & mask;
        while self.slots[place].1 != 0 && self.slots[place].0 != key {
            place = (place + 1) & mask;
        }
        place
    }

    fn grow(&mut self) {
        let size = (self.slots.len() * 2).max(64);
        let old = std::mem::replace(&mut self.slots, vec![(0, 0); size]);
        for (key, bits) in old.into_iter().filter(|slot| slot.1 != 0) {
            let place = self.place(key);
            self.slots[place] = (key, bits);
        }
    }
}
