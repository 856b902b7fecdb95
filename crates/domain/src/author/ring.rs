//! A ring of counters: one slot a stretch of time, the oldest overwritten by the newest.

use crate::time::UnixMs;

/// Messages and risky messages by stretch of time; `N` stretches are a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ring<const N: usize> {
    /// The number of the newest stretch since 1970.
    pub(super) newest: i64,
    /// By number of the stretch modulo `N`: messages, and the risky ones among them.
    pub(super) slots: [(u32, u32); N],
}

impl<const N: usize> Default for Ring<N> {
    fn default() -> Self {
        Self { newest: 0, slots: [(0, 0); N] }
    }
}

impl<const N: usize> Ring<N> {
    /// Counts a message at `now`, which is not before any counted so far.
    pub(super) fn count(&mut self, now: UnixMs, slot_ms: i64, is_risky: bool) {
        self.turn_to(now.0.div_euclid(slot_ms));
        let slot = &mut self.slots[self.newest.rem_euclid(N as i64) as usize];
        slot.0 = slot.0.saturating_add(1);
        slot.1 = slot.1.saturating_add(u32::from(is_risky));
    }

    fn turn_to(&mut self, stretch: i64) {
        let passed = stretch.saturating_sub(self.newest).clamp(0, N as i64);
        for back in 0..passed {
            self.slots[(stretch - back).rem_euclid(N as i64) as usize] = (0, 0);
        }
        self.newest = self.newest.max(stretch);
    }

    /// Messages and risky ones of the window that ends at `now`.
    pub(super) fn sum(&self, now: UnixMs, slot_ms: i64) -> (u32, u32) {
        let stretch = now.0.div_euclid(slot_ms);
        let is_within = |number: i64| stretch - number < N as i64;
        let numbers = (0..N as i64).map(|back| self.newest - back).filter(|&number| is_within(number));
        numbers.fold((0, 0), |(all, risky), number| {
            let slot = self.slots[number.rem_euclid(N as i64) as usize];
            (all.saturating_add(slot.0), risky.saturating_add(slot.1))
        })
    }
}
